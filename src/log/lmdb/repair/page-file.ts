import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Reads an LMDB file by itself, page by page.
 *
 * LMDB maps its file, so a damaged one can end the process that looks at it (SIGBUS, SIGSEGV, an endless
 * walk). Here every number is checked before it is believed, so whatever the file holds, the worst
 * that comes back is `undefined`. That is what checks it, and what is read from when LMDB no longer can.
 *
 * The layout is that of the library we use (format 2, little-endian, 64 bits):
 *
 * ```
 * page 0 and 1: the two metas, written in turn        a page: 0 number, 8 transaction, 18 flags,
 * meta, from 24: magic, version, …, 48 free tree,        20 end of the slots, 22 start of the nodes,
 *   96 main tree, 144 last page, 152 transaction         24 slots: where each node starts (2 each)
 * ```
 */
export class PageFile {
  readonly #fd: number
  readonly #chunks = new Map<number, Buffer>()
  readonly size: number
  readonly pageSize: number
  #lastChunk = -1
  #last: Buffer = Buffer.alloc(0)

  /** @throws NodeJS.ErrnoException when it cannot be read */
  constructor(path: string) {
    this.#fd = openSync(path, 'r')
    this.size = fstatSync(this.#fd).size
    this.pageSize = this.#findPageSize()
  }

  /** Pages that are there as a whole. */
  get pageCount(): number {
    return Math.floor(this.size / this.pageSize)
  }

  close(): void {
    closeSync(this.#fd)
    this.#chunks.clear()
  }

  /** A page's bytes, good until the next few calls; undefined when the file ends before it. */
  page(number: number): Buffer | undefined {
    if (!Number.isSafeInteger(number) || number < 0 || number >= this.pageCount) return undefined
    const chunkNumber = Math.floor(number / pagesPerChunk)
    const chunk = chunkNumber === this.#lastChunk ? this.#last : this.#chunk(chunkNumber)
    const start = (number % pagesPerChunk) * this.pageSize
    return start + this.pageSize <= chunk.length
      ? chunk.subarray(start, start + this.pageSize)
      : undefined
  }

  /** Bytes that stand one after the other; undefined when the file ends before. */
  bytes(offset: number, length: number): Buffer | undefined {
    if (offset < 0 || length < 0 || offset + length > this.size) return undefined
    const target = Buffer.allocUnsafe(length)
    return this.#read(target, offset) === length ? target : undefined
  }

  /** What the two meta pages say; undefined for one that is none. */
  metas(): readonly (Meta | undefined)[] {
    return [0, 1].map((number) => {
      const bytes = this.bytes(number * this.pageSize, metaEnd)
      return bytes === undefined ? undefined : readMeta(bytes, number)
    })
  }

  #chunk(number: number): Buffer {
    let chunk = this.#chunks.get(number)
    if (chunk === undefined) {
      chunk = Buffer.allocUnsafe(pagesPerChunk * this.pageSize)
      chunk = chunk.subarray(0, this.#read(chunk, number * pagesPerChunk * this.pageSize))
      const [oldest] = this.#chunks.keys()
      if (oldest !== undefined && this.#chunks.size >= mostChunks) this.#chunks.delete(oldest)
      this.#chunks.set(number, chunk)
    }
    this.#lastChunk = number
    this.#last = chunk
    return chunk
  }

  /** An unreadable sector reads as the end of the file. */
  #read(target: Buffer, offset: number): number {
    let done = 0
    try {
      while (done < target.length) {
        const count = readSync(this.#fd, target, done, target.length - done, offset + done)
        if (count === 0) break
        done += count
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
    }
    return done
  }

  /** It stands in the metas themselves; a size that is none is taken for the usual one. */
  #findPageSize(): number {
    for (const usual of [4096, 16_384, 65_536])
      for (const at of [0, usual]) {
        const bytes = this.bytes(at, metaEnd)
        if (bytes === undefined || bytes.readUInt32LE(magicAt) !== magic) continue
        const size = bytes.readUInt32LE(freeTreeAt)
        if (size >= 512 && size <= 65_536 && (size & (size - 1)) === 0) return size
      }
    return 4096
  }
}

/** Read ahead: pages that were written together stand together. */
const pagesPerChunk = 16
const mostChunks = 512

const magic = 0xbeefc0de
const magicAt = 24
const formatVersion = 2
const freeTreeAt = 48
const mainTreeAt = 96
const metaEnd = 168
const metaFlag = 8

/** A tree of pages: a table, or the list of free pages. */
export interface Tree {
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** Undefined when the tree is empty. */
  readonly root: number | undefined
}

export interface Meta {
  readonly page: number
  readonly transaction: number
  readonly lastPage: number
  readonly free: Tree
  readonly main: Tree
}

function readMeta(bytes: Buffer, page: number): Meta | undefined {
  if (bytes.readUInt32LE(magicAt) !== magic) return undefined
  if ((bytes.readUInt32LE(magicAt + 4) & 0xffff) !== formatVersion) return undefined
  if ((bytes.readUInt16LE(18) & metaFlag) === 0) return undefined
  return {
    page,
    transaction: readNumber(bytes, 152),
    lastPage: readNumber(bytes, 144),
    free: readTree(bytes, freeTreeAt),
    main: readTree(bytes, mainTreeAt),
  }
}

export const treeBytes = 48

/** Reads what a table's row, or a meta, says of a tree. */
export function readTree(bytes: Buffer, at: number): Tree {
  const isEmpty = bytes.readBigUInt64LE(at + 40) === 0xffff_ffff_ffff_ffffn
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readNumber(bytes, at + 8),
    leafPages: readNumber(bytes, at + 16),
    overflowPages: readNumber(bytes, at + 24),
    entries: readNumber(bytes, at + 32),
    root: isEmpty ? undefined : readNumber(bytes, at + 40),
  }
}

/** 64 bits as a number; beyond 2^53 nothing of ours can be meant. */
export function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}

/**
 * The meta that LMDB goes by: the newer one. When the two cannot both be (they are written in turn, each
 * transaction to the page of its parity), the one that is in its place comes first.
 */
export function newestFirst(metas: readonly (Meta | undefined)[]): readonly Meta[] {
  const there = metas.filter((meta) => meta !== undefined)
  const isInPlace = (meta: Meta) => meta.transaction % 2 === meta.page || meta.transaction === 0
  return there.toSorted(
    (a, b) => Number(isInPlace(b)) - Number(isInPlace(a)) || b.transaction - a.transaction,
  )
}

/** What is wrong with the pair of metas; undefined when nothing is. */
export function metaFault([even, odd]: readonly (Meta | undefined)[]): string | undefined {
  if (even === undefined || odd === undefined)
    return `page ${even === undefined ? 0 : 1} (head of the file) is damaged`
  const isPair =
    Math.abs(even.transaction - odd.transaction) === 1 || even.transaction + odd.transaction === 0
  const isInPlace =
    even.transaction % 2 === 0 && (odd.transaction % 2 === 1 || odd.transaction === 0)
  return isPair && isInPlace ? undefined : 'pages 0 and 1 (head of the file) contradict each other'
}
