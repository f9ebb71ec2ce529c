import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import { digestOf, expiryKeyOf, idKeyOf, type RowWrite, type Store, type Writes } from './store.ts'
import type { Appended, AppendOptions, Entry, EntryKind } from '../log.ts'
import { costOf, recordBytesAtMost, writeRecord } from '../record.ts'
import type { State } from './state.ts'

/** A publisher that waits for its updates to be flushed. */
export interface Waiting {
  readonly updates: readonly Update[]
  readonly options: AppendOptions
  readonly bytes: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: HubError) => void
}

/** What a commit will write; nothing when everybody in it is answered without. */
export interface Group {
  readonly writes: Writes | undefined
  readonly stored: readonly Entry[]
}

export interface AppendGroup extends Group {
  /** One per publisher, in their order: what cannot be stored is refused alone. */
  readonly outcomes: readonly (Appended | HubError)[]
}

/** What an idempotency key stands for, as JSON in its row. */
export interface Remembered {
  readonly fingerprint: string
  readonly ids: readonly string[]
  readonly position: number
  readonly untilMs: number
}

/** Idempotency keys that are remembered at most; beyond, appends that need one are refused. */
const maxRemembered = 100_000
/** Marks at most: about one per matcher of each stream, where presence is on. */
const maxMarks = 1_000_000

/** Gives the waiting updates their positions and records, on top of `state`. Reads the store, writes nothing. */
export function planGroup(
  store: Store,
  state: State,
  waiting: readonly Waiting[],
  nowMs: number,
): AppendGroup {
  const timeMs = Math.max(state.lastTimeMs, nowMs)
  const plan = new Plan(store, state, timeMs, roomFor(waiting))
  const outcomes = waiting.map(({ updates, options }) => plan.append(updates, options, nowMs))
  return { outcomes, stored: plan.stored, writes: plan.writes() }
}

function roomFor(waiting: readonly Waiting[]): Buffer {
  let bytes = 0
  for (const { updates } of waiting)
    for (const update of updates) bytes += recordBytesAtMost(update)
  return Buffer.allocUnsafeSlow(bytes)
}

class Plan {
  readonly stored: Entry[] = []
  readonly #store: Store
  readonly #before: State
  readonly #timeMs: number
  readonly #room: Buffer
  readonly #entries: Writes['entries'][number][] = []
  readonly #rows: RowWrite[] = []
  /** Keys and marks that this group itself sets. */
  readonly #once = new Map<string, Remembered>()
  readonly #marks = new Map<string, string | undefined>()
  #used = 0
  #head: number
  #updates: number
  #bytes: number
  #notices: number
  #noticeBytes: number
  #lastId: string
  #onceKeys: number
  #markCount: number

  constructor(store: Store, state: State, timeMs: number, room: Buffer) {
    this.#store = store
    this.#before = state
    this.#timeMs = timeMs
    this.#room = room
    this.#head = state.head
    this.#updates = state.updates
    this.#bytes = state.bytes
    this.#notices = state.notices
    this.#noticeBytes = state.noticeBytes
    this.#lastId = state.lastId
    this.#onceKeys = state.onceKeys
    this.#markCount = state.marks
  }

