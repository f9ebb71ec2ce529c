import {
  areAllPlain,
  bigPages,
  compareKeyAt,
  emptyNode,
  keyOf,
  type KeyOrder,
  type Node,
  nodeCount,
  pageFault,
  pageInside,
  readNode,
  type Separator,
  separatorsOf,
  treeOf,
} from './page-nodes.ts'
import type { PageFile, Tree } from './page-file.ts'

/** What a walk tells. */
export interface Visitor {
  /** A row, in the order of keys, and the page it stands in. Of several values of a key, each is a row. */
  onNode?(node: Node, page: number): void
  /** A page that is not what it should be; its rows are not visited. No page: the tree as a whole. */
  onDamage(fault: string, page?: number): void
  /** Pages that belong to the tree; false when they belong to something else already. */
  claim?(page: number, count: number): boolean
  /** Asked before each page: whether the rest need not be visited. */
  isOver?(): boolean
}

/** LMDB's own limit, from root to leaf. */
const deepest = 32

/**
 * Visits every row of a tree in order, and checks everything on the way: page numbers, bounds, the order
 * of keys, and in the end what the tree says of its own size.
 */
export function walkTree(
  file: PageFile,
  tree: Tree,
  visitor: Visitor,
  order: KeyOrder = 'bytes',
): void {
  new Walk(file, tree, visitor, order).run()
}

class Walk {
  readonly #file: PageFile
  readonly #tree: Tree
  readonly #visitor: Visitor
  readonly #order: KeyOrder
  readonly #node = emptyNode()
  #branches = 0
  #leaves = 0
  #bigPages = 0
  #hasDamage = false
  #isCut = false
  rows = 0

  constructor(file: PageFile, tree: Tree, visitor: Visitor, order: KeyOrder) {
    this.#file = file
    this.#tree = tree
    this.#visitor = visitor
    this.#order = order
  }

  /** @returns whether everything was as it should be */
  run(): boolean {
    if (this.#tree.root !== undefined) this.#visit(this.#tree.root, 1)
    // Damage said already why there are fewer.
    if (!this.#hasDamage && !this.#isCut && !this.#isAsSaid())
      this.#fail('it has not the size that it says')
    return !this.#hasDamage
  }

  #isAsSaid(): boolean {
    const { branchPages, leafPages, overflowPages, entries, root, depth } = this.#tree
    return (
      this.#branches === branchPages &&
      this.#leaves === leafPages &&
      this.#bigPages === overflowPages &&
      this.rows === entries &&
      (root !== undefined || depth === 0)
    )
  }

  #fail(fault: string, page?: number): void {
    this.#hasDamage = true
    this.#visitor.onDamage(fault, page)
  }

  /** A page and all beneath it. Its keys stand between two separators of its parent. */
  #visit(number: number, level: number, from?: Separator, to?: Separator): void {
    const { depth } = this.#tree
    this.#isCut ||= this.#visitor.isOver?.() === true
    if (this.#isCut) return
    if (level > depth || level > deepest)
      return this.#fail('it stands too deep in its tree', number)
    const page = this.#file.page(number)
    if (page === undefined) return this.#fail('the file ends before it', number)
    if (this.#visitor.claim?.(number, 1) === false) return this.#fail('it is used twice', number)
    const kind = level === depth ? 'leaf' : 'branch'
    const fault =
      pageFault(page, number, kind, this.#order) ?? this.#placeFault(page, kind, from, to)
    if (fault !== undefined) return this.#fail(fault, number)
    if (kind === 'leaf') return this.#visitLeaf(page, number)

    this.#branches++
    const separators = separatorsOf(page)
    for (const [index, separator] of separators.entries())
      this.#visit(
        separator.child,
        level + 1,
        index === 0 ? from : separator,
        separators[index + 1] ?? to,
      )
  }

  #placeFault(page: Buffer, kind: string, from?: Separator, to?: Separator): string | undefined {
    const last = nodeCount(page) - 1
    const first = kind === 'leaf' ? 0 : 1
    if (last < first) return undefined
    const isBefore = from !== undefined && compareKeyAt(page, first, from, this.#order) < 0
    const isAfter = to !== undefined && compareKeyAt(page, last, to, this.#order) >= 0
    return isBefore || isAfter ? 'its keys belong elsewhere' : undefined
  }

  #visitLeaf(page: Buffer, number: number): void {
    this.#leaves++
    const count = nodeCount(page)
    if (this.#visitor.onNode === undefined && areAllPlain(page)) {
      this.rows += count
      return
    }
    for (let index = 0; index < count; index++) {
      if (!readNode(page, index, this.#node)) return this.#fail('a row of it is damaged', number)
      if (this.#node.isDuplicates) this.#visitDuplicates({ ...this.#node }, number)
      else this.#visitRow(this.#node, number)
    }
  }

  #visitRow(node: Node, number: number): void {
    this.rows++
    if (node.bigPage !== 0) {
      const count = bigPages(this.#file, node)
      // The row is visited all the same: a value with a checksum shows by itself whether it is whole.
      if (count === undefined) this.#fail('a large value is damaged', node.bigPage)
      else if (this.#visitor.claim?.(node.bigPage, count) === false)
        this.#fail('it is used twice', node.bigPage)
      this.#bigPages += count ?? 0
    }
    this.#visitor.onNode?.(node, number)
  }

  /** The values are the keys of a page inside the node, or of a tree of their own. */
  #visitDuplicates(outer: Node, number: number): void {
    if (outer.isTree) return this.#visitTreeOfDuplicates(outer, number)
    const page = pageInside(outer)
    if (page === undefined) return this.#fail('several values of a key are damaged', number)
    const inner = emptyNode()
    for (let index = 0; index < nodeCount(page); index++) {
      if (!readNode(page, index, inner)) return this.#fail('a row of it is damaged', number)
      this.#visitRow(asRow(keyOf(outer), inner), number)
    }
  }

  #visitTreeOfDuplicates(outer: Node, number: number): void {
    const key = Buffer.from(keyOf(outer))
    const visitor = this.#visitor
    const below = new Walk(
      this.#file,
      treeOf(outer),
      {
        onNode: (inner, page) => visitor.onNode?.(asRow(key, inner), page),
        onDamage: (fault, page) => visitor.onDamage(fault, page ?? number),
        claim: (page, count) => visitor.claim?.(page, count) ?? true,
      },
      this.#order,
    )
    if (!below.run()) this.#hasDamage = true
    this.rows += below.rows
  }
}

function asRow(key: Buffer, inner: Node): Node {
  const value = keyOf(inner)
  return {
    ...emptyNode(),
    page: Buffer.concat([key, value]),
    keyEnd: key.length,
    valueStart: key.length,
    valueBytes: value.length,
  }
}
