import { type PageFile, readNumber, readTree, type Tree, treeBytes } from './page-file.ts'

/** A row of a leaf, as it stands in its page. A walk uses one object for all of them. */
export interface Node {
  /** The page's bytes. */
  page: Buffer
  keyStart: number
  keyEnd: number
  /** Where the value stands in the page, when it is there, and its bytes. */
  valueStart: number
  valueBytes: number
  /** The first page of a value that has pages of its own; 0 when it stands in the node. */
  bigPage: number
  /** The value is a tree. */
  isTree: boolean
  /** There are several values: a page inside the node, or a tree. */
  isDuplicates: boolean
}

export type PageKind = 'branch' | 'leaf'
/** How keys sort: byte by byte, or (the list of free pages) as numbers. */
export type KeyOrder = 'bytes' | 'numbers'

const branchFlag = 1
const leafFlag = 2
const overflowFlag = 4
const subPageFlag = 0x40
const kindFlags = 0x6f
const pageHead = 24
const nodeHead = 8
/** Flags of a node. */
const bigFlag = 1
const treeFlag = 2
const duplicatesFlag = 4

export function emptyNode(): Node {
  return {
    page: Buffer.alloc(0),
    keyStart: 0,
    keyEnd: 0,
    valueStart: 0,
    valueBytes: 0,
    bigPage: 0,
    isTree: false,
    isDuplicates: false,
  }
}

/** What is wrong with a page, before any of its rows is believed; undefined when nothing is. */
export function pageFault(
  page: Buffer,
  number: number,
  kind: PageKind,
  order: KeyOrder,
): string | undefined {
  if (readNumber(page, 0) !== number) return 'it is another page, or none'
  const flag = kind === 'leaf' ? leafFlag : branchFlag
  if ((page.readUInt16LE(18) & kindFlags) !== flag) return 'it is of the wrong kind'
  if (!isSound(page, kind)) return 'its layout is damaged'
  return areKeysInOrder(page, kind, order) ? undefined : 'its keys are not in order'
}

/** The page inside a node that holds its several values; undefined when it is damaged. */
export function pageInside(node: Node): Buffer | undefined {
  const page = node.page.subarray(node.valueStart, node.valueStart + node.valueBytes)
  if (page.length < pageHead) return undefined
  if ((page.readUInt16LE(18) & kindFlags) !== (leafFlag | subPageFlag)) return undefined
  return isSound(page, 'leaf') && areKeysInOrder(page, 'leaf', 'bytes') ? page : undefined
}

/** Whether slots and nodes are where they can be, and the nodes fill their part exactly. */
function isSound(page: Buffer, kind: PageKind): boolean {
  const slotsEnd = page.readUInt16LE(20)
  const nodesStart = page.readUInt16LE(22)
  const room = page.length - pageHead
  if (slotsEnd % 2 !== 0 || slotsEnd > nodesStart || nodesStart > room) return false
  if (kind === 'branch' && slotsEnd === 0) return false
  let used = 0
  for (let slot = pageHead; slot < pageHead + slotsEnd; slot += 2) {
    const start = twoBytes(page, slot)
    if (start < nodesStart || start + nodeHead > room) return false
    const bytes = nodeBytes(page, pageHead + start, kind)
    if (start + bytes > room) return false
    used += bytes + (bytes % 2)
  }
  return used === room - nodesStart
}

function nodeBytes(page: Buffer, at: number, kind: PageKind): number {
  const keyBytes = twoBytes(page, at + 6)
  if (kind === 'branch') return nodeHead + keyBytes
  const isBig = ((page[at + 4] ?? 0) & bigFlag) !== 0
  return nodeHead + keyBytes + (isBig ? pageHead : page.readUInt32LE(at))
}

function areKeysInOrder(page: Buffer, kind: PageKind, order: KeyOrder): boolean {
  const count = nodeCount(page)
  // A branch's first key means nothing.
  for (let index = kind === 'leaf' ? 1 : 2; index < count; index++) {
    const [before, at] = [nodeStart(page, index - 1), nodeStart(page, index)]
    if (compare(page, before, page, at, order) >= 0) return false
  }
  return true
}

/** How the key of a page's row stands to another key. */
export function compareKeyAt(page: Buffer, index: number, key: Separator, order: KeyOrder): number {
  return compare(page, nodeStart(page, index), key.node, 0, order)
}