  /** Adds all updates of a publisher, or none. */
  append(
    updates: readonly Update[],
    { kind = 'update', once, marks = [] }: AppendOptions,
    nowMs: number,
  ): Appended | HubError {
    if (once !== undefined) {
      const before = this.#recall(once.key)
      if (before !== undefined && before.untilMs > nowMs) {
        if (before.fingerprint !== once.fingerprint) return { outcome: 'conflict' }
        return { outcome: 'repeated', ids: before.ids, position: before.position }
      }
    }
    const marked = this.#compare(marks)
    if (marked === undefined) return { outcome: 'refused' }
    if (once !== undefined && this.#onceKeys >= maxRemembered)
      return new HubError(
        'unavailable',
        'too many idempotency keys are remembered; try again later',
        { limit: 'idempotency_keys' },
      )
    if (this.#markCount + marks.length > maxMarks && marks.some(({ to }) => to !== undefined))
      return new HubError('unavailable', 'the history holds too many marks; try again later')

    const records: Buffer[] = []
    try {
      for (const update of updates)
        records.push(this.#encode(update, this.#head + 1 + records.length, kind))
    } catch (cause) {
      return new HubError('too_large', 'a field of the update is too long', { cause })
    }
    for (const [index, update] of updates.entries())
      this.#add(update, records[index] as Buffer, kind)
    const ids = updates.map((update) => update.id)
    if (once !== undefined) this.#remember(once, ids, nowMs)
    for (const [name, to] of marked) this.#setMark(name, to)
    return { outcome: 'stored', ids, position: this.#head }
  }

  writes(): Writes | undefined {
    if (this.#entries.length === 0 && this.#rows.length === 0) return undefined
    const state = {
      ...this.#before,
      revision: this.#before.revision + 1,
      head: this.#head,
      updates: this.#updates,
      notices: this.#notices,
      noticeBytes: this.#noticeBytes,
      lastTimeMs: this.#timeMs,
      bytes: this.#bytes,
      lastId: this.#lastId,
      onceKeys: this.#onceKeys,
      marks: this.#markCount,
    }
    return { entries: this.#entries, trimmed: [], rows: this.#rows, state }
  }

  #encode(update: Update, position: number, kind: EntryKind): Buffer {
    const end = writeRecord(this.#room, this.#used, position, this.#timeMs, update, kind)
    const record = this.#room.subarray(this.#used, end)
    this.#used = end
    return record
  }

  #add(update: Update, record: Buffer, kind: EntryKind): void {
    const position = ++this.#head
    if (kind === 'update') {
      this.#updates++
      this.#bytes += costOf(record)
    } else {
      this.#notices++
      this.#noticeBytes += costOf(record)
    }
    this.#lastId = update.id
    this.#entries.push({ position, idKey: idKeyOf(update.id), record })
    this.stored.push({ position, kind, timeMs: this.#timeMs, update })
  }

  #recall(key: string): Remembered | undefined {
    const own = this.#once.get(key)
    if (own !== undefined) return own
    const row = this.#store.once(digestOf(key))
    return row === undefined ? undefined : readRemembered(row)
  }

  #remember(
    { key, fingerprint, windowMs, answer }: NonNullable<AppendOptions['once']>,
    storedIds: readonly string[],
    nowMs: number,
  ): void {
    const ids = answer === undefined ? storedIds : [answer]
    const remembered = { fingerprint, ids, position: this.#head, untilMs: nowMs + windowMs }
    const rowKey = digestOf(key)
    if (this.#recall(key) === undefined) this.#onceKeys++
    this.#once.set(key, remembered)
    const value = Buffer.from(JSON.stringify(remembered))
    this.#rows.push({ table: 'once', key: rowKey, value })
    const due = expiryKeyOf(remembered.untilMs)
    this.#rows.push({ table: 'expiries', key: due, value: rowKey, isGone: false })
  }

  /** What the marks become; undefined when one of them is not what it should be. */
  #compare(
    changes: NonNullable<AppendOptions['marks']>,
  ): Map<string, string | undefined> | undefined {
    const marked = new Map<string, string | undefined>()
    for (const { name, from, to } of changes) {
      const now = marked.has(name) ? marked.get(name) : this.#mark(name)
      if (now !== from) return undefined
      marked.set(name, to)
    }
    return marked
  }

  #mark(name: string): string | undefined {
    if (this.#marks.has(name)) return this.#marks.get(name)
    return this.#store.mark(Buffer.from(name))?.toString()
  }

  #setMark(name: string, to: string | undefined): void {
    const from = this.#mark(name)
    if (from === undefined && to !== undefined) this.#markCount++
    if (from !== undefined && to === undefined) this.#markCount--
    this.#marks.set(name, to)
    const value = to === undefined ? undefined : Buffer.from(to)
    this.#rows.push({ table: 'marks', key: Buffer.from(name), value })
  }
}

/** Reads the row of an idempotency key; undefined when it is not intact. */
export function readRemembered(row: Buffer): Remembered | undefined {
  try {
    return JSON.parse(row.toString()) as Remembered // written by `#remember` alone
  } catch {
    return undefined
  }
}
