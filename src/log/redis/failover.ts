import { randomUUID } from 'node:crypto'
import type { LogReset } from '../log.ts'
import { readPage } from './follower.ts'
import { type Connection, RedisRefusal, type Reply } from './connection.ts'
import {
  Fingerprints,
  fingerprintOf,
  type FormerEpoch,
  formatPast,
  parsePast,
} from './fingerprints.ts'
import { begin, look, renew } from './scripts/scripts.ts'

/** Where the history stood when it was looked at last. */
export interface HistoryState {
  readonly epoch: string
  readonly head: number
  readonly first: number
  readonly bytes: number
  readonly count: number
  readonly notices: number
  readonly noticeBytes: number
  /** Before it, notices may be missing; after it, none is. */
  readonly noticesFrom: number
  readonly lastId: string
  readonly past: readonly FormerEpoch[]
  readonly onceKeys: number
  readonly marks: number
  /** Redis' own clock. */
  readonly nowMs: number
}

interface Looked extends HistoryState {
  /** Of the entry that was asked for, when it is kept. */
  readonly fingerprint: string | undefined
  /** The last position that was read here when Redis was asked; more may have come since. */
  readonly asked: number
  /** Entries in the stream; another number than `count` when somebody changed it by hand. */
  readonly length: number
}

export interface HistoryOptions {
  readonly onReset: (reset: LogReset) => void
  readonly onWarning: (sentence: string) => void
}

const nowhere: HistoryState = {
  epoch: '',
  head: 0,
  first: 1,
  bytes: 0,
  count: 0,
  notices: 0,
  noticeBytes: 0,
  noticesFrom: 1,
  lastId: '',
  past: [],
  onceKeys: 0,
  marks: 0,
  nowMs: 0,
}

/**
 * Which history this process follows and how far it has come, and whether a connection still has it.
 *
 * After a failover, a flush or a restart without persistence a server may be behind what was read from
 * it, or hold other entries at the same positions. Whoever notices first gives the history a new epoch;
 * each process finds by itself where the two part, and reads on from there.
 */
export class History {
  readonly #keys: readonly string[]
  readonly #options: HistoryOptions
  readonly #fingerprints = new Fingerprints()
  #verifying: Promise<void> = Promise.resolve()
  /** The server that has the history now. */
  server = ''
  state = nowhere
  /** The last position that was read here. */
  position = 0
  lastId = ''
  advancedAtMs = 0
  /** How often the history turned out to be another one, or to have lost its end. */
  resets = 0

  constructor(keys: readonly string[], options: HistoryOptions) {
    this.#keys = keys
    this.#options = options
  }

  get epoch(): string {
    return this.state.epoch
  }

  get past(): readonly FormerEpoch[] {
    return this.state.past
  }

  /** The newest position known to be in Redis. */
  get newest(): number {
    return Math.max(this.state.head, this.position)
  }

  advance(position: number, fingerprint: string, id: string | undefined): void {
    this.position = position
    this.#fingerprints.note(position, fingerprint)
    if (id !== undefined) this.lastId = id
    this.advancedAtMs = performance.now()
  }

  /** Takes over what an append of our own says about the whole history. */
  noteStored([head, count, bytes, onceKeys, marks, notices, noticeBytes]: readonly number[]): void {
    if (head === undefined || head < this.state.head) return
    this.state = {
      ...this.state,
      head,
      count: count ?? 0,
      bytes: bytes ?? 0,
      onceKeys: onceKeys ?? 0,
      marks: marks ?? 0,
      notices: notices ?? 0,
      noticeBytes: noticeBytes ?? 0,
    }
  }

  /** Looks whether this connection has our history; one look at a time, over all connections. */
  verify(connection: Connection): Promise<void> {
    const verified = this.#verifying.then(() => this.#verify(connection))
    this.#verifying = verified.catch(() => {})
    return verified
  }

  async #verify(connection: Connection): Promise<void> {
    if (connection.server !== this.server)
      throw new RedisRefusal('READONLY another server is the primary now')
    let found = await this.#look(connection)
    if (found.epoch === '' || found.length !== found.count) {
      await connection.run(begin, this.#keys, [randomUUID()])
      found = await this.#look(connection)
    }
    if (this.epoch === '') return this.#adopt(found)
    if (found.epoch === this.epoch && this.#isSame(found)) {
      this.state = found
      return
    }
    const parted = await this.#partedAt(connection, found)
    if (found.epoch === this.epoch) {
      const ended = { epoch: this.epoch, upTo: parted }
      const past = formatPast(found.past, ended)
      await connection.run(renew, this.#keys, [this.epoch, randomUUID(), past])
      found = await this.#look(connection)
    }
    this.#follow(found, parted)
  }

  async #look(connection: Connection): Promise<Looked> {
    const { position } = this
    const [reply] = await connection.run(look, this.#keys, [position])
    const row = (reply as readonly Reply[]).map((value) =>
      Buffer.isBuffer(value) ? value : String(value),
    )
    const number = (index: number) => Number(String(row[index]))
    const format = String(row[13])
    if (format !== '' && format !== '1') throw new RedisRefusal(`FORMAT ${format}`)
    const time = String(row[9])
    const checksum = row[10]
    return {
      asked: position,
      epoch: String(row[0]),
      head: number(1),
      first: number(2),
      bytes: number(3),
      count: number(4),
      lastId: String(row[5]),
      past: parsePast(String(row[6])),
      onceKeys: number(7),
      marks: number(8),
      fingerprint:
        time !== '' && Buffer.isBuffer(checksum)
          ? `${time}:${checksum.toString('hex')}`
          : undefined,
      nowMs: number(11),
      length: number(12),
      notices: number(14),
      noticeBytes: number(15),
      noticesFrom: number(16),
    }
  }

  #adopt(found: Looked): void {
    this.state = found
    this.position = found.head
    this.lastId = found.lastId
  }

  /** Nothing that was read is missing or different. What was trimmed meanwhile cannot be compared. */
  #isSame(found: Looked): boolean {
    if (found.head < found.asked) return false
    const ours = this.#fingerprints.get(found.asked)
    if (ours === undefined || found.fingerprint === undefined) return true
    return ours === found.fingerprint
  }

  /** The last position that our history and that of this server have in common. */
  async #partedAt(connection: Connection, found: Looked): Promise<number> {
    const isAnother = found.epoch !== this.epoch
    if (isAnother && !found.past.some(({ epoch }) => epoch === this.epoch)) return 0
    let same = this.#fingerprints.oldest(this.position) - 1
    let different = Math.min(found.head, found.asked) + 1
    if (same >= different) return different - 1
    while (different - same > 1) {
      const middle = Math.floor((same + different) / 2)
      const bounds = { maxEntries: 1, maxBytes: 1 }
      const {
        entries: [raw],
      } = await readPage(connection, this.#keys, middle - 1, middle, bounds)
      const ours = this.#fingerprints.get(middle)
      const isEqual =
        raw === undefined || ours === undefined || ours === fingerprintOf(raw.timeMs, raw.record)
      if (isEqual) same = middle
      else different = middle
    }
    return same
  }

  #follow(found: Looked, parted: number): void {
    const lost = this.position - parted
    this.state = found
    if (lost === 0) return // another hub noticed what we had not read
    this.position = parted
    this.lastId = found.lastId
    this.#fingerprints.forgetAfter(parted)
    this.resets++
    this.#options.onWarning(
      `redis: the history lost ${lost} entries that were read before (after position ${parted}): a failover, a flush, or a restart without persistence; every stream is told a gap`,
    )
    this.#options.onReset({ resumeAfter: parted, lost })
  }
}
