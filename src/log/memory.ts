import { randomUUID } from 'node:crypto'
import { HubError } from '../protocol/errors.ts'
import type { Update } from '../protocol/update.ts'
import { AgeClock } from './retention.ts'
import type {
  Appended,
  AppendOptions,
  Entry,
  Log,
  LogHealth,
  LogStats,
  Page,
  ReadBounds,
  Retention,
} from './log.ts'

/** Bytes that an entry costs beside its text: objects, index entry, string headers (measured: 420–510). */
const overheadBytes = 512
/** Idempotency keys and marks that are remembered at most; beyond, appends that need one are refused. */
const maxRemembered = 100_000
/** Entries dropped in one go, so that a trim never holds the event loop for long. */
const trimBatch = 2_000
const trimDelayMs = 100
const agePollMs = 500

interface Remembered {
  readonly fingerprint: string
  readonly appended: Appended
  readonly forgetAtMs: number
}

/**
 * A bounded history in memory: as fast as it gets, gone with the process.
 *
 * Entries stand in an array whose index is `position - first`, so a position is found by
 * subtraction; trimming moves the start and, now and then, the array.
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
  #bytes = 0
  #lastId: string | undefined
  #lastTimeMs = 0
  /** All positions of each id, oldest first (CORNERS: publishers may reuse ids). */
  readonly #positions = new Map<string, number[]>()
  readonly #once = new Map<string, Remembered>()
  readonly #marks = new Map<string, string>()
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

  #append(updates: readonly Update[], { once, mark }: AppendOptions): Appended {
    if (this.#isClosed) throw new HubError('unavailable', 'the hub is shutting down')
    const nowMs = Date.now()
    if (once !== undefined) {
      const before = this.#recall(once.key, nowMs)
      if (before !== undefined) {
        if (before.fingerprint !== once.fingerprint) return { outcome: 'conflict' }
        return { ...before.appended, outcome: 'repeated' } as Appended
      }
    }
    if (mark !== undefined && this.#marks.get(mark.name) !== mark.from)
      return { outcome: 'refused' }
    const needsKey = once !== undefined && this.#once.size >= maxRemembered
    const needsMark = mark !== undefined && mark.from === undefined && mark.to !== undefined
    if (needsKey || (needsMark && this.#marks.size >= maxRemembered))
      throw new HubError('unavailable', 'too many idempotency keys are remembered; try again later')

    for (const update of updates) this.#store(update, nowMs)
    const ids = updates.map((update) => update.id)
    const appended: Appended = { outcome: 'stored', ids, position: this.#head }
    if (once !== undefined)
      this.#once.set(once.key, {
        fingerprint: once.fingerprint,
        appended: once.answer === undefined ? appended : { ...appended, ids: [once.answer] },
        forgetAtMs: nowMs + once.windowMs,
      })
    if (mark !== undefined) this.#setMark(mark.name, mark.to)
    if (this.#isOverLimit()) this.#scheduleTrim(trimDelayMs)
    else if (this.#retention.maxAgeMs > 0) this.#scheduleTrim(agePollMs)
    for (const wake of this.#wakes) wake()
    return appended
  }

  #store(update: Update, nowMs: number): void {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, nowMs)
    const position = ++this.#head
    this.#entries.push({ position, timeMs: this.#lastTimeMs, update })
    this.#bytes += costOf(update)
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
    for (let position = from; position <= last && entries.length < maxEntries; position++) {
      const entry = this.#entries[this.#start + position - this.#first]
      if (entry === undefined) break
      bytes += entry.update.data.length
      if (bytes > maxBytes && entries.length > 0) break
      entries.push(entry)
    }
    const readUpTo = entries.at(-1)?.position ?? last
    if (from === after + 1) return { entries, upTo: readUpTo }
    return { entries, upTo: readUpTo, lost: { from: after + 1, to: Math.min(from - 1, last) } }
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
      entries: this.#head - this.#first + 1,
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

  #recall(key: string, nowMs: number): Remembered | undefined {
    for (const [oldest, { forgetAtMs }] of this.#once) {
      if (forgetAtMs > nowMs) break
      this.#once.delete(oldest)
    }
    const found = this.#once.get(key)
    if (found !== undefined && found.forgetAtMs > nowMs) return found
    this.#once.delete(key) // so that it is young again when it is set again
    return undefined
  }

  #setMark(name: string, value: string | undefined): void {
    if (value === undefined) this.#marks.delete(name)
    else this.#marks.set(name, value)
  }

  #isOverLimit(): boolean {
    const { maxEntries, maxAgeMs, maxBytes } = this.#retention
    if (maxEntries > 0 && this.#head - this.#first + 1 > maxEntries) return true
    if (maxBytes > 0 && this.#bytes > maxBytes) return true
    const oldest = this.#entries[this.#start]
    return (
      maxAgeMs > 0 &&
      oldest !== undefined &&
      oldest.timeMs < this.#clock.cutoff(this.#first, maxAgeMs)
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
    this.#clock.forget(this.#first)
    if (this.#start > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#start)
      this.#start = 0
    }
    if (this.#isOverLimit()) this.#scheduleTrim(1)
    else if (this.#retention.maxAgeMs > 0 && this.#head >= this.#first)
      this.#scheduleTrim(agePollMs)
  }

  #dropOldest(): void {
    const entry = this.#entries[this.#start]
    if (entry === undefined) return
    const positions = this.#positions.get(entry.update.id)
    if (positions === undefined || positions.length <= 1) this.#positions.delete(entry.update.id)
    else positions.shift()
    this.#bytes -= costOf(entry.update)
    this.#start++
    this.#first++
  }
}

function costOf(update: Update): number {
  let characters = update.id.length + update.type.length + update.data.length
  for (const topic of update.topics) characters += topic.length
  return overheadBytes + characters
}
