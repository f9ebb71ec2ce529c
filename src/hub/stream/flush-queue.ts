/** Milliseconds of a turn that streams may take which have room again: as long as a slice of delivery. */
const sliceMs = 8

/** A stream with bytes waiting for its socket. */
export interface Refillable {
  /** Hands over what the socket takes; never waits. */
  refill(): void
}

/**
 * The row of streams whose sockets have room again, served some in each turn.
 *
 * Many sockets have room in one moment when their readers had time to catch up. Serving them all at once
 * takes the longer the more there are, meanwhile more get room, and nobody else has a turn: with 15,000
 * readers at their limit a turn of the event loop took up to 1.9 s (`npm run bench -- fairness`).
 */
export class Refills<T extends Refillable = Refillable> {
  readonly #row = new Set<T>()
  readonly #onFailure: (stream: T, error: unknown) => void
  #isScheduled = false

  /** @param onFailure is told who threw: it would never get the bytes that wait, and the others have their turn */
  constructor(onFailure: (stream: T, error: unknown) => void) {
    this.#onFailure = onFailure
  }

  /** Streams that wait for their turn; as many as there are at most. */
  get waiting(): number {
    return this.#row.size
  }

  /** Puts a stream at the end of the row, if it does not stand there. */
  push(stream: T): void {
    this.#row.add(stream)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  #run(): void {
    const deadline = performance.now() + sliceMs
    for (const stream of this.#row) {
      this.#row.delete(stream)
      try {
        stream.refill()
      } catch (error) {
        this.#onFailure(stream, error)
      }
      if (performance.now() > deadline) break
    }
    this.#isScheduled = this.waiting > 0
    if (this.#isScheduled) setImmediate(() => this.#run())
  }
}
