import type { Mark, MarkChange } from '../log.ts'

/** Marks at most: about one per matcher of each stream, where presence is on. */
const maxMarks = 1_000_000

/** The marks of a `memory:` log, in the byte order of their names, as every log lists them. */
export class MemoryMarks {
  readonly #values = new Map<string, string>()
  readonly #names: string[] = []

  get size(): number {
    return this.#values.size
  }

  /** Whether so many more might be too many. */
  isFull(more: number): boolean {
    return this.#values.size + more > maxMarks
  }

  /** What the marks become; undefined when one of them is not what it should be. */
  compare(changes: readonly MarkChange[]): ReadonlyMap<string, string | undefined> | undefined {
    const changed = new Map<string, string | undefined>()
    for (const { name, from, to } of changes) {
      const now = changed.has(name) ? changed.get(name) : this.#values.get(name)
      if (now !== from) return undefined
      changed.set(name, to)
    }
    return changed
  }

  set(name: string, value: string | undefined): void {
    const isThere = this.#values.has(name)
    if (value === undefined) {
      if (isThere) this.#names.splice(this.#placeOf(name), 1)
      this.#values.delete(name)
      return
    }
    if (!isThere) this.#names.splice(this.#placeOf(name), 0, name)
    this.#values.set(name, value)
  }

  /** At most `limit` marks with this prefix whose names come after `after`; all of them when it is empty. */
  list(prefix: string, after: string, limit: number): readonly Mark[] {
    const names = this.#names
    const isBehind = after !== '' && inByteOrder(after, prefix) >= 0
    let index = isBehind ? this.#placeOf(after) : this.#placeOf(prefix)
    if (isBehind && names[index] === after) index++
    const marks = []
    for (; marks.length < limit && names[index]?.startsWith(prefix) === true; index++) {
      const name = names[index] ?? ''
      marks.push({ name, value: this.#values.get(name) ?? '' })
    }
    return marks
  }

  /** The index of the first name that is `name` or after it. */
  #placeOf(name: string): number {
    let [low, high] = [0, this.#names.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (inByteOrder(this.#names[middle] ?? '', name) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const isSurrogate = /[\uD800-\uDFFF]/

/** UTF-8 sorts like code points; JavaScript sorts by UTF-16 units, which differ where there are surrogates. */
function inByteOrder(a: string, b: string): number {
  if (a === b) return 0
  if (!isSurrogate.test(a) && !isSurrogate.test(b)) return a < b ? -1 : 1
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
