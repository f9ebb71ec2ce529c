/** One step of a stream: an update, or a cursor that moved without one. */
export interface Step {
  readonly id: string
  readonly update?: { readonly type: string; readonly data: string }
}

/** So many steps, and characters of data, are remembered for tabs that were away for a moment. */
const mostSteps = 500
const mostCharacters = 1_000_000

/** The last steps of a stream, so that others can be told where they are. */
export class Recent {
  readonly #steps: Step[] = []
  #characters = 0

  push(step: Step): void {
    this.#steps.push(step)
    this.#characters += step.update?.data.length ?? 0
    while (this.#steps.length > mostSteps || this.#characters > mostCharacters)
      this.#characters -= this.#steps.shift()?.update?.data.length ?? 0
  }

  /** The steps after this cursor; undefined when it is not remembered. */
  after(cursor: string): readonly Step[] | undefined {
    const at = this.#steps.findLastIndex(({ id }) => id === cursor)
    return at === -1 ? undefined : this.#steps.slice(at + 1)
  }
}
