import { createHash } from 'node:crypto'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { Mark } from '../log.ts'
import { decodeState, emptyState, encodeState, type State } from './state.ts'

/** What one group writes; see `Store.commit`. Nothing here may throw half-way: keys and values are ready-made. */
export interface Writes {
  /** Records by position, with the key of their id. */
  readonly entries: readonly {
    readonly position: number
    /** Undefined for an entry that stands for a lost one. */
    readonly idKey: Buffer | undefined
    readonly record: Buffer
  }[]
  readonly trimmed: readonly { readonly position: number; readonly idKey: Buffer | undefined }[]
  readonly rows: readonly RowWrite[]
  readonly state: State
}

/** A row of the tables beside the history; without a value it is removed. */
export type RowWrite =
  | { readonly table: 'once' | 'marks'; readonly key: Buffer; readonly value: Buffer | undefined }
  | {
      readonly table: 'expiries'
      readonly key: Buffer
      readonly value: Buffer
      readonly isGone: boolean
    }

/** Virtual memory for the map, not disk: growing it would mean mapping the file anew under its readers. */
const leastMapBytes = 16 * 2 ** 30
/** Readers are processes and their threads, not streams. */
const maxReaders = 256
const stateKey = Buffer.from('state')
const epochKey = Buffer.from('epoch')

/**
 * The tables of a history in one LMDB environment.
 *
 * `meta`: epoch and state; `entries`: position → record; `ids`: id → all its positions, oldest
 * first; `once`, `expiries`, `marks`: what `AppendOptions` asks to be remembered.
 *
 * A commit is synced before it is visible to anybody (`overlappingSync` is off): what a reader sees,
 * here or in another process, is durable. The overlapping mode shows entries before their flush, and
 * bought nothing where one group is in flight at a time (in groups of 64, on a busy disk:
 * 20,000–52,000 entries/s without, 13,000–48,000 with). It would also leave `flushed` pending for
 * ever when a commit fails.
 *
 * No JavaScript runs inside a write transaction (its lock is the machine's): a group is one native
 * block of puts, conditional on the version of the state row.
 */
export class Store {
  readonly #root: RootDatabase<Buffer, Buffer>
  readonly #meta: Database<Buffer, Buffer>
  readonly #entries: Database<Buffer, Buffer>
  readonly #ids: Database<Buffer, Buffer>
  readonly #once: Database<Buffer, Buffer>
  readonly #expiries: Database<Buffer, Buffer>
  readonly #marks: Database<Buffer, Buffer>
  readonly #key = Buffer.alloc(8)

