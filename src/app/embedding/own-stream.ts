import type { Hub } from '../../hub/hub.ts'
import type { Start } from '../../hub/stream/cursors.ts'
import type { CloseReason } from '../../hub/stream/subscriber.ts'
import type { StreamEvent } from '../../client/event-stream.ts'
import type { Grants } from '../../protocol/grants.ts'
import type { Matcher } from '../../protocol/matcher.ts'
import { ReadingWire } from './reading-wire.ts'

/** Updates between the cursor that was asked for, or the last event, and the next one are not kept any more. */
export interface Gap {
  readonly requested: string
  readonly resumedAfter: string
}

export interface OwnStreamOptions {
  readonly matchers: readonly Matcher[]
  readonly grants: Grants
  /** Where to begin, as `Last-Event-ID` would say it; absent: live from now on. */
  readonly lastEventId?: string | undefined
  readonly onGap?: ((gap: Gap) => void) | undefined
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined
}

/** Whom limits count a stream of the program itself to: it has neither token nor address. */
const nobody = { tokenHash: undefined, address: undefined }

/** Ends after which a stream goes on where it was: its time was over, or its reader was slow for a while. */
const passing: ReadonlySet<CloseReason> = new Set(['rotated', 'slow', 'stalled'])

/**
 * A subscription of the embedding program, in this process: an async iterable of events.
 *
 * It is a stream like any other, with a bounded buffer instead of a socket. A program that reads slowly
 * loses nothing: the stream is then read on from the history, from the last event that was taken.
 */
export class OwnStream implements AsyncIterable<StreamEvent> {
  readonly #hub: Hub
  readonly #options: OwnStreamOptions
  #wire: ReadingWire | undefined
  #reason: CloseReason | 'aborted' | undefined
  #opening: Promise<void> | undefined
  #isBegun = false
  /** The cursor after the last event taken: hand it to another subscription to go on there. */
  lastEventId: string

  constructor(hub: Hub, options: OwnStreamOptions) {
    this.#hub = hub
    this.#options = options
    this.lastEventId = options.lastEventId ?? ''
    options.signal?.addEventListener('abort', this.#abort, { once: true })
    if (options.signal?.aborted === true) this.close()
  }

  /** Why the iteration ended: `aborted` by the program, `drained` when the hub closed; undefined while it goes on. */
  get reason(): CloseReason | 'aborted' | undefined {
    return this.#reason
  }

  /**
   * Opens the stream; events from now on are heard. Iterating does this too.
   *
   * @throws HubError `unavailable` when the hub is full or closing
   */
  async open(): Promise<this> {
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined))
    await this.#opening
    return this
  }

  async #open(): Promise<void> {
    if (this.#wire !== undefined || this.#reason !== undefined) return
    const start = await this.#start()
    const refusal = await this.#hub.seat(nobody)
    if (refusal !== undefined) throw refusal
    if (this.#reason !== undefined) return this.#hub.unseat(nobody) // it was closed meanwhile
    const { matchers, grants } = this.#options
    const wire = new ReadingWire(this.lastEventId)
    try {
      const subscription = { matchers, grants, start, hasCursorLines: true }
      wire.subscriber = this.#hub.subscribe(wire, subscription)
    } catch (error) {
      this.#hub.unseat(nobody)
      throw error
    }
    this.#wire = wire
    this.#isBegun = true
    await wire.opened()
  }

  async #start(): Promise<Start | undefined> {
    const hasCursor = this.#isBegun || this.#options.lastEventId !== undefined
    return hasCursor ? this.#hub.locate(this.lastEventId) : undefined
  }

  /** Ends the subscription; closing twice is harmless. */
  close(): void {
    this.#reason ??= 'aborted'
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#wire?.close()
  }

  readonly #abort = () => this.close()

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, undefined> {
    try {
      while (this.#reason === undefined) {
        await this.open()
        yield* this.#read()
      }
    } finally {
      this.close()
    }
  }

  async *#read(): AsyncGenerator<StreamEvent, void, undefined> {
    const wire = this.#wire
    if (wire === undefined) return
    for (let taken = await wire.take(); taken !== undefined; taken = await wire.take()) {
      this.lastEventId = taken.id
      const gap = gapIn(taken)
      if (gap === undefined) yield taken
      else this.#options.onGap?.(gap)
    }
    this.lastEventId = wire.lastEventId
    this.#wire = undefined
    if (!passing.has(wire.reason)) this.#reason ??= wire.reason
  }
}

/** A gap event as the hub encodes it (protocol/README: extensions). */
function gapIn({ type, data }: StreamEvent): Gap | undefined {
  if (type !== 'mercure' || !data.startsWith('{"type":"gap"')) return undefined
  const { requested, resumed_after } = JSON.parse(data) as Record<string, string>
  return { requested: requested ?? '', resumedAfter: resumed_after ?? '' }
}