function compare(a: Buffer, aAt: number, b: Buffer, bAt: number, order: KeyOrder): number {
  const aBytes = twoBytes(a, aAt + 6)
  const bBytes = twoBytes(b, bAt + 6)
  if (order === 'numbers' && aBytes === 8 && bBytes === 8)
    return readNumber(a, aAt + nodeHead) - readNumber(b, bAt + nodeHead)
  const end = nodeHead + Math.min(aBytes, bBytes)
  for (let offset = nodeHead; offset < end; offset++) {
    const difference = (a[aAt + offset] ?? 0) - (b[bAt + offset] ?? 0)
    if (difference !== 0) return difference
  }
  return aBytes - bBytes
}

/** A node of a branch: the page beneath, and the key that its rows begin with. */
export interface Separator {
  readonly child: number
  /** A copy, which outlives the page. */
  readonly node: Buffer
}

export function separatorsOf(page: Buffer): readonly Separator[] {
  return Array.from({ length: nodeCount(page) }, (_, index) => {
    const at = nodeStart(page, index)
    const node = Buffer.from(page.subarray(at, at + nodeHead + twoBytes(page, at + 6)))
    return { child: node.readUInt32LE(0) + twoBytes(node, 4) * 2 ** 32, node } // 48 bits
  })
}

export function nodeCount(page: Buffer): number {
  return twoBytes(page, 20) >> 1
}

/** Whether no row of a leaf has pages of its own: nothing more is to be followed. */
export function areAllPlain(page: Buffer): boolean {
  for (let index = nodeCount(page) - 1; index >= 0; index--)
    if (twoBytes(page, nodeStart(page, index) + 4) !== 0) return false
  return true
}

/** Reads a node of a leaf; false when it does not fit in its page. */
export function readNode(page: Buffer, index: number, node: Node): boolean {
  const slot = pageHead + 2 * index
  if (slot + 2 > page.length) return false
  const at = nodeStart(page, index)
  if (at + nodeHead > page.length) return false
  const flags = twoBytes(page, at + 4)
  node.page = page
  node.valueBytes = page.readUInt32LE(at)
  node.isTree = (flags & treeFlag) !== 0
  node.isDuplicates = (flags & duplicatesFlag) !== 0
  node.keyStart = at + nodeHead
  node.keyEnd = node.keyStart + twoBytes(page, at + 6)
  node.valueStart = node.keyEnd
  const isBig = (flags & bigFlag) !== 0
  const bytesInPage = isBig ? pageHead : node.valueBytes
  if (flags > 7 || node.valueStart + bytesInPage > page.length) return false
  node.bigPage = isBig ? readNumber(page, node.valueStart) : 0
  return !node.isTree || node.valueBytes === treeBytes
}

export function treeOf(node: Node): Tree {
  return readTree(node.page, node.valueStart)
}

/** How many pages a large value has; undefined when they are not there. */
export function bigPages(file: PageFile, { bigPage, valueBytes }: Node): number | undefined {
  const count = Math.floor((pageHead - 1 + valueBytes) / file.pageSize) + 1
  const first = file.page(bigPage)
  if (first === undefined || bigPage + count > file.pageCount) return undefined
  const isIt =
    readNumber(first, 0) === bigPage &&
    (first.readUInt16LE(18) & kindFlags) === overflowFlag &&
    first.readUInt32LE(20) === count
  return isIt ? count : undefined
}

/** Pages that a large value takes which begins here; 0 when none does. */
export function bigPagesAt(page: Buffer, number: number): number {
  const isIt =
    readNumber(page, 0) === number && (page.readUInt16LE(18) & kindFlags) === overflowFlag
  return isIt ? page.readUInt32LE(20) : 0
}

export function keyOf(node: Node): Buffer {
  return node.page.subarray(node.keyStart, node.keyEnd)
}

/** Where the value of a node stands in the file, given where its page does. */
export function valueOffset(file: PageFile, node: Node, pageNumber: number): number {
  return node.bigPage === 0
    ? pageNumber * file.pageSize + node.valueStart
    : node.bigPage * file.pageSize + pageHead
}

/** The value of a row; undefined when its pages are not there. */
export function valueOf(file: PageFile, node: Node): Buffer | undefined {
  return node.bigPage === 0
    ? node.page.subarray(node.valueStart, node.valueStart + node.valueBytes)
    : file.bytes(node.bigPage * file.pageSize + pageHead, node.valueBytes)
}

function nodeStart(page: Buffer, index: number): number {
  return pageHead + twoBytes(page, pageHead + 2 * index)
}

function twoBytes(bytes: Buffer, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}
