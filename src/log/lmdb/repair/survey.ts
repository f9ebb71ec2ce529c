import { keyOf, type Node, treeOf, valueOf } from './page-nodes.ts'
import { type Meta, metaFault, newestFirst, PageFile, type Tree } from './page-file.ts'
import { reportProgress } from './progress.ts'
import { type Visitor, walkTree } from './tree-walk.ts'

/** The tables of a store (`Store` in lmdb-store.ts). */
export const tableNames = ['meta', 'entries', 'ids', 'once', 'expiries', 'owners', 'marks'] as const
export type TableName = (typeof tableNames)[number]
/** A store of an earlier version has it only once a hub has opened it again. */
const youngest: TableName = 'owners'

/**
 * A store's file and what stands in it, page by page.
 *
 * Every page that is in use belongs to one tree and is no free page: whatever breaks that is damage,
 * though each page by itself may look well. A free page that is in use too would be overwritten by a
 * later commit.
 */
export class Survey {
  readonly file: PageFile
  readonly meta: Meta | undefined
  /** Sentences: pages and trees that are not what they should be. */
  readonly damage: string[] = []
  readonly tables = new Map<string, Tree>()
  /** Tables some of whose pages are damaged: their rows are not complete. */
  readonly damaged = new Set<string>()
  /** Pages that are in use, and damaged. */
  readonly damagedPages = new Set<number>()
  readonly #used: Uint8Array
  #seen = 0
  readonly #deadline: number
  #isListOfTablesDamaged = false

  /**
   * @param deadline on the clock of `performance.now()`: what is not seen by then is believed
   * @throws NodeJS.ErrnoException when the file cannot be read
   */
  constructor(path: string, deadline = Number.POSITIVE_INFINITY) {
    this.#deadline = deadline
    this.file = new PageFile(path)
    const metas = this.file.metas()
    const fault = metaFault(metas)
    if (fault !== undefined) this.damage.push(fault)
    this.meta = newestFirst(metas)[0]
    this.#used = new Uint8Array(this.file.pageCount)
    this.#used.fill(1, 0, 2)
    reportProgress('reading', 0, this.file.pageCount)
    if (this.meta !== undefined) this.#readTables(this.meta)
  }

  close(): void {
    this.file.close()
  }

  /** Whether the head of the file, or the list of its tables, cannot be relied on. */
  get isHeadDamaged(): boolean {
    return (
      this.meta === undefined ||
      this.#isListOfTablesDamaged ||
      metaFault(this.file.metas()) !== undefined
    )
  }

  isUsed(page: number): boolean {
    return this.#used[page] !== 0
  }

  /** Visits the rows of a table that can be reached; what cannot is added to `damage`. */
  walk(name: string, onNode?: (node: Node, page: number) => void): void {
    const tree = this.tables.get(name)
    if (tree === undefined) return
    const visitor: Visitor = {
      ...(onNode === undefined ? {} : { onNode }),
      onDamage: (fault, page) => this.#note(name, fault, page),
      claim: (page, count) => this.#claim(page, count),
      isOver: () => performance.now() > this.#deadline,
    }
    walkTree(this.file, tree, visitor)
  }

  /** Visits the list of free pages. Call it last: what it lists must not be in use. */
  walkFreePages(): void {
    if (this.meta === undefined || performance.now() > this.#deadline) return
    const onDamage = (fault: string, page?: number) => this.#note('free pages', fault, page)
    const lists: Buffer[] = []
    walkTree(
      this.file,
      this.meta.free,
      {
        onNode: (node) => {
          const list = valueOf(this.file, node)
          if (list !== undefined) lists.push(Buffer.from(list))
        },
        onDamage,
        claim: (page, count) => this.#claim(page, count),
      },
      'numbers',
    )
    for (const list of lists) this.#claimFree(list)
  }

  /** A list: how many numbers follow; each is a free page, or minus the length of the run that comes next. */
  #claimFree(list: Buffer): void {
    const { lastPage = 0 } = this.meta ?? {}
    const count = list.length < 8 ? -1 : Number(list.readBigInt64LE(0))
    if (count < 0 || 8 * (count + 1) > list.length)
      return this.#note('free pages', 'a list is damaged')
    let run = 1
    for (let at = 8; at <= 8 * count; at += 8) {
      const number = Number(list.readBigInt64LE(at))
      if (number < 0) run = -number
      if (number <= 0) continue
      if (number + run - 1 > lastPage) this.#note('free pages', 'a page beyond the end is listed')
      // The file may end before its last free pages.
      else if (!this.#claim(number, Math.min(run, this.file.pageCount - number)))
        this.#note('free pages', 'a page in use is listed', number)
      run = 1
    }
  }

  #readTables({ main }: Meta): void {
    walkTree(this.file, main, {
      onNode: (node) => {
        if (node.isTree) this.tables.set(nameOf(node), treeOf(node))
      },
      onDamage: (fault, page) => {
        this.#isListOfTablesDamaged = true
        this.#note('the list of tables', fault, page)
      },
      claim: (page, count) => this.#claim(page, count),
    })
    if (main.root === undefined) return // begun, and nothing was ever committed
    for (const name of tableNames)
      if (!this.tables.has(name) && name !== youngest)
        this.damage.push(`table ${name}: it is missing`)
  }

  #claim(page: number, count: number): boolean {
    for (let number = page; number < page + count; number++) {
      if (this.#used[number] !== 0) return false
      this.#used[number] = 1
      if (++this.#seen % pagesPerReport === 0)
        reportProgress('reading', this.#seen, this.file.pageCount)
    }
    return true
  }

  #note(name: string, fault: string, page?: number): void {
    this.damaged.add(name)
    if (page !== undefined) this.damagedPages.add(page)
    if (this.damage.length < mostDamage)
      this.damage.push(page === undefined ? `${name}: ${fault}` : `${name}: page ${page}: ${fault}`)
  }
}

const pagesPerReport = 1024

/** The library ends a table's name with a zero. */
function nameOf(node: Node): string {
  return keyOf(node).toString('latin1').replace(/\0$/, '')
}

/** Beyond, a list helps nobody. */
const mostDamage = 1_000
