import { EntryCache } from '../entry-cache.ts'
import type { Entry, Page, ReadBounds } from '../log.ts'
import type { Store } from './store.ts'
import { isIntact, readRecord } from '../record.ts'
import type { State } from './state.ts'

/** Decoded entries that are kept at hand for the dispatcher, and for replays of the newest. */
const cacheBytes = 32 * 1024 * 1024
/** Damaged records that one page may pass by, and those that are remembered as told. */
const mostLostPerPage = 10_000
const mostCorrupt = 10_000

export interface LmdbReaderOptions {
  /** The file as it is open now, and what is known of it. */
  readonly store: () => Store
  readonly state: () => State
  /** Looks what other processes wrote. */
  readonly refresh: () => void
  /** A record is not what was stored; told once per position. */
  readonly onCorrupt: (position: number) => void
}

/** Pages of the history: from the entries at hand, or else from the file. A damaged record costs itself. */
export class LmdbReader {
  readonly #options: LmdbReaderOptions
  readonly #cache = new EntryCache(cacheBytes)
  readonly #corrupt = new Set<number>()

  constructor(options: LmdbReaderOptions) {
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
  }

  /** Entries after a position, up to `last` at most, and what is missing before or among them. */
  page(after: number, last: number, bounds: ReadBounds): Page {
    const { maxEntries, maxBytes, isPassing = false } = bounds
    const from = Math.max(after + 1, this.#options.state().first)
    const entries: Entry[] = []
    let bytes = 0
    let lostUpTo = Math.min(from - 1, last)
    let readUpTo = lostUpTo
    for (let position = from; position <= last && entries.length < maxEntries; position++) {
      const entry = this.#cached(position) ?? this.#load(position, isPassing)
      if (entry !== undefined) {
        bytes += entry.update.data.length
        if (bytes > maxBytes && entries.length > 0) break
        entries.push(entry)
      } else if (this.#isDroppedNotice(position)) {
        // Notices that went before their neighbours: the next record may be far away.
        position = Math.min(this.#options.store().nextPosition(position) ?? last + 1, last + 1) - 1
      } else {
        // A hole: a damaged record, or trimmed by another process while we read. The next page begins
        // with it, so that its reader learns of it in its place.
        if (entries.length > 0) break
        if (position < this.#options.state().first) return this.page(after, last, bounds)
        lostUpTo = position
        if (position - from >= mostLostPerPage) break
      }
      readUpTo = position
    }
    return {
      entries,
      upTo: readUpTo,
      ...(lostUpTo <= after ? {} : { lost: { from: after + 1, to: lostUpTo } }),
      ...(after + 1 < this.#options.state().noticesFrom ? { lostNotices: true } : {}),
    }
  }

  #isDroppedNotice(position: number): boolean {
    const { first, noticesFrom } = this.#options.state()
    if (position < first || position >= noticesFrom) return false
    return this.#options.store().record(position) === undefined
  }

  /** A notice that was dropped may still be in the cache, but nobody would know which are. */
  #cached(position: number): Entry | undefined {
    const entry = this.#cache.get(position)
    const isDropped = entry?.kind !== 'update' && position < this.#options.state().noticesFrom
    return isDropped ? undefined : entry
  }

  #load(position: number, isPassing: boolean): Entry | undefined {
    const record = this.#options.store().record(position)
    const entry = record === undefined ? undefined : readRecord(record, position)
    if (entry === undefined) {
      // What a repair marked as lost is no news.
      if (record === undefined || !isIntact(record, position))
        this.#noteCorrupt(position, record === undefined)
    } else if (!isPassing) this.#cache.put(entry)
    return entry
  }

  /** The record costs itself: counted and told once, never thrown. */
  #noteCorrupt(position: number, isMissing: boolean): void {
    this.#options.refresh()
    const { first, noticesFrom } = this.#options.state()
    if (position < first || (isMissing && position < noticesFrom)) return // trimmed, maybe by another process
    if (this.#corrupt.has(position) || this.#corrupt.size >= mostCorrupt) return
    this.#corrupt.add(position)
    this.#options.onCorrupt(position)
  }
}
