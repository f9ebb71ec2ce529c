/** Milliseconds that newcomers get between two slices of delivery: half of what a slice takes. */
const mostMs = 4
/** Milliseconds that a slice waits for streams that have room again for what was sent to them before. */
const mostRefillsMs = 100

/** How many stand in a row. */
interface Row {
  readonly waiting: number
}

/**
 * Turns the event loop between two slices of delivery: once, or as long as each turn brings somebody new.
 *
 * libuv accepts one connection per turn, so a hub with 8 ms of delivery in each would take in 120
 * connections a second, and publishers and health checks wait in the same row. After `kill -9`, with
 * 100 updates a second, 12,000 subscribers were back after 28 s without this, and after 15.5 s with it
 * (`npm run bench -- storm`).
 */
export class Intermission {
  readonly #refills: Row | undefined
  #arrivals = 0
  #seen = 0

  /** @param refills who goes before what is delivered next: bytes that wait are bounded, news are not */
  constructor(refills?: Row) {
    this.#refills = refills
  }

  /** A connection was accepted; more may wait behind it. */
  arrived(): void {
    this.#arrivals++
  }

  /** Resolves in a turn to come. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.call(resolve))
  }

  /** Calls `resume` in a turn to come; in the next one when nobody is arriving and nobody to be refilled. */
  call(resume: () => void): void {
    this.#call(resume, undefined)
  }

  #call(resume: () => void, deadline: number | undefined): void {
    setImmediate(() => {
      if (this.#refills !== undefined && this.#refills.waiting > 0) {
        const until = deadline ?? performance.now() + mostRefillsMs
        if (performance.now() < until) return this.#call(resume, until)
      }
      if (this.#seen === this.#arrivals) resume()
      else this.#wait(resume, performance.now() + mostMs)
    })
  }

  #wait(resume: () => void, deadline: number): void {
    this.#seen = this.#arrivals
    setImmediate(() => {
      if (this.#seen === this.#arrivals || performance.now() >= deadline) resume()
      else this.#wait(resume, deadline)
    })
  }
}
