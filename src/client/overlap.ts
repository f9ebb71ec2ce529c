/** More than this is not kept of what was handed over while a successor was opened. */
const mostIds = 10_000

/**
 * What was handed over since the cursor of a stream that takes another's place: it brings these ids again,
 * in the same order, and they are no news.
 */
export class Overlap {
  /** Ids that the stream being read may bring again. */
  #ids: string[] = []
  /** Ids that its successor may bring again. */
  #kept: string[] | undefined

  /** A successor is asked for from here. */
  keep(): void {
    this.#kept = [...this.#ids]
  }

  /** More came than is remembered: the successor would tell some of it twice. */
  get isFull(): boolean {
    return (this.#kept?.length ?? 0) >= mostIds
  }

  keepNoMore(): void {
    this.#kept = undefined
  }

  /** A stream begins to be read. */
  begin(): void {
    this.#ids = this.#kept ?? this.#ids
    this.#kept = undefined
  }

  /** The stream has caught up. */
  end(): void {
    this.#ids = []
  }

  /** Whether the update with this id was handed over already; one that was not is noted. */
  isDouble(id: string): boolean {
    const at = this.#ids.indexOf(id)
    if (at !== -1) {
      this.#ids.splice(0, at + 1)
      return true
    }
    if (this.#kept !== undefined && this.#kept.length < mostIds) this.#kept.push(id)
    return false
  }
}
