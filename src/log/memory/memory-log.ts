import { randomUUID } from 'node:crypto'
import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import { badMark, isMarkName } from '../marks.ts'
import { MemoryMarks } from './marks.ts'
import { MemoryOnce } from './idempotency-keys.ts'
import { AgeClock, type Extent, hasTooManyNotices, isOverSize } from '../retention.ts'
import type {
  Appended,
  AppendOptions,
  Entry,
  EntryKind,
  Log,
  LogHealth,
  LogStats,
  MarkPage,
  Page,
  ReadBounds,
  Retention,
} from '../log.ts'

/** Bytes that an entry costs beside its text: objects, index entry, string headers (measured: 420–510). */
const overheadBytes = 512
/** Entries dropped in one go, so that a trim never holds the event loop for long. */
const trimBatch = 2_000
const trimDelayMs = 100
const noticeSlack = 0.1
const agePollMs = 500

/**
 * A bounded history in memory: as fast as it gets, gone with the process.
 *
 * Entries stand in an array in the order of their positions. Most are found by subtraction, those
 * before places where notices were dropped by bisection; trimming moves the start and, now and then, the array.
 */
export class MemoryLog implements Log {
  readonly epoch = randomUUID()
  readonly #retention: Retention
  readonly #clock = new AgeClock()
  #entries: Entry[] = []
  /** Index of the oldest entry kept; what stands before it is already forgotten. */
  #start = 0
  #first = 1
  #head = 0
  #updates = 0
  #bytes = 0
  #notices = 0
  #noticeBytes = 0
  /** Before this position no notice is kept. */
  #noticesFrom = 1
  #lastId: string | undefined
  #lastTimeMs = 0
  /** All positions of each id, oldest first (CORNERS: publishers may reuse ids). */
  readonly #positions = new Map<string, number[]>()
  readonly #once = new MemoryOnce()
  readonly #marks = new MemoryMarks()
  readonly #wakes = new Set<() => void>()
  #trimTimer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(retention: Retention) {
    this.#retention = retention
  }

  get head(): number {
    return this.#head
  }

  get first(): number {
    return this.#first
  }

  get lastId(): string | undefined {
    return this.#lastId
  }

  append(updates: readonly Update[], options: AppendOptions = {}): Promise<Appended> {
    try {
      return Promise.resolve(this.#append(updates, options))
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #append(
    updates: readonly Update[],
    { kind = 'update', once, marks = [] }: AppendOptions,
  ): Appended {
    if (this.#isClosed) throw new HubError('unavailable', 'the hub is shutting down')
    const nowMs = Date.now()
    const before = once && this.#once.answer(once, nowMs)
    if (before !== undefined) return before
    if (!marks.every(({ name }) => isMarkName(name))) throw badMark()
    const marked = this.#marks.compare(marks)
    if (marked === undefined) return { outcome: 'refused' }
    if (once !== undefined) this.#once.makeRoom()
    if (this.#marks.isFull(marks.length) && marks.some(({ to }) => to !== undefined))
      throw new HubError('unavailable', 'the history holds too many marks; try again later')

    for (const update of updates) this.#store(update, kind, nowMs)
    const ids = updates.map((update) => update.id)
    const appended = { outcome: 'stored', ids, position: this.#head } as const
    if (once !== undefined) this.#once.remember(once, appended, nowMs)
    for (const [name, to] of marked) this.#marks.set(name, to)
    if (this.#isOverLimit() || this.#hasTooManyNotices()) this.#scheduleTrim(trimDelayMs)
    else if (this.#retention.maxAgeMs > 0) this.#scheduleTrim(agePollMs)
    if (updates.length > 0) for (const wake of this.#wakes) wake()
    return appended
  }

  #store(update: Update, kind: EntryKind, nowMs: number): void {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, nowMs)
    const position = ++this.#head
    const entry = { position, kind, timeMs: this.#lastTimeMs, update }
    this.#entries.push(entry)
    this.#count(entry, 1)
    this.#lastId = update.id
    const positions = this.#positions.get(update.id)
    if (positions === undefined) this.#positions.set(update.id, [position])
    else positions.push(position)
  }

  read(after: number, { maxEntries, maxBytes, upTo }: ReadBounds): Page {
    const last = Math.min(upTo, this.#head)
    if (last <= after) return { entries: [], upTo: after }
    const from = Math.max(after + 1, this.#first)
    const entries: Entry[] = []
    let bytes = 0
    for (let index = this.#indexOf(from); entries.length < maxEntries; index++) {
      const entry = this.#entries[index]
      if (entry === undefined || entry.position > last) break
      bytes += entry.update.data.length
      if (bytes > maxBytes && entries.length > 0) break
      entries.push(entry)
    }
    return {
      entries,
      upTo: entries.at(-1)?.position ?? last,
      ...(from === after + 1 ? {} : { lost: { from: after + 1, to: Math.min(from - 1, last) } }),
      ...(after + 1 < this.#noticesFrom ? { lostNotices: true } : {}),
    }
  }

  /** The index of the first entry at this position or after it. */
  #indexOf(position: number): number {
    const guess = this.#entries.length - 1 - (this.#head - position)
    if (this.#entries[guess]?.position === position) return guess
    let [low, high] = [this.#start, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.position ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low
  }

  marks(prefix: string, after: string, limit: number): MarkPage {
    return { marks: this.#marks.list(prefix, after, limit), position: this.#head }
  }

  locate(id: string): number | undefined {
    return this.#positions.get(id)?.[0]
  }

  onAdvance(wake: () => void): () => void {
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }

  health(): LogHealth {
    return this.#isClosed ? { ok: false, reason: 'closed' } : { ok: true }
  }

  stats(): LogStats {
    return {
      entries: this.#updates,
      notices: this.#notices,
      bytes: this.#bytes,
      onceKeys: this.#once.size,
      marks: this.#marks.size,
      corrupt: 0,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#trimTimer)
    this.#wakes.clear()
  }

  #count({ kind, update }: Entry, by: 1 | -1): void {
    const cost = by * costOf(update)
    if (kind === 'update') {
      this.#updates += by
      this.#bytes += cost
    } else {
      this.#notices += by
      this.#noticeBytes += cost
    }
  }

  #extent(): Extent {
    return {
      updates: this.#updates,
      bytes: this.#bytes,
      notices: this.#notices,
      noticeBytes: this.#noticeBytes,
    }
  }

  #isOverLimit(): boolean {
    const { maxAgeMs } = this.#retention
    if (isOverSize(this.#extent(), this.#retention)) return true
    const oldest = this.#entries[this.#start]
    return (
      maxAgeMs > 0 &&
      oldest !== undefined &&
      oldest.timeMs < this.#clock.cutoff(oldest.position, maxAgeMs)
    )
  }

  /** One timer at a time: trimming never runs inside a publisher's request. */
  #scheduleTrim(delayMs: number): void {
    if (this.#trimTimer !== undefined || this.#isClosed) return
    this.#trimTimer = setTimeout(() => {
      this.#trimTimer = undefined
      this.#trim()
    }, delayMs).unref()
  }

  #trim(): void {
    this.#clock.tick(this.#head)
    for (let dropped = 0; dropped < trimBatch && this.#isOverLimit(); dropped++) this.#dropOldest()
    this.#dropNotices()
    this.#clock.forget(this.#first)
    if (this.#start > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#start)
      this.#start = 0
    }
    if (this.#isOverLimit()) this.#scheduleTrim(1)
    else if (this.#retention.maxAgeMs > 0 && this.#entries.length > this.#start)
      this.#scheduleTrim(agePollMs)
  }

  #dropOldest(): void {
    const entry = this.#entries[this.#start]
    if (entry === undefined) return
    this.#forgetId(entry)
    this.#count(entry, -1)
    this.#start++
    this.#first = entry.position + 1
    this.#noticesFrom = Math.max(this.#noticesFrom, this.#first)
  }

  /** Beyond a tenth more than the bound: one pass over the array takes that tenth away. */
  #hasTooManyNotices(): boolean {
    return hasTooManyNotices(this.#extent(), this.#retention, noticeSlack)
  }

  #dropNotices(): void {
    if (!this.#hasTooManyNotices()) return
    const kept: Entry[] = []
    for (let index = this.#start; index < this.#entries.length; index++) {
      const entry = this.#entries[index] as Entry // the index is within the array
      if (entry.kind === 'update' || !hasTooManyNotices(this.#extent(), this.#retention)) {
        kept.push(entry)
        continue
      }
      this.#forgetId(entry)
      this.#count(entry, -1)
      this.#noticesFrom = entry.position + 1
    }
    this.#entries = kept
    this.#start = 0
  }

  #forgetId({ position, update }: Entry): void {
    const positions = this.#positions.get(update.id)
    if (positions === undefined || positions.length <= 1) this.#positions.delete(update.id)
    else positions.splice(positions.indexOf(position), 1)
  }
}

function costOf(update: Update): number {
  let characters = update.id.length + update.type.length + update.data.length
  for (const topic of update.topics) characters += topic.length
  return overheadBytes + characters
}
