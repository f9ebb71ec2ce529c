import { earliest } from '../../protocol/cursor.ts'
import { encodeCursorLine, encodeHubEvent } from '../../protocol/sse.ts'
import type { Cursors, Start } from './cursors.ts'
import type { Subscriber } from './subscriber.ts'

/** Reconnection times: a second or two for a few clients, spread further as more of them would come back at once. */
const retryBaseMs = 500
const retrySpreadMs = 1_000
const retrySpreadPerSubscriberMs = 1
const retrySpreadMostMs = 15_000
/** After a rotation the hub is there: come back soon, but not all in the same moment. */
const rotationRetryMs = { least: 100, most: 1_000 }

export interface OwnLinesOptions {
  readonly cursors: Cursors
  /** Whether streams carry blocks without data that move the client's cursor. */
  readonly cursorLines: boolean
  /** The last position that every live stream has. */
  readonly delivered: () => number
  /** Streams that are open: as many may come back at once. */
  readonly streams: () => number
}

/**
 * What the hub itself says on a stream: reconnection times, cursors, heartbeats, gaps.
 *
 * A plain stream is told none of it but comments and reconnection times. Some of its parsers take any block
 * that an empty line ends for an event, so its block stays open for the next update.
 */
export class OwnLines {
  readonly #options: OwnLinesOptions

  constructor(options: OwnLinesOptions) {
    this.#options = options
  }

  /** The first bytes of a stream: reconnection time, cursor, and the gap event when something is missing. */
  opening(start: Start | undefined, subscriber: Subscriber): string {
    const scaled = retrySpreadMs + this.#options.streams() * retrySpreadPerSubscriberMs
    const spread = Math.min(scaled, retrySpreadMostMs)
    const opening = `:\nretry: ${Math.round(retryBaseMs + Math.random() * spread)}\n${this.blockEnd(subscriber)}`
    if (start?.missing === undefined || subscriber.isPlain) return opening
    return opening + gapEvent(start.missing, earliest)
  }

  /** What an idle stream gets from time to time. */
  beat(subscriber: Subscriber): string {
    return `:\n${this.#cursorLine(subscriber)}`
  }

  /** The last bytes of a stream that is to come back soon. */
  rotation(subscriber: Subscriber): string {
    const { least, most } = rotationRetryMs
    const retry = Math.round(least + Math.random() * (most - least))
    return `retry: ${retry}\n${this.blockEnd(subscriber)}`
  }

  /** What stands behind the hub's own lines. */
  blockEnd(subscriber: Subscriber): string {
    if (subscriber.isPlain) return ':\n'
    return this.#cursorLine(subscriber) || '\n'
  }

  /** Entries before this position are missing; what is kept can be had from the earliest on. */
  gapBefore(position: number): string {
    return gapEvent(this.#options.cursors.at(position), earliest)
  }

  /** What came after this position is not what it was: the stream goes on from there. */
  resetTo(position: number, subscriber: Subscriber): string {
    const cursor = this.#options.cursors.at(position)
    return gapEvent(cursor, cursor) + this.#cursorLine(subscriber)
  }

  /** Live streams have everything up to the last pass, or more when this pass has reached them. */
  #cursorLine(subscriber: Subscriber): string {
    const { cursors, cursorLines, delivered } = this.#options
    if (!cursorLines || subscriber.isPlain) return ''
    const isLive = subscriber.state === 'live'
    const seen = isLive ? Math.max(subscriber.position, delivered()) : subscriber.position
    return encodeCursorLine(cursors.at(seen))
  }
}

function gapEvent(requested: string, resumedAfter: string): string {
  const gap = { type: 'gap', requested, resumed_after: resumedAfter }
  return encodeHubEvent(gap).toString()
}
