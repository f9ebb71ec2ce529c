import { randomUUID } from 'node:crypto'
import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import { AppendQueue } from './append-queue.ts'
import { Gathering } from './group-commit-timer.ts'
import { type Group, planGroup, type Waiting } from './append-plan.ts'
import type {
  Appended,
  AppendOptions,
  Log,
  LogHealth,
  LogStats,
  MarkPage,
  Page,
  ReadBounds,
  Retention,
} from '../log.ts'
import { LmdbReader } from './reader.ts'
import { isDamage, Store } from './store.ts'
import { probeStore } from './probe.ts'
import { findDamage } from './repair/quick-check.ts'
import { freeBytesAt, preparePlace, storeProblem } from './directory.ts'
import { badMark, isMarkName } from '../marks.ts'
import { AgeClock, hasTooManyNotices, isOverSize } from '../retention.ts'
import { Siblings } from './wake-socket.ts'
import type { State } from './state.ts'
import { planTrim } from './trim-plan.ts'

/** A commit needs room for the pages it writes anew, also when it only trims. */
const leastFreeBytes = 16 * 1024 * 1024
/**
 * How often the log looks after itself (retention): while something is written, while something may only
 * grow too old, and while nothing happens at all. Other processes' entries and the room on the disk are
 * looked at once a second in any case: 0.1 ms of work.
 */
const tickMs = { busy: 250, aging: 500, idle: 1_000 }
const lookMs = 1_000
/** So much above the limits is not left for the next tick. */
const trimSlack = 0.05
/** Entries that a trim drops beside twice what the group before it brought. */
const trimSlice = 500
/** How long a start may look at the pages of the store. */
const glanceMs = 300
const damagedState =
  'the row that says where the history stands is damaged; run "cinnabar check --repair"'

