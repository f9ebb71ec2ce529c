import type { PathShape } from '../protocol/url-pattern/url-pattern.ts'

/** Segments of a path that the tree looks at; deeper literals are left to the pattern itself. */
const maxDepth = 16

interface Node<T> {
  /** What goes on with this text as its next segment. */
  texts?: Map<string, Node<T>>
  /** What goes on with any segment. */
  any?: Node<T>
  /** Whose path ends here. */
  ends?: Set<T>
  /** Whose path goes on in some way, by its last segment. */
  rests?: Map<string | undefined, Set<T>>
}

/**
 * Values by the shape of the paths they are about.
 *
 * A look-up goes down by the segments of one path and meets only values whose known segments, wherever
 * they stand, are those of the path. It visits no node twice, so the worst case is the size of the tree.
 */
export class SegmentTree<T> {
  readonly #root: Node<T> = {}

  get isEmpty(): boolean {
    return isEmpty(this.#root)
  }

  add(shape: PathShape, value: T): void {
    let node = this.#root
    for (const segment of shape.segments.slice(0, maxDepth)) node = child(node, segment)
    const { isEnd, last } = placeOf(shape)
    if (isEnd) (node.ends ??= new Set()).add(value)
    else {
      node.rests ??= new Map()
      const rest = node.rests.get(last)
      if (rest === undefined) node.rests.set(last, new Set([value]))
      else rest.add(value)
    }
  }

  remove(shape: PathShape, value: T): void {
    this.#remove(this.#root, shape, 0, value)
  }

  /** The sets of values that may be about this path; the caller asks each of them. */
  candidates(path: string): readonly ReadonlySet<T>[] {
    const found: ReadonlySet<T>[] = []
    this.#collect(this.#root, path.split('/'), 0, found)
    return found
  }

  #collect(node: Node<T>, segments: readonly string[], depth: number, found: ReadonlySet<T>[]) {
    if (node.rests !== undefined)
      for (const last of [undefined, segments.at(-1)]) {
        const rest = node.rests.get(last)
        if (rest !== undefined) found.push(rest)
      }
    const segment = segments[depth]
    if (segment === undefined) {
      if (node.ends !== undefined) found.push(node.ends)
      return
    }
    const text = node.texts?.get(segment)
    if (text !== undefined) this.#collect(text, segments, depth + 1, found)
    if (node.any !== undefined) this.#collect(node.any, segments, depth + 1, found)
  }

  #remove(node: Node<T>, shape: PathShape, depth: number, value: T): void {
    if (depth === Math.min(shape.segments.length, maxDepth)) return removeHere(node, shape, value)
    const segment = shape.segments[depth]
    const next = segment === undefined ? node.any : node.texts?.get(segment)
    if (next === undefined) return
    this.#remove(next, shape, depth + 1, value)
    if (!isEmpty(next)) return
    if (segment === undefined) delete node.any
    else if (node.texts?.delete(segment) === true && node.texts.size === 0) delete node.texts
  }
}

function placeOf({ segments, isWhole, last }: PathShape) {
  const isEnd = isWhole && segments.length <= maxDepth
  return { isEnd, last: isWhole ? segments.at(-1) : last }
}

function removeHere<T>(node: Node<T>, shape: PathShape, value: T): void {
  const { isEnd, last } = placeOf(shape)
  if (isEnd) {
    if (node.ends?.delete(value) === true && node.ends.size === 0) delete node.ends
    return
  }
  const rest = node.rests?.get(last)
  if (rest?.delete(value) === true && rest.size === 0) node.rests?.delete(last)
  if (node.rests?.size === 0) delete node.rests
}

function child<T>(node: Node<T>, segment: string | undefined): Node<T> {
  if (segment === undefined) return (node.any ??= {})
  node.texts ??= new Map()
  let next = node.texts.get(segment)
  if (next === undefined) node.texts.set(segment, (next = {}))
  return next
}

function isEmpty<T>({ texts, any, ends, rests }: Node<T>): boolean {
  return texts === undefined && any === undefined && ends === undefined && rests === undefined
}
