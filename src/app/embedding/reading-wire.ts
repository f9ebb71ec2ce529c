import type { Wire, WireListener } from '../../hub/stream/outbox.ts'
import type { CloseReason, Subscriber } from '../../hub/stream/subscriber.ts'
import { EventStream, type StreamEvent } from '../../protocol/event-stream-parser.ts'

interface Queued {
  readonly event: StreamEvent
  readonly bytes: number
}

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

  /** The next event; undefined when the stream has ended and nothing is left. */
  async take(): Promise<StreamEvent | undefined> {
    while (this.#queue.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    const next = this.#queue.shift()
    if (next === undefined) return undefined
    this.pendingBytes -= next.bytes
    this.takenBytes += next.bytes
    if (this.pendingBytes === 0 && !this.#isClosed) this.#listener?.drained()
    return next.event
  }

  write(bytes: Buffer): void {
    const events = this.#parser.push(bytes)
    this.#unfinishedBytes += bytes.length
    for (const [index, event] of events.entries()) {
      const share = index === 0 ? this.#unfinishedBytes : 0
      this.#queue.push({ event, bytes: share })
      this.pendingBytes += share
    }
    if (events.length === 0) return
    this.#unfinishedBytes = 0
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

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
