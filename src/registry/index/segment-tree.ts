import type { PathShape } from '../../protocol/url-pattern/url-pattern.ts'
import { Bucket } from './edge-buckets.ts'

/** Segments of a path that the tree looks at; deeper literals are left to the pattern itself. */
const maxDepth = 16

interface Node<T> {
  /** What goes on with this text as its next segment. */
  texts?: Map<string, Node<T>>
  /** What goes on with any segment. */
  any?: Node<T>
  /** Whose path ends here. */
  ends?: Bucket<T>
  /** Whose path goes on in some way, by its last segment. */
  rests?: Map<string | undefined, Bucket<T>>
}

/**
 * Values by the shape of the paths they are about.
 *
 * A look-up goes down by the segments of one path and meets only values whose known segments, wherever
 * they stand, are those of the path, and whose edges are. It visits no node twice, so the worst case is the size of the tree.
 */
export class SegmentTree<T> {
  readonly #root: Node<T> = {}

  get isEmpty(): boolean {
    return isEmpty(this.#root)
  }

  add(shape: PathShape, value: T): void {
    let node = this.#root
    for (const segment of shape.segments.slice(0, maxDepth)) node = child(node, segment)
    bucketOf(node, shape).add(value, shape.edges)
  }

  remove(shape: PathShape, value: T): void {
    this.#remove(this.#root, shape, 0, value)
  }

  /** Values that may be about this path and query; the caller asks each of them. */
  *candidates(path: string, query = ''): Generator<T> {
    const found: Bucket<T>[] = []
    this.#collect(this.#root, path.split('/'), 0, found)
    for (const bucket of found) yield* bucket.candidates(path, query)
  }

  #collect(node: Node<T>, segments: readonly string[], depth: number, found: Bucket<T>[]) {
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

function bucketOf<T>(node: Node<T>, shape: PathShape): Bucket<T> {
  const { isEnd, last } = placeOf(shape)
  if (isEnd) return (node.ends ??= new Bucket())
  node.rests ??= new Map()
  let bucket = node.rests.get(last)
  if (bucket === undefined) node.rests.set(last, (bucket = new Bucket()))
  return bucket
}

function removeHere<T>(node: Node<T>, shape: PathShape, value: T): void {
  const { isEnd, last } = placeOf(shape)
  const bucket = isEnd ? node.ends : node.rests?.get(last)
  bucket?.delete(value)
  if (bucket?.isEmpty !== true) return
  if (isEnd) delete node.ends
  else node.rests?.delete(last)
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
