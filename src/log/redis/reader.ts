import { EntryCache } from '../entry-cache.ts'
import type { Entry, Page, ReadBounds } from '../log.ts'
import { readRecord } from '../record.ts'
import type { Connection } from './connection.ts'
import { type RawEntry, type RawPage, readPage } from './follower.ts'
import type { History } from './failover.ts'

/** Decoded entries that are kept at hand for the dispatcher and for replays near each other. */
const cacheBytes = 32 * 1024 * 1024
const maxCorrupt = 10_000

export interface ReaderOptions {
  readonly ask: <T>(question: (connection: Connection) => Promise<T>) => Promise<T>
  /** A record is not what was stored; told once per position. */
  readonly onCorrupt: (position: number) => void
}

/** Pages of the history: from the entries at hand, or else from Redis. */
export class Reader {
  readonly #keys: readonly string[]
  readonly #history: History
  readonly #options: ReaderOptions
  readonly #cache = new EntryCache(cacheBytes)
  readonly #corrupt = new Set<number>()
  readonly #reads = new Map<string, Promise<Page>>()

  constructor(keys: readonly string[], history: History, options: ReaderOptions) {
    this.#keys = keys
    this.#history = history
    this.#options = options
  }

  get cacheBytes(): number {
    return this.#cache.bytes
  }

  /** Damaged records that were met. */
  get corrupt(): number {
    return this.#corrupt.size
  }

  keep(entry: Entry): void {
    this.#cache.put(entry)
  }

  forget(): void {
    this.#cache.clear()
    this.#corrupt.clear()
  }

  read(after: number, last: number, bounds: ReadBounds): Page | Promise<Page> {
    return this.#readCached(after, last, bounds) ?? this.#readShared(after, last, bounds)
  }

  /** An entry as Redis has it; undefined when its record is damaged. */
  decode({ position, timeMs, record }: RawEntry, isPassing = false): Entry | undefined {
    const cached = this.#cache.get(position)
    if (cached !== undefined) return cached
    const read = readRecord(record, 0)
    if (read === undefined) {
      this.#noteCorrupt(position)
      return undefined
    }
    const entry = { ...read, position, timeMs }
    if (!isPassing) this.#cache.put(entry)
    return entry
  }

  #noteCorrupt(position: number): void {
    if (this.#corrupt.has(position) || this.#corrupt.size >= maxCorrupt) return
    this.#corrupt.add(position)
    this.#options.onCorrupt?.(position)
  }

  /** What is at hand: entries, and positions known to be damaged, up to the first that is neither. */
  #readCached(after: number, last: number, { maxEntries, maxBytes }: ReadBounds): Page | undefined {
    if (after + 1 < this.#history.state.first) return undefined
    const entries: Entry[] = []
    let bytes = 0
    let upTo = after
    while (upTo < last && entries.length < maxEntries) {
      const entry = this.#cache.get(upTo + 1)
      if (entry === undefined) {
        if (!this.#corrupt.has(upTo + 1)) break
      } else if (entry.kind === 'update' || entry.position >= this.#history.state.noticesFrom) {
        bytes += entry.update.data.length
        if (bytes > maxBytes && entries.length > 0) break
        entries.push(entry)
      }
      upTo++
    }
    return upTo === after ? undefined : { entries, upTo, ...this.#noticesLost(after) }
  }

  /** Readers of the same page share one question to Redis. */
  #readShared(after: number, last: number, bounds: ReadBounds): Promise<Page> {
    const key = `${after} ${last} ${bounds.maxEntries} ${bounds.maxBytes}`
    const running = this.#reads.get(key)
    if (running !== undefined) return running
    const reading = this.#readStored(after, last, bounds).finally(() => this.#reads.delete(key))
    this.#reads.set(key, reading)
    return reading
  }

  async #readStored(after: number, last: number, bounds: ReadBounds): Promise<Page> {
    const page = await this.#options.ask((connection) =>
      readPage(connection, this.#keys, after, last, bounds),
    )
    const from = Math.min(startOf(page, after + 1, last), last + 1)
    const entries: Entry[] = []
    let bytes = 0
    let upTo = from - 1
    for (const raw of page.entries) {
      if (raw.position > upTo + 1 && raw.position > page.noticesFrom) break // a hole: the next page begins with it
      const entry = this.decode(raw, bounds.isPassing)
      bytes += entry?.update.data.length ?? 0
      if (entry !== undefined && bytes > bounds.maxBytes && entries.length > 0) break
      if (entry !== undefined) entries.push(entry)
      upTo = raw.position
    }
    if (page.entries.length === 0) upTo = last
    const lost = from === after + 1 ? {} : { lost: { from: after + 1, to: from - 1 } }
    return { entries, upTo, ...lost, ...this.#noticesLost(after, page.noticesFrom) }
  }

  #noticesLost(after: number, from = this.#history.state.noticesFrom): { lostNotices?: true } {
    return after + 1 < from ? { lostNotices: true } : {}
  }
}

/** Where a page begins: what is missing before it is lost, unless only notices went from there. */
function startOf({ entries, first, noticesFrom }: RawPage, expected: number, last: number): number {
  const found = entries[0]?.position ?? last + 1
  if (found === expected) return expected
  if (found > Math.max(noticesFrom, expected)) return found
  return Math.max(expected, first)
}
