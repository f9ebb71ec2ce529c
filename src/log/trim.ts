import { type Group, readRemembered } from './group.ts'
import { idKeyOf, type RowWrite, type Store, type Writes } from './lmdb-store.ts'
import type { Retention } from './log.ts'
import { costOf, idOf, isIntact, timeOf } from './record.ts'
import { type AgeClock, isOverSize } from './retention.ts'
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
  const trimmed: Writes['trimmed'][number][] = []
  let { first, bytes } = state
  while (trimmed.length < limit && first <= state.head) {
    const record = store.record(first)
    const isTooMuch = isOverSize({ first, head: state.head, bytes }, retention)
    if (!isTooMuch && !isTooOld(record, first, retention, clock)) break
    const isReadable = record !== undefined && isIntact(record, first)
    trimmed.push({ position: first, idKey: isReadable ? idKeyOf(idOf(record)) : undefined })
    bytes = Math.max(0, bytes - (record === undefined ? 0 : costOf(record)))
    first++
  }
  const { rows, gone } = expiredRows(store, limit)
  const isDone = trimmed.length < limit && rows.length < 2 * limit
  if (trimmed.length === 0 && rows.length === 0) return { writes: undefined, stored: [], isDone }
  const onceKeys = Math.max(0, state.onceKeys - gone)
  const next = { ...state, revision: state.revision + 1, first, bytes, onceKeys }
  return { writes: { entries: [], trimmed, rows, state: next }, stored: [], isDone }
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
