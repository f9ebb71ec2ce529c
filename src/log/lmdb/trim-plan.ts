import { type Group, readRemembered } from './append-plan.ts'
import { idKeyOf, type RowWrite, type Store, type Writes } from './store.ts'
import type { Retention } from '../log.ts'
import { costOf, idOf, isIntact, kindOf, timeOf } from '../record.ts'
import { type AgeClock, hasTooManyNotices, isOverSize } from '../retention.ts'
import type { State } from './state.ts'

export interface TrimGroup extends Group {
  /** Nothing is left to trim. */
  readonly isDone: boolean
}

/** Chooses the oldest entries that retention does not keep, and idempotency keys whose time is over: at most `limit` of each. */
export function planTrim(
  store: Store,
  state: State,
  retention: Retention,
  clock: AgeClock,
  limit: number,
): TrimGroup {
  const trim = new Trim(store, state)
  trim.oldest(retention, clock, limit)
  trim.notices(retention, limit)
  const { rows, gone } = expiredRows(store, limit)
  const isDone = !trim.hasMore && rows.length < 2 * limit
  if (!trim.hasChanged && rows.length === 0) return { writes: undefined, stored: [], isDone }
  const onceKeys = Math.max(0, state.onceKeys - gone)
  const next = { ...trim.state, revision: state.revision + 1, onceKeys }
  const writes = { entries: [], trimmed: trim.trimmed, rows, state: next }
  return { writes, stored: [], isDone }
}

/** Records that one slice looks at for notices among updates: 1 µs each. */
const maxScanned = 5_000

class Trim {
  readonly trimmed: Writes['trimmed'][number][] = []
  state: State
  hasMore = false
  readonly #store: Store
  readonly #before: State

  constructor(store: Store, state: State) {
    this.#store = store
    this.#before = this.state = state
  }

  get hasChanged(): boolean {
    return this.state !== this.#before
  }

  /** From the start of the history, updates and notices alike. */
  oldest(retention: Retention, clock: AgeClock, limit: number): void {
    for (;;) {
      const position = this.#firstKept(this.state.first)
      if (position > this.state.head) return
      const record = this.#store.record(position)
      if (!isOverSize(this.state, retention) && !isTooOld(record, position, retention, clock))
        return
      if (this.trimmed.length >= limit) {
        this.hasMore = true
        return
      }
      this.#drop(position, record)
      const first = position + 1
      const noticesFrom = Math.max(first, this.state.noticesFrom)
      this.state = { ...this.state, first, noticesFrom }
    }
  }

  /** Notices that are too many, from among the updates that stay. */
  notices(retention: Retention, limit: number): void {
    const most = this.trimmed.length + limit
    for (let scanned = 0; hasTooManyNotices(this.state, retention); scanned++) {
      const position = this.#firstKept(Math.max(this.state.first, this.state.noticesFrom))
      if (position > this.state.head) return
      if (this.trimmed.length >= most || scanned >= maxScanned) {
        this.hasMore = true
        return
      }
      const record = this.#store.record(position)
      if (record !== undefined && isIntact(record, position) && kindOf(record) !== 'update')
        this.#drop(position, record)
      this.state = { ...this.state, noticesFrom: position + 1 }
    }
  }

  /** The position itself, or the one after the notices that were dropped there before. */
  #firstKept(position: number): number {
    if (position >= this.state.noticesFrom || this.#store.record(position) !== undefined)
      return position
    return Math.min(
      this.#store.nextPosition(position) ?? this.state.noticesFrom,
      this.state.noticesFrom,
    )
  }

  #drop(position: number, record: Buffer | undefined): void {
    const isReadable = record !== undefined && isIntact(record, position)
    this.trimmed.push({ position, idKey: isReadable ? idKeyOf(idOf(record)) : undefined })
    const cost = record === undefined ? 0 : costOf(record)
    const { updates, bytes, notices, noticeBytes } = this.state
    this.state =
      isReadable && kindOf(record) !== 'update'
        ? { ...this.state, notices: notices - 1, noticeBytes: Math.max(0, noticeBytes - cost) }
        : { ...this.state, updates: updates - 1, bytes: Math.max(0, bytes - cost) }
  }
}

/** A record that cannot be read has no age: it goes with its neighbours. */
function isTooOld(
  record: Buffer | undefined,
  position: number,
  { maxAgeMs }: Retention,
  clock: AgeClock,
): boolean {
  if (maxAgeMs === 0) return false
  if (record === undefined || !isIntact(record, position)) return true
  return timeOf(record) < clock.cutoff(position, maxAgeMs)
}

function expiredRows(store: Store, limit: number): { rows: RowWrite[]; gone: number } {
  const nowMs = Date.now()
  const rows: RowWrite[] = []
  let gone = 0
  for (const { due, key } of store.expired(nowMs, limit)) {
    rows.push({ table: 'expiries', key: due, value: key, isGone: true })
    const row = store.once(key)
    const remembered = row === undefined ? undefined : readRemembered(row)
    if (row === undefined || (remembered !== undefined && remembered.untilMs > nowMs)) continue // used again since
    rows.push({ table: 'once', key, value: undefined })
    gone++
  }
  return { rows, gone }
}
