/** Milliseconds that newcomers get between two slices of delivery: half of what a slice takes. */
const mostMs = 4

/**
 * Turns the event loop between two slices of delivery: once, or as long as each turn brings somebody new.
 *
 * libuv accepts one connection per turn. With a slice of 8 ms in each, a busy hub would take in
 * 120 connections per second, and after a crash the last of 12,000 subscribers would come back after
 * minutes; publishers and health checks wait in the same row. Here it takes in some 2,000.
 */
export class Intermission {
  #arrivals = 0
  #seen = 0

  /** A connection was accepted; more may wait behind it. */
  arrived(): void {
    this.#arrivals++
  }

  /** Resolves in a turn to come. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.call(resolve))
  }

  /** Calls `resume` in a turn to come; in the next one when nobody is arriving. */
  call(resume: () => void): void {
    setImmediate(() => {
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
