import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readRemembered } from '../append-plan.ts'
import { expiryKeyOf, idKeyOf } from '../store.ts'
import { costOf, idOf, isGone, isIntact, kindOf } from '../../record.ts'
import { decodeState, type State } from '../state.ts'
import { keyOf, type Node, valueOf } from './page-nodes.ts'
import { Spans } from './ranges.ts'
import { Survey } from './survey.ts'

export interface StoreReport {
  /** What is wrong, a sentence each. */
  readonly wrong: readonly string[]
  /** What is worth knowing. */
  readonly notes: readonly string[]
  /** Where the history stands; undefined when that cannot be told. */
  readonly state: State | undefined
  readonly fileBytes: number
}

/** More positions than that are no history of ours (`history_size` ends there), but damage. */
const mostEntries = 1e9

/**
 * Checks every page, record and index row of a store, both ways, without LMDB: nothing that the file
 * holds can end the process.
 *
 * @throws NodeJS.ErrnoException when the file cannot be read
 */
export function inspectStore(directory: string): StoreReport {
  const survey = new Survey(join(directory, 'data.mdb'))
  try {
    return new Inspection(survey).run()
  } finally {
    survey.close()
  }
}

class Inspection {
  readonly #survey: Survey
  readonly #wrong: string[] = []
  readonly #notes: string[] = []
  #state: State | undefined

  constructor(survey: Survey) {
    this.#survey = survey
  }

