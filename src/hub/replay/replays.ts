import type { Log } from '../../log/log.ts'
import { HubError } from '../../protocol/errors.ts'
import { encodeHubEvent } from '../../protocol/sse.ts'
import { maxWriteBytes } from '../stream/outbox.ts'
import { FairQueue } from './fair-queue.ts'
import { type ReplayPage, ReplayPages } from './page-cache.ts'
import type { Subscriber } from '../stream/subscriber.ts'

export interface ReplayOptions {
  /** The position that this process has dispatched: how far a replay may read, and where it goes live. */
  readonly dispatched: () => number
  /** Makes a subscriber live, in the same tick as the check that it has seen everything dispatched. */
  readonly goLive: (subscriber: Subscriber) => void
  /** How many subscribers replay now. */
  readonly replaying: () => number
  readonly cursorAt: (position: number) => string
  readonly onReplayed: (entries: number) => void
  readonly onLost: (entries: number) => void
  readonly onError: (error: unknown) => void
}

/**
 * Milliseconds of one turn that all replays together may take from the live path. A publish takes several
 * turns until it is delivered and answered: beside 1,000 replays of 10,000 updates each it took 9 ms with
 * 1 and 22 ms with 4, and the replays took no longer (bench/micro/replay-crowd.ts, lmdb:).
 */
const budgetMs = 1
/** When a log that cannot be reached is asked again. */
const againMs = 500
/** Pages that may be on their way from a log that answers later. */
const maxReads = 8

/**
 * Serves the subscribers that are not live yet, in turn, a page at a time.
 *
 * Each reads the log from its own position and writes only while its socket has room, so a replay
 * costs one page and the socket's buffer, however long the history and however slow the client. The
 * addresses that clients come from take turns: many replays of one do not keep another's waiting.
 */
export class Replays {
  readonly #pages: ReplayPages
  readonly #options: ReplayOptions
  readonly #queue = new FairQueue<Subscriber>()
  #ahead: Subscriber[] = []
  #isScheduled = false
  #reads = 0

  constructor(log: Log, options: ReplayOptions) {
    this.#pages = new ReplayPages(log, options.replaying)
    this.#options = options
  }

  /** Subscribers that have something to read now. */
  get waiting(): number {
    return this.#queue.size + this.#ahead.length
  }

  /** Bytes of pages that are kept for replays near each other. */
  get keptBytes(): number {
    return this.#pages.bytes
  }

  /** A subscriber is replaying no more. */
  left(): void {
    this.#pages.shrink()
  }

  /** Goes on with a subscriber: when it starts, and when its socket has room again. */
  resume(subscriber: Subscriber): void {
    if (subscriber.state !== 'replaying' || subscriber.isQueuedForReplay) return
    if (subscriber.position === this.#options.dispatched()) {
      this.#options.goLive(subscriber)
      return this.left()
    }
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
    this.#queue.push(subscriber.address ?? '', subscriber)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.size === 0 || this.#reads >= maxReads) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    const deadline = performance.now() + budgetMs
    while (this.#reads < maxReads && performance.now() < deadline) {
      const subscriber = this.#queue.shift()
      if (subscriber === undefined) break
      this.#serve(subscriber)
    }
    this.#isScheduled = false
    this.#schedule()
  }

  #serve(subscriber: Subscriber): void {
    if (subscriber.state !== 'replaying') {
      subscriber.isQueuedForReplay = false
      return
    }
    try {
      const after = subscriber.position
      const read = this.#pages.read(after, this.#options.dispatched())
      if (read instanceof Promise) void this.#sendLater(subscriber, after, read)
      else this.#send(subscriber, after, read)
    } catch (error) {
      this.#fail(subscriber, error)
    }
  }

  /** Never rejects. */
  async #sendLater(
    subscriber: Subscriber,
    after: number,
    read: Promise<ReplayPage>,
  ): Promise<void> {
    this.#reads++
    try {
      this.#send(subscriber, after, await read)
    } catch (error) {
      this.#fail(subscriber, error)
    } finally {
      this.#reads--
      this.#schedule()
    }
  }

  #send(subscriber: Subscriber, after: number, page: ReplayPage): void {
    subscriber.isQueuedForReplay = false
    if (subscriber.state !== 'replaying') return
    if (subscriber.position !== after) return this.resume(subscriber) // the log was reset meanwhile
    const { upTo, lost, lostNotices } = page
    const { interest, framing } = subscriber
    const { count, bytes } = this.#pages.select(page, after, interest, framing)
    if (!subscriber.hasRoomFor(bytes.length)) return // read again once the peer has taken what is pending
    if (lost !== undefined) this.#tellGap(subscriber, lost.to - lost.from + 1)
    else if (lostNotices > 0) this.#tellLostNotices(subscriber, lostNotices)
    subscriber.position = upTo
    if (count > 0) {
      this.#options.onReplayed(count)
      subscriber.sendFramed(bytes)
    }
    if (subscriber.pendingBytes < maxWriteBytes) this.resume(subscriber)
  }

  /** The history was trimmed under a replay: the client learns that something is missing in the middle. */
  #tellGap(subscriber: Subscriber, entries: number): void {
    this.#options.onLost(entries)
    subscriber.knowsOfGap = true
    if (subscriber.isPlain) return
    const requested = this.#options.cursorAt(subscriber.position)
    subscriber.send(encodeHubEvent({ type: 'gap', requested, resumed_after: 'earliest' }))
  }

  /** A list and the events after it do not agree any more; told once, and to nobody whom it is nothing to. */
  #tellLostNotices(subscriber: Subscriber, entries: number): void {
    if (subscriber.knowsOfGap || !subscriber.interest.watchesSubscriptions) return
    this.#tellGap(subscriber, entries)
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
