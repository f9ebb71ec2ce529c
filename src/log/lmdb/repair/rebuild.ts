import { randomBytes, randomUUID } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { ownerRow } from '../append-plan.ts'
import { expiryKeyOf, idKeyOf, type RowWrite, Store, type Writes } from '../store.ts'
import { goneRecord, idOf, isGone, kindOf, timeOf } from '../../record.ts'
import { emptyState, type State } from '../state.ts'
import { count, inspectStore } from './inspect.ts'
import type { PageFile } from './page-file.ts'
import { reportProgress } from './progress.ts'
import { salvage, type Salvage } from './salvage.ts'
import { Spans } from './ranges.ts'
import { Survey } from './survey.ts'

export interface Repaired {
  /** What was dropped, a sentence each. */
  readonly dropped: readonly string[]
  readonly notes: readonly string[]
  readonly state: State
}

/** A repair that could not be done; the store is as it was. */
export class RepairError extends Error {
  override readonly name = 'RepairError'
}

export interface RepairOptions {
  /** Keep the file that was replaced, beside the new one. */
  readonly keepsOld: boolean
  /** Throws when somebody else has the store open. Asked again before the new file takes its place. */
  readonly expectAlone: () => Promise<void>
}

/**
 * Writes a new store of everything that is whole in the old one, checks it, and puts it in its place.
 *
 * Until the last step, which is one rename, the old store is not touched: whoever interrupts a repair
 * finds what was there before. A lost entry leaves a mark at its position, for positions are
 * contiguous and clients know them.
 *
 * @throws RepairError with a sentence for the operator; system errors as they come
 */
export async function repairStore(directory: string, options: RepairOptions): Promise<Repaired> {
  const old = join(directory, 'data.mdb')
  const before = statSync(old)
  const survey = new Survey(old)
  const workshop = join(directory, `repair-${randomBytes(4).toString('hex')}`)
  try {
    const kept = salvage(survey)
    const isNothingLeft = kept.places.count === 0 && kept.state === undefined
    mkdirSync(workshop, { mode: 0o700 })
    const found = await rebuild(survey.file, kept, workshop)
    const rebuilt = isNothingLeft ? { ...found, dropped: [everythingLost] } : found
    expectSound(workshop)
    await options.expectAlone()
    expectUntouched(old, before)
    const aside = replace(directory, workshop, options.keepsOld)
    return aside === undefined
      ? rebuilt
      : { ...rebuilt, notes: [...rebuilt.notes, `the damaged file is kept as ${aside}`] }
  } finally {
    survey.close()
    rmSync(workshop, { recursive: true, force: true })
  }
}

const everythingLost =
  'nothing of a history was found in the file: all its updates are lost, and an empty history begins'

function expectSound(directory: string): void {
  const [first] = inspectStore(directory).wrong
  if (first !== undefined) throw new RepairError(`the new file is not sound either: ${first}`)
}

function expectUntouched(
  path: string,
  before: { readonly mtimeMs: number; readonly ino: number },
): void {
  const now = statSync(path)
  if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino)
    throw new RepairError('another process wrote to the store meanwhile; it is left as it is')
}

/** Puts the new file in the place of the old one. @returns the name under which the old one is kept */
function replace(directory: string, workshop: string, keepsOld: boolean): string | undefined {
  const old = join(directory, 'data.mdb')
  const fresh = join(workshop, 'data.mdb')
  inheritOwner(fresh, old)
  sync(fresh)
  const aside = `data.damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.mdb`
  if (keepsOld) linkSync(old, join(directory, aside))
  renameSync(fresh, old)
  rmSync(join(directory, 'lock.mdb'), { force: true }) // nobody has it open, and it is made anew
  sync(directory)
  return keepsOld ? aside : undefined
}

/** Repairs are done by root, and hubs are not root. */
function inheritOwner(fresh: string, old: string): void {
  const { uid, gid, mode } = statSync(old)
  chmodSync(fresh, mode & 0o777)
  if (process.getuid?.() === 0) chownSync(fresh, uid, gid)
}

