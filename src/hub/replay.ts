import type { Log, Page } from '../log/log.ts'
import { HubError } from '../protocol/errors.ts'
import { encodeHubEvent, encodeUpdate } from '../protocol/sse.ts'
import { maxWriteBytes } from '../registry/outbox.ts'
import type { Subscriber } from './subscriber.ts'

export interface ReplayOptions {
  /** The position that this process has dispatched: how far a replay may read, and where it goes live. */
  readonly dispatched: () => number
  /** Makes a subscriber live, in the same tick as the check that it has seen everything dispatched. */
  readonly goLive: (subscriber: Subscriber) => void
  readonly cursorAt: (position: number) => string
  readonly onReplayed: (entries: number) => void
  readonly onLost: (entries: number) => void
  readonly onError: (error: unknown) => void
}

/** Milliseconds of one turn that all replays together may take from the live path. */
const budgetMs = 4
/** When a log that cannot be reached is asked again. */
const againMs = 500
const page = { maxEntries: 256, maxBytes: maxWriteBytes }

/**
 * Serves the subscribers that are not live yet, in turn, a page at a time.
 *
 * Each reads the log from its own position and writes only while its socket has room, so a replay
 * costs one page and the socket's buffer, however long the history and however slow the client.
 */
export class Replays {
  readonly #log: Log
  readonly #options: ReplayOptions
  #queue: Subscriber[] = []
  #ahead: Subscriber[] = []
  #isScheduled = false

  constructor(log: Log, options: ReplayOptions) {
    this.#log = log
    this.#options = options
  }

  /** Subscribers that have something to read now. */
  get waiting(): number {
    return this.#queue.length + this.#ahead.length
  }

  /** Goes on with a subscriber: when it starts, and when its socket has room again. */
  resume(subscriber: Subscriber): void {
    if (subscriber.state !== 'replaying' || subscriber.isQueuedForReplay) return
    if (subscriber.position === this.#options.dispatched()) return this.#options.goLive(subscriber)
    subscriber.isQueuedForReplay = true
    if (subscriber.position > this.#options.dispatched()) this.#ahead.push(subscriber)
    else this.#enqueue(subscriber)
  }

  /** The dispatcher moved: who was ahead of it may go live now, or read what came since. */
  dispatchedMore(): void {
    if (this.#ahead.length === 0) return
    const ahead = this.#ahead
    this.#ahead = []
    for (const subscriber of ahead) {
      subscriber.isQueuedForReplay = false
      this.resume(subscriber)
    }
  }

  #enqueue(subscriber: Subscriber): void {
    this.#queue.push(subscriber)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    const deadline = performance.now() + budgetMs
    const queue = this.#queue
    let served = 0
    while (served < queue.length && performance.now() < deadline) {
      const subscriber = queue[served++]
      if (subscriber !== undefined) this.#serve(subscriber)
    }
    this.#queue = queue.slice(served)
    this.#isScheduled = this.#queue.length > 0
    if (this.#isScheduled) setImmediate(() => this.#run())
  }

  #serve(subscriber: Subscriber): void {
    if (subscriber.state !== 'replaying') {
      subscriber.isQueuedForReplay = false
      return
    }
    try {
      const after = subscriber.position
      const upTo = this.#options.dispatched()
      const read = this.#log.read(after, { ...page, upTo })
      if (read instanceof Promise)
        read.then(
          (found) => this.#send(subscriber, after, found),
          (error: unknown) => this.#fail(subscriber, error),
        )
      else this.#send(subscriber, after, read)
    } catch (error) {
      this.#fail(subscriber, error)
    }
  }

  #send(subscriber: Subscriber, after: number, { entries, upTo, lost }: Page): void {
    subscriber.isQueuedForReplay = false
    if (subscriber.state !== 'replaying') return
    if (subscriber.position !== after) return this.resume(subscriber) // the log was reset meanwhile
    const wanted = entries.filter((entry) => subscriber.interest.covers(entry))
    const frames = Buffer.concat(wanted.map((entry) => encodeUpdate(entry.update)))
    if (!subscriber.hasRoomFor(frames.length)) return // read again once the peer has taken what is pending
    if (lost !== undefined) this.#tellGap(subscriber, lost.to - lost.from + 1)
    subscriber.position = upTo
    if (frames.length > 0) {
      this.#options.onReplayed(wanted.length)
      subscriber.send(frames)
    }
    if (subscriber.pendingBytes < maxWriteBytes) this.resume(subscriber)
  }

  /** The history was trimmed under a replay: the client learns that something is missing in the middle. */
  #tellGap(subscriber: Subscriber, entries: number): void {
    this.#options.onLost(entries)
    if (subscriber.isPlain) return
    const requested = this.#options.cursorAt(subscriber.position)
    subscriber.send(encodeHubEvent({ type: 'gap', requested, resumed_after: 'earliest' }))
  }

  /** A log that cannot be reached now is asked again; the stream stays open meanwhile. */
  #fail(subscriber: Subscriber, error: unknown): void {
    if (error instanceof HubError && error.code === 'unavailable') {
      setTimeout(() => {
        subscriber.isQueuedForReplay = false
        this.resume(subscriber)
      }, againMs).unref()
      return
    }
    subscriber.isQueuedForReplay = false
    this.#options.onError(error)
    subscriber.close('error')
  }
}
