/** A small source of repeatable random choices (a linear congruence), so that a failure can be met again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * limit)
  }

  oneOf<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }

  /** `make` called up to `most` times, joined. */
  joined(most: number, make: () => string): string {
    return Array.from({ length: this.below(most + 1) }, make).join('')
  }
}
