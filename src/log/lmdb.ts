import { randomUUID } from 'node:crypto'
import { HubError } from '../protocol/errors.ts'
import type { Update } from '../protocol/update.ts'
import { EntryCache } from './entry-cache.ts'
import { type Group, planGroup, type Waiting } from './group.ts'
import type {
  Appended,
  AppendOptions,
  Entry,
  Log,
  LogHealth,
  LogStats,
  MarkPage,
  Page,
  ReadBounds,
  Retention,
} from './log.ts'
import { Store } from './lmdb-store.ts'
import { probeStore } from './lmdb-probe.ts'
import { freeBytesAt, preparePlace, storeProblem } from './place.ts'
import { badMark, isMarkName } from './mark.ts'
import { readRecord } from './record.ts'
import { AgeClock, hasTooManyNotices, isOverSize } from './retention.ts'
import { Siblings } from './siblings.ts'
import type { State } from './state.ts'
import { planTrim } from './trim.ts'

/** Decoded entries that are kept at hand for the dispatcher and for replays near each other. */
const cacheBytes = 32 * 1024 * 1024
/** Publishes that may wait for the disk: entries of one flush, and bytes in all. */
const maxGroupEntries = 1_000
const maxWaitingBytes = 64 * 1024 * 1024
/** A commit needs room for the pages it writes anew, also when it only trims. */
const leastFreeBytes = 16 * 1024 * 1024
/** How often the log looks after itself: other processes' entries, retention, room on the disk. */
const tickMs = 250
const ticksPerLook = 4
/** So much above the limits is not left for the next tick. */
const trimSlack = 0.05
/** Entries that a trim drops beside twice what the group before it brought. */
const trimSlice = 500

export interface LmdbOptions {
  /** A record that is not what was stored is skipped; told once per position. */
  readonly onCorrupt?: (position: number) => void
  /** A group was stored, after so many milliseconds. */
  readonly onFlush?: (ms: number) => void
}

/**
 * A history in a file, flushed to disk before a publisher is answered or anybody reads it.
 *
 * Publishers that wait while a group is being flushed share the next one (group commit). Several
 * processes may have the file open: each group is written on condition that nobody else wrote since it
 * was planned, and is planned again when somebody did.
 */
export class LmdbLog implements Log {
  readonly epoch: string
  readonly #directory: string
  readonly #store: Store
  readonly #retention: Retention
  readonly #siblings: Siblings
  readonly #cache = new EntryCache(cacheBytes)
  readonly #clock = new AgeClock()
  readonly #corrupt = new Set<number>()
  readonly #onCorrupt: (position: number) => void
  readonly #onFlush: (ms: number) => void
  readonly #wakes = new Set<() => void>()
  readonly #timer: NodeJS.Timeout
  #state: State
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** The loop that writes groups, while it runs. */
  #writing: Promise<void> | undefined
  #isTrimDue = true
  #problem: string | undefined
  #ticks = 0
  #isClosed = false

  private constructor(
    directory: string,
    store: Store,
    state: State,
    epoch: string,
    retention: Retention,
    options: LmdbOptions,
  ) {
    this.#directory = directory
    this.#store = store
    this.#state = state
    this.epoch = epoch
    this.#retention = retention
    this.#onCorrupt = options.onCorrupt ?? (() => {})
    this.#onFlush = options.onFlush ?? (() => {})
    this.#siblings = new Siblings(directory, () => this.#refresh())
    this.#timer = setInterval(() => this.#tick(), tickMs).unref()
  }

  /**
   * Opens a history, or begins one. The directory is made when it is not there.
   *
   * @throws Error with a sentence for the operator
   */
  static async open(
    directory: string,
    retention: Retention,
    options: LmdbOptions = {},
  ): Promise<LmdbLog> {
    preparePlace(directory)
    await probeStore(directory)
    let store: Store
    try {
      store = new Store(directory, retention.maxBytes)
      await store.begin(randomUUID())
    } catch (error) {
      throw new Error(`transport_url: ${storeProblem(directory, error)}`, { cause: error })
    }
    const [epoch, state] = [store.epoch(), store.state()]
    if (epoch === undefined || state === undefined)
      throw new Error(
        `transport_url: cannot use ${directory}: the row that says where the history stands is damaged`,
      )
    const log = new LmdbLog(directory, store, state, epoch, retention, options)
    await log.#siblings.open()
    log.#refresh()
    return log
  }

  get head(): number {
    return this.#state.head
  }

  get first(): number {
    return this.#state.first
  }

