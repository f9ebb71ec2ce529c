/** Where records stand in a file: twenty bytes each, so that ten million fit in memory. */
export class Places {
  #positions = new Float64Array(1024)
  #offsets = new Float64Array(1024)
  #lengths = new Uint32Array(1024)
  #count = 0
  #isSorted = true

  get count(): number {
    return this.#count
  }

  add(position: number, offset: number, length: number): void {
    if (this.#count === this.#positions.length) this.#grow()
    if (this.#count > 0 && position <= (this.#positions[this.#count - 1] ?? 0))
      this.#isSorted = false
    this.#positions[this.#count] = position
    this.#offsets[this.#count] = offset
    this.#lengths[this.#count] = length
    this.#count++
  }

  /** In the order of positions; of several with one position, the one that was added first. */
  *inOrder(): Generator<{ position: number; offset: number; length: number }> {
    const order = this.#isSorted ? undefined : this.#order()
    let before = -1
    for (let at = 0; at < this.#count; at++) {
      const index = order?.[at] ?? at
      const position = this.#positions[index] ?? 0
      if (position === before) continue
      before = position
      yield { position, offset: this.#offsets[index] ?? 0, length: this.#lengths[index] ?? 0 }
    }
  }

  #order(): Float64Array {
    const order = Float64Array.from({ length: this.#count }, (_, index) => index)
    const positions = this.#positions
    return order.sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0) || a - b)
  }

  #grow(): void {
    const room = 2 * this.#positions.length
    const grown = <T extends Float64Array | Uint32Array>(to: T, from: T): T => {
      to.set(from)
      return to
    }
    this.#positions = grown(new Float64Array(room), this.#positions)
    this.#offsets = grown(new Float64Array(room), this.#offsets)
    this.#lengths = grown(new Uint32Array(room), this.#lengths)
  }
}
