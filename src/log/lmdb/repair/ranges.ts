/** Numbers that came in ascending order, told as spans: a thousand neighbours are one finding. */
export class Spans {
  readonly #spans: { readonly from: number; to: number }[] = []
  count = 0

  add(number: number): void {
    this.count++
    const last = this.#spans.at(-1)
    if (last !== undefined && number === last.to + 1) last.to = number
    else if (this.#spans.length < mostSpans) this.#spans.push({ from: number, to: number })
  }

  /** `entry 7: …`, `entries 9 to 12: …`; what is too much for a list is only counted. */
  describe(what: string): readonly string[] {
    const lines = this.#spans.map(({ from, to }) =>
      from === to ? `entry ${from}: ${what}` : `entries ${from} to ${to}: ${what}`,
    )
    const told = this.#spans.reduce((sum, { from, to }) => sum + to - from + 1, 0)
    return told === this.count ? lines : [...lines, `${this.count - told} more entries: ${what}`]
  }
}

const mostSpans = 100