  get lastId(): string | undefined {
    return this.#state.head === 0 ? undefined : this.#state.lastId
  }

  append(updates: readonly Update[], options: AppendOptions = {}): Promise<Appended> {
    if (this.#isClosed)
      return Promise.reject(new HubError('unavailable', 'the hub is shutting down'))
    if (this.#problem !== undefined) return Promise.reject(unavailable(this.#problem))
    for (const { name } of options.marks ?? [])
      if (!isMarkName(name)) return Promise.reject(badMark())
    if (this.#waitingBytes > maxWaitingBytes)
      return Promise.reject(
        new HubError('unavailable', 'too many updates wait for the disk; try again later', {
          limit: 'waiting_publishes',
        }),
      )
    const bytes = updates.reduce((sum, update) => sum + update.data.length, 0)
    this.#waitingBytes += bytes
    return new Promise((resolve, reject) => {
      this.#waiting.push({ updates, options, bytes, resolve, reject })
      this.#startWriting()
    })
  }

  read(after: number, bounds: ReadBounds): Page {
    const { maxEntries, maxBytes, upTo } = bounds
    const { head, first } = this.#state
    const last = Math.min(upTo, head)
    if (last <= after) return { entries: [], upTo: after }
    const from = Math.max(after + 1, first)
    const entries: Entry[] = []
    let bytes = 0
    let readUpTo = from - 1
    for (let position = from; position <= last && entries.length < maxEntries; position++) {
      const entry = this.#cached(position) ?? this.#load(position)
      if (entry !== undefined) {
        bytes += entry.update.data.length
        if (bytes > maxBytes && entries.length > 0) break
        entries.push(entry)
      } else if (position < this.#state.noticesFrom && position >= this.#state.first) {
        // Notices that went before their neighbours: the next record may be far away.
        position = Math.min(this.#store.nextPosition(position) ?? last + 1, last + 1) - 1
      } else if (position < this.#state.first) {
        // Another process trimmed it while we read: a hole, and no corrupt record.
        if (entries.length === 0) return this.read(after, bounds)
        break
      }
      readUpTo = position
    }
    if (from > last) readUpTo = last
    return {
      entries,
      upTo: readUpTo,
      ...(from === after + 1 ? {} : { lost: { from: after + 1, to: Math.min(from - 1, last) } }),
      ...(after + 1 < this.#state.noticesFrom ? { lostNotices: true } : {}),
    }
  }

  locate(id: string): number | undefined {
    return this.#store.firstPosition(id, this.#state.first)
  }

  marks(prefix: string, after: string, limit: number): MarkPage {
    this.#refresh() // state and marks are then of one snapshot
    return { marks: this.#store.marksAfter(prefix, after, limit), position: this.#state.head }
  }

  onAdvance(wake: () => void): () => void {
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }

  health(): LogHealth {
    if (this.#isClosed) return { ok: false, reason: 'closed' }
    return this.#problem === undefined
      ? { ok: true }
      : { ok: false, reason: 'the history cannot be written' }
  }

  stats(): LogStats {
    const { updates, notices, bytes, onceKeys, marks } = this.#state
    return {
      entries: updates,
      notices,
      bytes,
      onceKeys,
      marks,
      corrupt: this.#corrupt.size,
      cacheBytes: this.#cache.bytes,
      waitingBytes: this.#waitingBytes,
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#writing
    this.#siblings.close()
    this.#wakes.clear()
    this.#cache.clear()
    await this.#store.close()
  }

  /** A notice that was dropped may still be in the cache, but nobody would know which are. */
  #cached(position: number): Entry | undefined {
    const entry = this.#cache.get(position)
    const isDropped = entry?.kind !== 'update' && position < this.#state.noticesFrom
    return isDropped ? undefined : entry
  }

  #load(position: number): Entry | undefined {
    const record = this.#store.record(position)
    const entry = record === undefined ? undefined : readRecord(record, position)
    if (entry !== undefined) this.#cache.put(entry)
    else this.#noteCorrupt(position, record === undefined)
    return entry
  }

  /** The record costs itself: counted and told once, never thrown. */
  #noteCorrupt(position: number, isMissing: boolean): void {
    this.#refresh()
    const { first, noticesFrom } = this.#state
    if (position < first || (isMissing && position < noticesFrom)) return // trimmed, maybe by another process
    if (this.#corrupt.has(position) || this.#corrupt.size > 10_000) return
    this.#corrupt.add(position)
    this.#onCorrupt(position)
  }

  /** Publishes of one turn of the event loop share a flush, even when nothing is being written. */
  #startWriting(): void {
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#write())
      .finally(() => {
        this.#writing = undefined
        if (this.#waiting.length > 0) this.#startWriting()
      })
  }

  /** Never rejects. What is to be trimmed goes in slices between the groups, more than came in with them. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0 || (this.#isTrimDue && !this.#isClosed)) {
      const waiting = this.#takeWaiting()
      if (waiting.length > 0) await this.#writeGroup(waiting)
      const entries = waiting.reduce((sum, { updates }) => sum + updates.length, 0)
      if (this.#isTrimDue) await this.#trim(entries)
    }
  }

  /** A group that fails is refused, and the next one is tried. */
  async #writeGroup(waiting: readonly Waiting[]): Promise<void> {
    try {
      const begunMs = performance.now()
      const { outcomes } = await this.#commit((state) =>
        planGroup(this.#store, state, waiting, Date.now()),
      )
      this.#onFlush(performance.now() - begunMs)
      for (const [index, { resolve, reject }] of waiting.entries()) {
        const outcome = outcomes[index]
        if (outcome instanceof HubError) reject(outcome)
        else if (outcome !== undefined) resolve(outcome)
      }
      if (
        isOverSize(this.#state, this.#retention, trimSlack) ||
        hasTooManyNotices(this.#state, this.#retention, trimSlack)
      )
        this.#isTrimDue = true
    } catch (error) {
      const refusal = error instanceof HubError ? error : this.#fail(error)
      for (const { reject } of waiting) reject(refusal)
    }
  }

  #takeWaiting(): Waiting[] {
    let entries = 0
    let count = 0
    for (const { updates } of this.#waiting) {
      entries += updates.length
      if (entries > maxGroupEntries && count > 0) break
      count++
    }
    const taken = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    for (const { bytes } of taken) this.#waitingBytes -= bytes
    return taken
  }

  /** Plans and writes until no other process came between. What was written is durable and readable. */
  async #commit<T extends Group>(plan: (state: State) => T): Promise<T> {
    for (;;) {
      const planned = plan(this.#state)
      if (planned.writes === undefined) return planned
      if (await this.#store.commit(this.#state.revision, planned.writes)) {
        this.#problem = undefined
        for (const entry of planned.stored) this.#cache.put(entry)
        this.#advance(planned.writes.state)
        this.#siblings.wake()
        return planned
      }
      this.#refresh()
    }
  }

  #advance(state: State): void {
    const hasMore = state.head > this.#state.head
    this.#state = state
    if (hasMore) for (const wake of this.#wakes) wake()
  }

  /** Looks what other processes wrote. */
  #refresh(): void {
    if (this.#isClosed) return
    const state = this.#store.state()
    if (state === undefined) this.#problem = 'the row that says where the history stands is damaged'
    else if (state.revision > this.#state.revision) this.#advance(state)
  }

  async #trim(broughtEntries: number): Promise<void> {
    try {
      this.#clock.tick(this.#state.head)
      const plan = (state: State) =>
        planTrim(this.#store, state, this.#retention, this.#clock, trimSlice + 2 * broughtEntries)
      const { isDone } = await this.#commit(plan)
      this.#isTrimDue = !isDone
      this.#clock.forget(this.#state.first)
    } catch (error) {
      this.#isTrimDue = false // until the next tick
      this.#fail(error)
    }
  }

  #tick(): void {
    this.#clock.tick(this.#state.head)
    this.#isTrimDue = true
    this.#startWriting()
    if (++this.#ticks % ticksPerLook !== 0) return
    this.#refresh()
    void this.#lookAtDisk()
  }

  /** Appends stop before the disk is full; and when a write failed, another one is tried. */
  async #lookAtDisk(): Promise<void> {
    try {
      if ((await freeBytesAt(this.#directory)) < leastFreeBytes) {
        this.#problem = 'the disk is full'
        return
      }
      if (this.#problem === undefined || this.#isClosed) return
      const touched = (state: State) => ({
        stored: [],
        writes: {
          entries: [],
          trimmed: [],
          rows: [],
          state: { ...state, revision: state.revision + 1 },
        },
      })
      await this.#writing
      await this.#commit(touched)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): HubError {
    this.#problem = storeProblem(this.#directory, error)
    return unavailable(this.#problem, error)
  }
}

/** The client learns that it may try again; the reason, with its path, is for the log. */
function unavailable(problem: string, cause?: unknown): HubError {
  return new HubError('unavailable', 'the history cannot take updates now; try again later', {
    cause: cause ?? new Error(problem),
  })
}
