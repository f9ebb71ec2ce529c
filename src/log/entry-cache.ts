import type { Entry } from './log.ts'

/** Entries that stand and fall together. */
const blockEntries = 64
/** Objects and string headers of a decoded entry. */
const entryOverheadBytes = 512

interface Block {
  readonly entries: (Entry | undefined)[]
  bytes: number
}

/**
 * Decoded entries by position, bounded in bytes; the blocks that nobody asked for longest go first.
 *
 * A look-up is a map of blocks and an index (9 ns in order, bench/micro/log-record.ts), so a reader of the newest entries and readers
 * near each other share what one of them decoded.
 */
export class EntryCache {
  readonly #maxBytes: number
  readonly #blocks = new Map<number, Block>()
  #bytes = 0
  #last = -1
  #lastBlock: Block | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get(position: number): Entry | undefined {
    return this.#touch(Math.floor(position / blockEntries))?.entries[position % blockEntries]
  }

  put(entry: Entry): void {
    const bytes = entryOverheadBytes + charactersOf(entry)
    if (bytes > this.#maxBytes / blockEntries) return // so that no block alone is over the bound
    const number = Math.floor(entry.position / blockEntries)
    let block = this.#touch(number)
    if (block === undefined) {
      block = { entries: new Array<Entry | undefined>(blockEntries), bytes: 0 }
      this.#blocks.set(number, block)
    }
    block.entries[entry.position % blockEntries] = entry
    block.bytes += bytes
    this.#bytes += bytes
    this.#evict(number)
  }

  clear(): void {
    this.#blocks.clear()
    this.#bytes = 0
    this.#lastBlock = undefined
  }

  /** Finds a block and makes it the youngest. Readers ask in order, so it is mostly the one of before. */
  #touch(number: number): Block | undefined {
    if (number === this.#last && this.#lastBlock !== undefined) return this.#lastBlock
    const block = this.#blocks.get(number)
    if (block === undefined) return undefined
    this.#blocks.delete(number)
    this.#blocks.set(number, block)
    this.#last = number
    this.#lastBlock = block
    return block
  }

  /** The block just written stays, however large. */
  #evict(current: number): void {
    if (this.#bytes <= this.#maxBytes) return
    for (const [number, block] of this.#blocks) {
      if (number === current) continue
      this.#blocks.delete(number)
      this.#bytes -= block.bytes
      if (number === this.#last) this.#lastBlock = undefined
      if (this.#bytes <= this.#maxBytes) return
    }
  }
}

function charactersOf({ update }: Entry): number {
  let characters = update.id.length + update.type.length + update.data.length
  for (const topic of update.topics) characters += topic.length
  return characters
}