  run(): StoreReport {
    const survey = this.#survey
    this.#readMeta()
    const ids = this.#checkEntries()
    this.#checkIds(ids)
    this.#checkRemembered()
    for (const name of survey.tables.keys()) if (!known.has(name)) survey.walk(name)
    survey.walkFreePages()
    return {
      wrong: [...survey.damage, ...this.#wrong],
      notes: this.#notes,
      state: this.#state,
      fileBytes: survey.file.size,
    }
  }

  #readMeta(): void {
    const { state, epoch } = readMetaTable(this.#survey)
    this.#state = state
    if (!this.#survey.tables.has('meta')) return
    if (state === undefined)
      this.#wrong.push('the row that says where the history stands is damaged or missing')
    else if (!isSensible(state)) {
      this.#wrong.push('the row that says where the history stands makes no sense')
      this.#state = undefined
    }
    if (epoch === undefined)
      this.#wrong.push('the row that names the history is damaged or missing')
  }

  /** Every position from the first to the head has its record, whole, and no other has one. */
  #checkEntries(): IdIndex {
    const state = this.#state
    const ids = new IdIndex(state)
    const [bad, stray, missing, gone] = [new Spans(), new Spans(), new Spans(), new Spans()]
    let next = state?.first ?? 1
    const sums = { updates: 0, bytes: 0, notices: 0, noticeBytes: 0 }
    let lastId: string | undefined
    this.#survey.walk('entries', (node) => {
      const position = positionOf(keyOf(node))
      const record = valueOf(this.#survey.file, node)
      if (state === undefined) return
      if (position === undefined || position < state.first || position > state.head)
        return stray.add(position ?? -1)
      for (; next < position; next++) if (next >= state.noticesFrom) missing.add(next)
      next = position + 1
      if (record === undefined || !isIntact(record, position)) return bad.add(position)
      count(sums, record)
      if (isGone(record)) return gone.add(position)
      const id = idOf(record)
      ids.expect(position, idKeyOf(id))
      if (position === state.head) lastId = id
    })
    if (state === undefined) return ids
    for (; next <= state.head; next++) if (next >= state.noticesFrom) missing.add(next)
    ids.unknown = bad.count + missing.count
    const isComplete = !this.#survey.damaged.has('entries')
    this.#wrong.push(
      ...bad.describe('the record is damaged'),
      ...stray.describe('it is outside of the history'),
      ...(isComplete
        ? missing.describe('the record is missing')
        : missing.describe('its page is damaged')),
    )
    this.#notes.push(...gone.describe('lost earlier; a repair left a mark in its place'))
    if (isComplete && bad.count + missing.count + stray.count === 0) {
      for (const [name, sum] of Object.entries(sums))
        if (state[name as keyof typeof sums] !== sum)
          this.#wrong.push(
            `${name}: ${state[name as keyof typeof sums]} are counted, ${sum} are there`,
          )
      if (lastId !== undefined && lastId !== state.lastId)
        this.#wrong.push('the newest id is not that of the newest entry')
    }
    return ids
  }

  #checkIds(ids: IdIndex): void {
    const stray = new Spans()
    this.#survey.walk('ids', (node) => {
      const value = valueOf(this.#survey.file, node)
      const position = value && positionOf(value)
      if (position === undefined || !ids.find(position, keyOf(node))) stray.add(position ?? -1)
    })
    if (this.#state === undefined) return
    // Rows of a record that cannot be read lead nowhere, but that was said already.
    const unread = this.#survey.damaged.has('entries')
    if (!unread && stray.count > ids.unknown)
      this.#wrong.push(
        `index of ids: ${stray.count - ids.unknown} rows lead to no entry of that id`,
      )
    if (!this.#survey.damaged.has('ids'))
      this.#wrong.push(...ids.unseen().describe('its id is not in the index'))
  }

  /** Keys that make an append happen once, and when each is forgotten: a row there for each row here. */
  #checkRemembered(): void {
    const { file } = this.#survey
    const due = new Set<string>()
    let [keys, marks, damaged, unforgettable] = [0, 0, 0, 0]
    this.#survey.walk('expiries', (node) => {
      const key = valueOf(file, node)
      if (key !== undefined) due.add(`${keyOf(node).toString('hex')} ${key.toString('hex')}`)
    })
    const known = new Set<string>()
    this.#survey.walk('once', (node) => {
      keys++
      const row = valueOf(file, node)
      const remembered = row && readRemembered(row)
      const key = keyOf(node).toString('hex')
      known.add(key)
      if (remembered === undefined || !Number.isFinite(remembered.untilMs)) damaged++
      else if (!due.has(`${expiryKeyOf(remembered.untilMs).toString('hex')} ${key}`))
        unforgettable++
    })
    this.#survey.walk('marks', () => marks++)
    const isComplete = !this.#survey.damaged.has('expiries') && !this.#survey.damaged.has('once')
    const orphans = [...due].filter((row) => !known.has(row.split(' ')[1] ?? '')).length
    if (damaged > 0) this.#wrong.push(`idempotency keys: ${damaged} rows are damaged`)
    if (isComplete && unforgettable > 0)
      this.#wrong.push(`idempotency keys: ${unforgettable} would never be forgotten`)
    if (isComplete && orphans > 0)
      this.#wrong.push(`idempotency keys: ${orphans} rows would forget a key that is not there`)
    if (this.#state === undefined) return
    if (isComplete && keys !== this.#state.onceKeys)
      this.#wrong.push(`idempotency keys: ${this.#state.onceKeys} are counted, ${keys} are there`)
    if (!this.#survey.damaged.has('marks') && marks !== this.#state.marks)
      this.#wrong.push(`marks: ${this.#state.marks} are counted, ${marks} are there`)
  }
}

const known = new Set(['meta', 'entries', 'ids', 'once', 'expiries', 'marks'])

/** What the state counts of a record; `kindOf` takes one that was lost for an update. */
export function count(
  sums: { updates: number; bytes: number; notices: number; noticeBytes: number },
  record: Buffer,
): void {
  const isUpdate = kindOf(record) === 'update'
  sums[isUpdate ? 'updates' : 'notices']++
  sums[isUpdate ? 'bytes' : 'noticeBytes'] += costOf(record)
}

function isSensible({ first, head }: State): boolean {
  return first >= 1 && head >= first - 1 && head - first < mostEntries
}

/** State and epoch, where they are whole. */
export function readMetaTable(survey: Survey): {
  readonly state: State | undefined
  readonly epoch: string | undefined
} {
  let state: State | undefined
  let epoch: string | undefined
  survey.walk('meta', (node) => {
    const row = valueOf(survey.file, node)
    if (row === undefined) return
    state = stateOf(node, row) ?? state
    epoch = epochOf(node, row) ?? epoch
  })
  return { state, epoch }
}

/** The version of a row stands before its value. */
const versionBytes = 8
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The state that a row holds; undefined when it is another row, or damaged. */
export function stateOf(node: Node, row: Buffer): State | undefined {
  if (keyOf(node).toString('latin1') !== 'state' || row.length < versionBytes) return undefined
  const state = decodeState(row.subarray(versionBytes))
  return state !== undefined && state.revision === row.readDoubleLE(0) ? state : undefined
}

export function epochOf(node: Node, row: Buffer): string | undefined {
  if (keyOf(node).toString('latin1') !== 'epoch') return undefined
  const epoch = row.subarray(versionBytes).toString('latin1')
  return uuid.test(epoch) ? epoch : undefined
}

/** A position as a key or value spells it. */
export function positionOf(bytes: Buffer): number | undefined {
  if (bytes.length !== 8) return undefined
  const position = bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
  return Number.isSafeInteger(position) ? position : undefined
}

/** Which id each entry has, as checksums: five bytes an entry, so that ten million fit in memory. */
class IdIndex {
  readonly #first: number
  readonly #sums: Uint32Array
  /** 0: no record was read; 1: its id is expected; 2: and was found. */
  readonly #seen: Uint8Array
  /** Entries whose id could not be read: rows may well lead to them. */
  unknown = 0

  constructor(state: State | undefined) {
    const count = state === undefined ? 0 : state.head - state.first + 1
    this.#first = state?.first ?? 1
    this.#sums = new Uint32Array(count)
    this.#seen = new Uint8Array(count)
  }

  expect(position: number, idKey: Buffer): void {
    this.#sums[position - this.#first] = crc32(idKey)
    this.#seen[position - this.#first] = 1
  }

  /** Notes a row of the index; false when the entry has another id, or there is none. */
  find(position: number, idKey: Buffer): boolean {
    const index = position - this.#first
    if (this.#seen[index] === undefined || this.#seen[index] === 0) return false
    if (this.#sums[index] !== crc32(idKey)) return false
    this.#seen[index] = 2
    return true
  }

  unseen(): Spans {
    const spans = new Spans()
    for (const [index, seen] of this.#seen.entries()) if (seen === 1) spans.add(this.#first + index)
    return spans
  }
}
