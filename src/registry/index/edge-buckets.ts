import type { Edges } from '../../protocol/url-pattern/url-pattern.ts'

/** Values that are asked one by one: beyond that, looking them up costs less. */
const few = 16
/** Characters that are compared of each edge, those nearest to what varies. */
const most = 32

/**
 * Values in one place of a tree, found by the literal text at the edges of a path and a query:
 * `/u/42-:id` and `?room=42` are told apart although no whole segment of theirs is literal.
 *
 * 20,000 patterns such as `/u/42-:id` cost a publish 0.1 ms, where asking each of them cost 5 ms.
 * A look-up asks once for each set of edge lengths in use, which are few where patterns are alike.
 */
export class Bucket<T> {
  readonly #values = new Map<T, Edges>()
  /** Lengths of the edges → their texts → values; there from the moment that values are many. */
  #byLengths: Map<string, Lengths<T>> | undefined

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  add(value: T, edges: Edges): void {
    this.#values.set(value, edges)
    if (this.#byLengths !== undefined) this.#index(value, edges)
    else if (this.#values.size > few) {
      this.#byLengths = new Map()
      for (const [known, its] of this.#values) this.#index(known, its)
    }
  }

  delete(value: T): void {
    const edges = this.#values.get(value)
    if (edges === undefined) return
    this.#values.delete(value)
    if (this.#values.size === 0) this.#byLengths = undefined
    const key = lengthsOf(edges)
    const lengths = this.#byLengths?.get(key)
    const text = textOf(edges, edges.start, edges.end, edges.query)
    const values = lengths?.values.get(text)
    if (values?.delete(value) === true && values.size === 0) lengths?.values.delete(text)
    if (lengths?.values.size === 0) this.#byLengths?.delete(key)
  }

  /** Values whose edges are those of this path and query. */
  *candidates(path: string, query: string): Generator<T> {
    if (this.#byLengths === undefined) {
      yield* this.#values.keys()
      return
    }
    for (const { edges, values } of this.#byLengths.values())
      yield* values.get(textOf(edges, path, path, query)) ?? []
  }

  #index(value: T, edges: Edges): void {
    const byLengths = (this.#byLengths ??= new Map<string, Lengths<T>>())
    const key = lengthsOf(edges)
    let lengths = byLengths.get(key)
    if (lengths === undefined) byLengths.set(key, (lengths = { edges, values: new Map() }))
    const text = textOf(edges, edges.start, edges.end, edges.query)
    const values = lengths.values.get(text)
    if (values === undefined) lengths.values.set(text, new Set([value]))
    else values.add(value)
  }
}

/** Values whose edges have the same lengths. */
interface Lengths<T> {
  /** Of one of them; only the lengths count. */
  readonly edges: Edges
  readonly values: Map<string, Set<T>>
}

function lengthsOf({ start, end, query }: Edges): string {
  return `${start.length} ${end.length} ${query.length}`
}

/** The parts of a path and a query that edges of these lengths are compared with. */
function textOf(lengths: Edges, start: string, end: string, query: string): string {
  const [before, after, asked] = [lengths.start.length, lengths.end.length, lengths.query.length]
  const from = end.length - after
  return [
    start.slice(Math.max(0, before - most), before),
    end.slice(from, from + most),
    query.slice(Math.max(0, asked - most), asked),
  ].join(' ')
}