  constructor(directory: string, maxBytes: number) {
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
    this.#root = open<Buffer, Buffer>({
      path: directory,
      noSubdir: false,
      overlappingSync: false,
      // Every promise of the library then belongs to a commit of ours: nobody else can be surprised
      // by a rejection when a commit fails.
      eventTurnBatching: false,
      mapSize: Math.max(leastMapBytes, 4 * maxBytes),
      maxReaders,
      maxDbs: 8,
      ...binary,
    })
    this.#meta = this.#root.openDB('meta', { ...binary, useVersions: true })
    this.#entries = this.#root.openDB('entries', binary)
    this.#ids = this.#root.openDB('ids', { ...binary, dupSort: true })
    this.#once = this.#root.openDB('once', binary)
    this.#expiries = this.#root.openDB('expiries', { ...binary, dupSort: true })
    this.#marks = this.#root.openDB('marks', binary)
  }

  /** Writes epoch and state when this history has none yet. Two processes that start together agree. */
  async begin(epoch: string): Promise<void> {
    await this.#meta.ifNoExists(stateKey, () => {
      void this.#meta.put(epochKey, Buffer.from(epoch), 1)
      void this.#meta.put(stateKey, encodeState(emptyState), emptyState.revision)
    })
  }

  epoch(): string | undefined {
    return this.#meta.get(epochKey)?.toString()
  }

  /** The newest state that was committed by anybody; undefined when the row is not intact. */
  state(): State | undefined {
    this.#root.resetReadTxn()
    const row = this.#meta.getEntry(stateKey)
    const state = row && decodeState(row.value)
    return state !== undefined && state.revision === row?.version ? state : undefined
  }

  /**
   * The bytes of a record; they are only good until the next call of this store. None when there is no
   * such record, or the library finds that its page is damaged: the page costs the records on it.
   */
  record(position: number): Buffer | undefined {
    try {
      const bytes = this.#entries.getBinaryFast(writePosition(this.#key, position))
      return bytes?.subarray(0, bytes.length)
    } catch (error) {
      if (isDamage(error)) return undefined
      throw error
    }
  }

  /** The first position of an id that is at least `from`. */
  firstPosition(id: string, from: number): number | undefined {
    const key = idKeyOf(id)
    const oldest = this.#ids.getBinaryFast(key)
    if (oldest === undefined) return undefined
    const position = readPosition(oldest)
    if (position >= from) return position
    // Rows of trimmed positions only remain after damage.
    for (const value of this.#ids.getValues(key)) {
      const next = readPosition(value)
      if (next >= from) return next
    }
    return undefined
  }

  /** The first position after this one that has a record; undefined when none has. */
  nextPosition(position: number): number | undefined {
    const start = writePosition(Buffer.allocUnsafe(8), position + 1)
    for (const key of this.#entries.getKeys({ start, limit: 1 })) return readPosition(key)
    return undefined
  }

  once(key: Buffer): Buffer | undefined {
    return this.#once.get(key)
  }

  mark(key: Buffer): Buffer | undefined {
    return this.#marks.get(key)
  }

  /** Marks whose name starts with `prefix` and stands after `after`, in byte order. */
  marksAfter(prefix: string, after: string, limit: number): readonly Mark[] {
    const from = after >= prefix && after !== '' ? Buffer.from(`${after}\0`) : Buffer.from(prefix)
    const range = this.#marks.getRange({
      ...(from.length === 0 ? {} : { start: from }),
      end: Buffer.concat([Buffer.from(prefix), Buffer.of(0xff)]), // a byte that no text has
      limit,
    })
    return [...range].map(({ key, value }) => ({ name: key.toString(), value: value.toString() }))
  }

  /** Keys of the once table whose time is over, oldest first. */
  expired(nowMs: number, limit: number): readonly { readonly due: Buffer; readonly key: Buffer }[] {
    const end = expiryKeyOf(nowMs)
    return [...this.#expiries.getRange({ end, limit })].map(({ key, value }) => ({
      due: key,
      key: value,
    }))
  }

  /**
   * Writes all of it, flushed to disk, if the state is still the one of `revision`; else nothing.
   *
   * @returns false when another process was first
   * @throws Error of the library or the system; nothing was written then
   */
  async commit(revision: number, writes: Writes): Promise<boolean> {
    try {
      return await this.#commit(revision, writes)
    } catch (error) {
      throw await reasonOf(error)
    }
  }

  #commit(revision: number, { entries, trimmed, rows, state }: Writes): Promise<boolean> {
    const stateRow = encodeState(state)
    return this.#meta.ifVersion(stateKey, revision, () => {
      for (const { position, idKey, record } of entries) {
        const key = writePosition(Buffer.allocUnsafe(8), position)
        void this.#entries.put(key, record)
        if (idKey !== undefined) void this.#ids.put(idKey, key)
      }
      for (const { position, idKey } of trimmed) {
        const key = writePosition(Buffer.allocUnsafe(8), position)
        void this.#entries.remove(key)
        if (idKey !== undefined) void this.#ids.remove(idKey, key)
      }
      for (const row of rows) this.#writeRow(row)
      void this.#meta.put(stateKey, stateRow, state.revision)
    })
  }

  #writeRow(row: RowWrite): void {
    if (row.table === 'expiries') {
      if (row.isGone) void this.#expiries.remove(row.key, row.value)
      else void this.#expiries.put(row.key, row.value)
      return
    }
    const table = row.table === 'once' ? this.#once : this.#marks
    if (row.value === undefined) void table.remove(row.key)
    else void table.put(row.key, row.value)
  }

  close(): Promise<void> {
    return this.#root.close()
  }
}

/**
 * Why a commit failed. The library rejects with "Commit failed" and keeps the reason in a promise of
 * its own; left alone, that one would end the process as an unhandled rejection.
 */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> }
  if (commitError === undefined) return error
  return Promise.resolve(commitError).catch((reason: unknown) => reason)
}

/** Pages are not what the library expects of them. */
export function isDamage(error: unknown): boolean {
  const { message } = error as { readonly message?: unknown }
  return /MDB_(CORRUPTED|PAGE_NOTFOUND|CURSOR_FULL|PAGE_FULL|BAD_VALSIZE)/.test(String(message))
}

function writePosition(target: Buffer, position: number): Buffer {
  target.writeUInt32BE(Math.floor(position / 2 ** 32), 0)
  target.writeUInt32BE(position >>> 0, 4)
  return target
}

function readPosition(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8)
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4)
}

/** A row of `expiries` sorts by this. */
export function expiryKeyOf(timeMs: number): Buffer {
  return writePosition(Buffer.allocUnsafe(8), Math.max(0, Math.floor(timeMs)))
}

/** Longer keys would need more than LMDB allows; a UUID's URN has 45 characters. */
const longestPlainId = 128
const plain = 1
const hashed = 2

/** The key of an id in `ids`: itself, or its SHA-256 when it is long. The first byte tells which. */
export function idKeyOf(id: string): Buffer {
  if (id.length > longestPlainId) return Buffer.concat([Buffer.of(hashed), digestOf(id)])
  const key = Buffer.allocUnsafe(1 + 3 * id.length)
  key[0] = plain
  return key.subarray(0, 1 + key.write(id, 1, 'utf8'))
}

/** Names and keys of clients are as long as clients like; their digests are not. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