export interface LmdbOptions {
  /** A record that is not what was stored is skipped; told once per position. */
  readonly onCorrupt?: (position: number) => void
  /** A group was stored, after so many milliseconds. */
  readonly onFlush?: (ms: number) => void
  /** The history cannot be written any more, and why; undefined when it can again. Told once each. */
  readonly onProblem?: (problem: string | undefined) => void
  /** Somebody has looked already whether the file can be opened without harm. */
  readonly isProbed?: boolean
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
  #store: Store
  readonly #retention: Retention
  readonly #siblings: Siblings
  readonly #reader: LmdbReader
  readonly #clock = new AgeClock()
  readonly #onFlush: (ms: number) => void
  readonly #onProblem: (problem: string | undefined) => void
  readonly #gathering = new Gathering()
  readonly #wakes = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  #state: State
  readonly #queue = new AppendQueue()
  /** The loop that writes groups, while it runs. */
  #writing: Promise<void> | undefined
  #isTrimDue = true
  #problem: string | undefined
  /** The library gave the file up; only opening it anew helps. */
  #isBroken = false
  #reopening: Promise<void> | undefined
  /** Pages that a trim needs are damaged. */
  #isTrimStuck = false
  #isLooking = false
  /** What was written when the last tick looked. */
  #tickedRevision = -1
  #lookedAtMs = 0
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
    this.#reader = new LmdbReader({
      store: () => this.#store,
      state: () => this.#state,
      refresh: () => this.#refresh(),
      onCorrupt: options.onCorrupt ?? (() => {}),
    })
    this.#onFlush = options.onFlush ?? (() => {})
    this.#onProblem = options.onProblem ?? (() => {})
    this.#siblings = new Siblings(directory, () => this.#refresh())
    this.#scheduleTick(tickMs.busy)
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
    if (options.isProbed !== true) await probeStore(directory)
    let store: Store
    try {
      store = new Store(directory, retention.maxBytes)
      await store.begin(randomUUID())
    } catch (error) {
      throw new Error(`transport_url: ${storeProblem(directory, error)}`, { cause: error })
    }
    const [epoch, state] = [store.epoch(), store.state()]
    if (epoch === undefined || state === undefined)
      throw new Error(`transport_url: cannot use ${directory}: ${damagedState}`)
    const log = new LmdbLog(directory, store, state, epoch, retention, options)
    await log.#siblings.open()
    log.#refresh()
    const damage = log.#findDamage()
    if (damage === undefined) return log
    await log.close()
    throw new Error(
      `transport_url: cannot use ${directory}: the file is damaged (${damage}); run "cinnabar check --repair"`,
    )
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
    const appended = this.#queue.wait(updates, options)
    this.#startWriting()
    return appended
  }

  read(after: number, bounds: ReadBounds): Page | Promise<Page> {
    const last = Math.min(bounds.upTo, this.#state.head)
    if (last <= after) return { entries: [], upTo: after }
    return this.#reading(() => this.#reader.page(after, last, bounds))
  }

  locate(id: string): number | undefined | Promise<number | undefined> {
    return this.#reading(() => this.#store.firstPosition(id, this.#state.first))
  }

  /** Reads at once, or when the file was opened anew. */
  #reading<T>(read: () => T): T | Promise<T> {
    try {
      if (!this.#isBroken) return read()
    } catch (error) {
      this.#fail(error)
      if (!this.#isBroken) throw error
    }
    return this.#reopen().then(() => this.#reading(read))
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
      corrupt: this.#reader.corrupt,
      cacheBytes: this.#reader.cacheBytes,
      waitingBytes: this.#queue.bytes,
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#writing
    await this.#reopening
    this.#siblings.close()
    this.#wakes.clear()
    this.#reader.forget()
    if (!this.#isBroken) await this.#store.close()
  }

  /**
   * Pages are looked at by whoever opens the store alone, for a moment; and to the last of them by whoever
   * finds that another process ended without closing it: a damaged page could have been why, and
   * would be so again. Others see a store that somebody looked at.
   */
  #findDamage(): string | undefined {
    const hasCrashed = this.#siblings.dead > 0
    if (!hasCrashed && this.#siblings.count > 0) return undefined
    this.#store.state() // a snapshot, whose pages stay as they are to the end of this turn
    return findDamage(this.#directory, hasCrashed ? Number.POSITIVE_INFINITY : glanceMs)
  }

  #startWriting(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
      if (this.#queue.length > 0) this.#startWriting()
    })
  }

  /** Never rejects. What is to be trimmed goes in slices between the groups, more than came in with them. */
  async #write(): Promise<void> {
    while (this.#queue.length > 0 || (this.#isTrimDue && !this.#isClosed)) {
      if (this.#queue.length > 0) await this.#gathering.gather(() => this.#queue.length)
      const waiting = this.#queue.take()
      if (waiting.length > 0) await this.#writeGroup(waiting)
      const entries = waiting.reduce((sum, { updates }) => sum + updates.length, 0)
      if (this.#isTrimDue) await this.#trim(entries)
    }
  }

  /** A group that fails is refused, and the next one is tried. */
  async #writeGroup(waiting: readonly Waiting[]): Promise<void> {
    try {
      const begunMs = performance.now()
      const { outcomes, stored } = await this.#commit((state) =>
        planGroup(this.#store, state, waiting, Date.now()),
      )
      if (stored.length > 0) this.#onFlush(performance.now() - begunMs) // marks alone are no updates
      for (const [index, { resolve, reject }] of waiting.entries()) {
        const outcome = outcomes[index]
        if (outcome instanceof HubError) reject(outcome)
        else if (outcome !== undefined) resolve(outcome)
      }
      if (
        isOverSize(this.#state, this.#retention, trimSlack) ||
        hasTooManyNotices(this.#state, this.#retention, trimSlack)
      )
        this.#isTrimDue = !this.#isTrimStuck
    } catch (error) {
      const refusal = error instanceof HubError ? error : this.#fail(error)
      for (const { reject } of waiting) reject(refusal)
    }
  }

  /** Plans and writes until no other process came between. What was written is durable and readable. */
  async #commit<T extends Group>(plan: (state: State) => T): Promise<T> {
    for (;;) {
      const planned = plan(this.#state)
      if (planned.writes === undefined) return planned
      if (await this.#store.commit(this.#state.revision, planned.writes)) {
        this.#setProblem(undefined)
        for (const entry of planned.stored) this.#reader.keep(entry)
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

  /** Looks what other processes wrote. Never throws: timers call it. */
  #refresh(): void {
    if (this.#isClosed || this.#isBroken) return
    try {
      const state = this.#store.state()
      if (state === undefined) this.#setProblem(`cannot use ${this.#directory}: ${damagedState}`)
      else if (state.revision > this.#state.revision) this.#advance(state)
    } catch (error) {
      this.#fail(error)
    }
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
      this.#tickedRevision = -1
      if (!isDamage(error)) return void this.#fail(error)
      // Publishers do not suffer from it, and another attempt would end like this one.
      this.#isTrimStuck = true
      this.#onProblem(`${storeProblem(this.#directory, error)}; nothing is trimmed until then`)
    }
  }

  #scheduleTick(inMs: number): void {
    this.#timer = setTimeout(() => this.#tick(), inMs).unref()
  }

  #tick(): void {
    const { head, revision, onceKeys } = this.#state
    const isIdle = revision === this.#tickedRevision
    const isAging = this.#retention.maxAgeMs > 0 || onceKeys > 0
    this.#clock.tick(head)
    this.#tickedRevision = revision
    if (!isIdle || isAging) {
      this.#isTrimDue = !this.#isTrimStuck
      this.#startWriting()
    }
    this.#scheduleTick(isIdle ? (isAging ? tickMs.aging : tickMs.idle) : tickMs.busy)
    if (performance.now() - this.#lookedAtMs < lookMs * 0.9) return
    this.#lookedAtMs = performance.now()
    this.#refresh()
    void this.#lookAtDisk()
  }

  /** Appends stop before the disk is full; and when a write failed, another one is tried. */
  async #lookAtDisk(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      if ((await freeBytesAt(this.#directory)) < leastFreeBytes)
        return this.#setProblem(`cannot use ${this.#directory}: the disk is full`)
      await this.#writing
      if (this.#problem === undefined || this.#isClosed) return
      if (this.#isBroken) await this.#reopen()
      if (!this.#isClosed) await this.#commit(touched)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isLooking = false
    }
  }

  /** Nothing that was acknowledged is lost by it: the file itself says what was committed. */
  #reopen(): Promise<void> {
    this.#reopening ??= this.#openAnew().finally(() => {
      this.#reopening = undefined
      this.#refresh()
    })
    return this.#reopening
  }

  /** Tries until it succeeds; until then the store is broken. Rejects when the log is closed meanwhile. */
  async #openAnew(): Promise<void> {
    await this.#store.close().catch(() => {}) // the library gave it up already
    while (!this.#isClosed) {
      try {
        await probeStore(this.#directory)
        this.#store = new Store(this.#directory, this.#retention.maxBytes)
        this.#isBroken = false
        return
      } catch (error) {
        this.#setProblem(storeProblem(this.#directory, error))
        await new Promise((resolve) => setTimeout(resolve, lookMs))
      }
    }
    throw unavailable('closed')
  }

  #fail(error: unknown): HubError {
    this.#isBroken ||= isFatal(error)
    this.#setProblem(storeProblem(this.#directory, error))
    return unavailable(this.#problem ?? '', error)
  }

  #setProblem(problem: string | undefined): void {
    const isNews = (problem === undefined) !== (this.#problem === undefined)
    this.#problem = problem
    if (isNews) this.#onProblem(problem)
  }
}

/** A write that changes nothing but the revision: whether one can be done. */
function touched(state: State): Group {
  const next = { ...state, revision: state.revision + 1 }
  return { stored: [], writes: { entries: [], trimmed: [], rows: [], state: next } }
}

/**
 * After an error that is not about room LMDB may refuse everything until the file is opened anew; where
 * it would not have, that costs a moment.
 */
function isFatal(error: unknown): boolean {
  if (isDamage(error) || error instanceof HubError) return false
  const { message, code } = error as { readonly message?: unknown; readonly code?: unknown }
  return !/ENOSPC|No space|EDQUOT|quota|EFBIG|too large/i.test(`${String(message)} ${String(code)}`)
}

/** The client learns that it may try again; the reason, with its path, is for the log. */
function unavailable(problem: string, cause?: unknown): HubError {
  return new HubError('unavailable', 'the history cannot take updates now; try again later', {
    cause: cause ?? new Error(problem),
  })
}
