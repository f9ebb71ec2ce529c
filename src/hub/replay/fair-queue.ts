/** A queue in which everybody who waits comes in turn, however many things each waits for. */
export class FairQueue<T> {
  readonly #lanes = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  push(owner: string, item: T): void {
    const lane = this.#lanes.get(owner)
    if (lane === undefined) this.#lanes.set(owner, [item])
    else lane.push(item)
    this.#size++
  }

  /** The next owner's oldest item; the owner then goes to the end of the row. */
  shift(): T | undefined {
    for (const [owner, lane] of this.#lanes) {
      this.#lanes.delete(owner)
      const item = lane.shift()
      if (lane.length > 0) this.#lanes.set(owner, lane)
      this.#size--
      return item
    }
    return undefined
  }
}
