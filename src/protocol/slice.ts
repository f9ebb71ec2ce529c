/** Steps between two looks at the clock: 60 µs of the worst pattern we know. */
const stride = 16_384

/**
 * One's share of a turn of the event loop. Whoever tries strangers' patterns counts here what that
 * costs, and lets others go first when the share is used up.
 *
 * A step is what the dearest instruction of a pattern costs for one character: 4 ns (bench/micro/pattern-dos.ts).
 */
export class Slice {
  /** All steps so far, of all shares. */
  steps = 0
  #seen = 0
  #endsAtMs = 0

  /** A new share, from now on. */
  begin(ms: number): this {
    this.#endsAtMs = performance.now() + ms
    return this
  }

  /** Whether others are due, for work that counts no steps. */
  get isOver(): boolean {
    return performance.now() >= this.#endsAtMs
  }

  /** Counts what is about to be done; true when others are due first. */
  spend(steps: number): boolean {
    this.steps += steps
    if (this.steps - this.#seen < stride) return false
    this.#seen = this.steps
    return this.isOver
  }
}

/** Does work that nobody else has to be let go before, to its end. */
export function finish<Result>(work: Generator<undefined, Result>): Result {
  let step = work.next()
  while (step.done !== true) step = work.next()
  return step.value
}
