/** Streams begun in one turn of the event loop: about 6 ms of work (`npm run bench -- connections`). */
const streamsPerTurn = 32
/** Requests that may wait for their turn: 20,000 are begun in a few seconds. */
export const maxWaiting = 20_000

interface Waiting {
  readonly go: () => void
  readonly isGone: () => boolean
}

/**
 * Begins new streams at a pace that leaves room for publishers, live streams and health checks.
 *
 * After a crash, everybody comes back at once. To an `EventSource` a refusal is final, so who comes
 * waits for an answer: first come, first served, a few each turn. Who has gone meanwhile costs nothing.
 */
export class Pacing {
  #waiting: Waiting[] = []
  #begun = 0
  #isScheduled = false
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Requests that wait for their turn now. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** As many wait as may. */
  get isFull(): boolean {
    return this.#waiting.length >= maxWaiting
  }

  /**
   * Calls `go` at once or in its turn.
   *
   * @returns false when as many wait as may; `go` is not called then
   */
  enter(go: () => void, isGone: () => boolean): boolean {
    if (this.isFull) return false
    if (this.enterNow()) go()
    else this.#waiting.push({ go, isGone })
    return true
  }

  /** Begins a stream now if nobody waits and the turn has room for one; false changes nothing. */
  enterNow(): boolean {
    if (this.#waiting.length > 0 || this.#begun >= streamsPerTurn) return false
    this.#begun++
    this.#schedule()
    return true
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#turn())
  }

  #turn(): void {
    this.#isScheduled = false
    this.#begun = 0
    let taken = 0
    while (taken < this.#waiting.length && this.#begun < streamsPerTurn) {
      const next = this.#waiting[taken++]
      if (next === undefined || next.isGone()) continue
      this.#begun++
      try {
        next.go()
      } catch (error) {
        this.#onError(error)
      }
    }
    this.#waiting = this.#waiting.slice(taken)
    if (this.#waiting.length > 0 || this.#begun > 0) this.#schedule()
  }
}