function sync(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

async function rebuild(file: PageFile, kept: Salvage, directory: string): Promise<Repaired> {
  const store = new Store(directory, file.size)
  try {
    const epoch = kept.epoch ?? randomUUID()
    await store.begin(epoch)
    const rebuilder = new Rebuilder(store, file, kept)
    const { state, dropped } = await rebuilder.run()
    const notes =
      kept.epoch === undefined
        ? ['where the history stood is lost: it has a new name, and clients start at what is kept']
        : []
    return { state, dropped, notes }
  } finally {
    await store.close()
  }
}

/** What one commit of a rebuild writes. */
const groupEntries = 5_000
/** Records that may be missing one after another beyond what is known of the history. */
const longestGap = 1_000_000
/** As much of a record as says what it holds. */
const recordHeadBytes = 6
const groupBytes = 16 * 1024 * 1024

class Rebuilder {
  readonly #store: Store
  readonly #file: PageFile
  readonly #kept: Salvage
  readonly #dropped = new Spans()
  #entries: Writes['entries'][number][] = []
  #bytes = 0
  #updatesFound: number | undefined
  #state: State = emptyState

  constructor(store: Store, file: PageFile, kept: Salvage) {
    this.#store = store
    this.#file = file
    this.#kept = kept
  }

  async run(): Promise<{ readonly state: State; readonly dropped: readonly string[] }> {
    const { places, state } = this.#kept
    let next = state?.first
    if (state !== undefined)
      this.#state = { ...emptyState, first: state.first, head: state.first - 1 }
    for (const { position, offset, length } of places.inOrder()) {
      if (state !== undefined && position < state.first) continue // trimmed, and on its way to be overwritten
      if (this.#isImpossible(position, next)) continue
      const record = this.#file.bytes(offset, length)
      if (record === undefined || this.#isDroppedNotice(position, record)) continue
      for (; next !== undefined && next < position; next++)
        if (this.#isHole(next)) await this.#addGone(next)
      await this.#add(position, record)
      next = position + 1
    }
    for (; next !== undefined && state !== undefined && next <= state.head; next++)
      if (this.#isHole(next)) await this.#addGone(next)
    await this.#flush()
    await this.#remember()
    return {
      state: this.#state,
      dropped: this.#dropped.describe('dropped, its record is damaged or lost'),
    }
  }

  /** A damaged key: a record's checksum covers the lower half of its position only, the upper may be anything. */
  #isImpossible(position: number, next: number | undefined): boolean {
    const known = Math.max(this.#kept.state?.head ?? 0, next ?? position)
    return position - known > longestGap
  }

  /** Where notices were dropped from among updates, a missing record says nothing, as long as no update is missing. */
  #isHole(position: number): boolean {
    const { state } = this.#kept
    if (state === undefined || position >= state.noticesFrom) return true
    this.#updatesFound ??= this.#countUpdates(state)
    return this.#updatesFound < state.updates
  }

  /** It was found on a page that is free, and not yet used again. */
  #isDroppedNotice(position: number, record: Buffer): boolean {
    const { state } = this.#kept
    return state !== undefined && position < state.noticesFrom && kindOf(record) !== 'update'
  }

  #countUpdates({ first, head }: State): number {
    let updates = 0
    for (const { position, offset } of this.#kept.places.inOrder()) {
      const recordHead = this.#file.bytes(offset, recordHeadBytes)
      const isKept = position >= first && position <= head
      if (isKept && recordHead !== undefined && kindOf(recordHead) === 'update') updates++
    }
    return updates
  }

  /** At the beginning of the history it is as if it was trimmed. */
  async #addGone(position: number): Promise<void> {
    this.#dropped.add(position)
    if (this.#state.head >= this.#state.first)
      return this.#add(position, goneRecord(position, this.#state.lastTimeMs))
    this.#state = { ...this.#state, first: position + 1, head: position }
  }

  async #add(position: number, record: Buffer): Promise<void> {
    const id = isGone(record) ? '' : idOf(record)
    this.#entries.push({ position, idKey: isGone(record) ? undefined : idKeyOf(id), record })
    this.#bytes += record.length
    const { first, head, lastTimeMs, updates, bytes, notices, noticeBytes } = this.#state
    const sums = { updates, bytes, notices, noticeBytes }
    count(sums, record)
    this.#state = {
      ...this.#state,
      ...sums,
      first: head >= first ? first : position,
      head: position,
      lastTimeMs: Math.max(lastTimeMs, timeOf(record)),
      lastId: id,
    }
    if (this.#entries.length >= groupEntries || this.#bytes >= groupBytes) await this.#flush()
  }

  async #flush(): Promise<void> {
    const { first, head } = this.#state
    reportProgress('writing', head - first + 1, this.#kept.places.count)
    const entries = this.#entries
    this.#entries = []
    this.#bytes = 0
    await this.#commit({ entries, trimmed: [], rows: [] }, this.#state)
  }

  /** Keys and marks, and the last things that only the old state knew. */
  async #remember(): Promise<void> {
    const { once, marks, state } = this.#kept
    const rows: RowWrite[] = []
    for (const { key, row, untilMs, owner } of once) {
      rows.push({ table: 'once', key, value: row })
      rows.push({ table: 'expiries', key: expiryKeyOf(untilMs), value: key, isGone: false })
      if (owner !== undefined) rows.push(ownerRow(owner, key, false))
    }
    for (const { key, value } of marks) rows.push({ table: 'marks', key, value })
    const isHeadKnown = state !== undefined && state.head >= this.#state.head
    await this.#commit(
      { entries: [], trimmed: [], rows },
      {
        ...this.#state,
        lastTimeMs: Math.max(this.#state.lastTimeMs, state?.lastTimeMs ?? 0),
        head: Math.max(this.#state.head, state?.head ?? 0),
        noticesFrom: Math.max(this.#state.first, state?.noticesFrom ?? 0),
        lastId: isHeadKnown ? state.lastId : this.#state.lastId,
        onceKeys: once.length,
        marks: marks.length,
      },
    )
  }

  async #commit(writes: Omit<Writes, 'state'>, state: State): Promise<void> {
    const { revision } = this.#state
    this.#state = { ...state, revision: revision + 1 }
    if (!(await this.#store.commit(revision, { ...writes, state: this.#state })))
      throw new RepairError('another process wrote to the new file')
  }
}
