import type { Wire, WireListener } from '../../hub/stream/outbox.ts'
import type { CloseReason, Subscriber } from '../../hub/stream/subscriber.ts'
import { EventStream, type StreamEvent } from '../../client/event-stream.ts'

interface Queued {
  readonly event: StreamEvent
  readonly bytes: number
}

/** As good as never: the timer is there to be there. */
const aliveMs = 2 ** 30

/**
 * The wire of a stream whose reader is this program: what is written is parsed, and waits to be taken.
 *
 * Events that were not taken are its pending bytes, so the stream's bound counts them as it would count
 * those of a slow socket. What belongs to no complete event counts as taken, or a large one would wait
 * for itself.
 */
export class ReadingWire implements Wire {
  readonly framing = 'plain'
  subscriber: Subscriber | undefined
  readonly #parser: EventStream
  readonly #queue: Queued[] = []
  #listener: WireListener | undefined
  #wake: (() => void) | undefined
  #isOpen = false
  #isClosed = false
  #unfinishedBytes = 0
  pendingBytes = 0
  takenBytes = 0

  constructor(lastEventId: string) {
    this.#parser = new EventStream(lastEventId)
  }

  /** The cursor after everything that was written, taken or not. */
  get lastEventId(): string {
    return this.#parser.lastEventId
  }

  get reason(): CloseReason {
    return this.subscriber?.closedAs ?? 'error'
  }

  /** Resolves when the stream has begun, which the hub tells with the first bytes, or has ended. */
  async opened(): Promise<void> {
    while (!this.#isOpen && !this.#isClosed) await this.#woken()
  }

  /** The next event; undefined when the stream has ended and nothing is left. */
  async take(): Promise<StreamEvent | undefined> {
    while (this.#queue.length === 0 && !this.#isClosed) await this.#woken()
    const next = this.#queue.shift()
    if (next === undefined) return undefined
    this.pendingBytes -= next.bytes
    this.takenBytes += next.bytes
    if (this.pendingBytes === 0 && !this.#isClosed) this.#listener?.drained()
    return next.event
  }

  write(bytes: Buffer): void {
    this.#isOpen = true
    const events = this.#parser.push(bytes)
    this.#unfinishedBytes += bytes.length
    for (const [index, event] of events.entries()) {
      const share = index === 0 ? this.#unfinishedBytes : 0
      this.#queue.push({ event, bytes: share })
      this.pendingBytes += share
    }
    if (events.length > 0) this.#unfinishedBytes = 0
    this.#wakeUp()
  }

  finish(): void {
    this.destroy()
  }

  destroy(): void {
    this.#isClosed = true
    this.#wakeUp()
  }

  listen(listener: WireListener): void {
    this.#listener = listener
  }

  /** The reader is gone. */
  close(): void {
    this.#listener?.closed()
  }

  /** A program that waits for an update has something to do: its event loop does not end meanwhile. */
  async #woken(): Promise<void> {
    const alive = setInterval(() => {}, aliveMs)
    await new Promise<void>((resolve) => (this.#wake = resolve))
    clearInterval(alive)
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
