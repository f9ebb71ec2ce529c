import { randomUUID } from 'node:crypto'
import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import type { Appended, AppendOptions, Entry } from '../log.ts'
import { badMark, isMarkName } from '../marks.ts'
import { argumentsOf, maxMarks, outcomeOf, recordsOf, type Waiting } from './append-batch.ts'
import type { History } from './failover.ts'
import {
  type Argument,
  type Connection,
  RedisRefusal,
  RedisSilence,
  type Reply,
} from './connection.ts'
import type { RedisLink } from './reconnecting.ts'
import { keysOf, tokenKeyOf } from './keys.ts'
import { append } from './scripts/scripts.ts'
import type { Replicas } from './replicas.ts'
import type { RedisTarget } from '../../net/redis-url.ts'

export interface WriterOptions {
  readonly target: RedisTarget
  readonly replicas: Replicas
  /** Entries of one batch, in order, as they were stored. */
  readonly onStored: (entries: readonly Entry[], records: readonly Buffer[]) => void
  readonly onTrouble: (error: Error) => void
}

/** A publisher gets its answer within this time, be it that nobody knows. */
const answerWithinMs = 5_000
/** What one script call may hold: it keeps Redis busy meanwhile. */
const maxBatchEntries = 200
const maxBatchBytes = 1024 * 1024
/** Batches on their way at once: while Redis runs one, the next travels. */
const lanes = 2
/** What may wait for Redis in all. */
const maxWaitingBytes = 64 * 1024 * 1024
const maxWaiting = 50_000
/** How long a batch's token is remembered: far longer than it is sent again. */
const tokenMs = 120_000
const replicaWaitMs = 1_500
const pauseMs = 20

/**
 * Sends appends to Redis: those that wait share a script call, and each call carries a token, by which
 * Redis knows one that it has already run. That makes it safe to send a call again when its answer was
 * lost, and nothing else ever sends one again.
 */
export class Writer {
  readonly #link: RedisLink
  readonly #history: History
  readonly #options: WriterOptions
  readonly #keys: readonly string[]
  #waiting: Waiting[] = []
  #waitingBytes = 0
  readonly #lanes = new Set<Promise<void>>()
  #isScheduled = false
  #isRefusing = false
  #isClosed = false

  constructor(link: RedisLink, history: History, options: WriterOptions) {
    this.#link = link
    this.#history = history
    this.#options = options
    this.#keys = keysOf(options.target.prefix)
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** @throws HubError `unavailable`, also when nobody knows whether it was stored; `too_large` */
  append(updates: readonly Update[], options: AppendOptions): Promise<Appended> {
    if (options.marks?.every(({ name }) => isMarkName(name)) === false) throw badMark()
    const records = recordsOf(updates, options.kind ?? 'update')
    const bytes = records.reduce((sum, record) => sum + record.length, 256)
    if (this.#waitingBytes + bytes > maxWaitingBytes || this.#waiting.length >= maxWaiting)
      throw new HubError('unavailable', 'too many updates wait for Redis; try again later')
    this.#waitingBytes += bytes
    return new Promise((resolve, reject) => {
      const deadlineMs = performance.now() + answerWithinMs
      this.#waiting.push({ updates, options, records, bytes, deadlineMs, resolve, reject })
      this.#schedule()
    })
  }

  /** Counts replicas; and when appends were refused, tries whether they still are. */
  async lookAfter(connection: Connection, isTroubled: boolean): Promise<void> {
    const [role] = await connection.call([['ROLE']])
    const [what, , replicas] = role as readonly Reply[]
    if (String(what) !== 'master')
      throw new RedisRefusal(`READONLY the server is a ${String(what)}`)
    this.#options.replicas.note(connection.server, Array.isArray(replicas) ? replicas.length : 0)
    if (!isTroubled && !this.#isRefusing) return
    await this.#run(connection, randomUUID(), [])
    this.#isRefusing = false
  }

  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#lanes.size > 0) await Promise.all(this.#lanes)
  }

  /** Appends of one turn of the event loop share a call. */
  #schedule(): void {
    if (this.#isScheduled || this.#lanes.size >= lanes) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      while (this.#waiting.length > 0 && this.#lanes.size < lanes) {
        const lane: Promise<void> = this.#write(this.#takeBatch()).finally(() => {
          this.#lanes.delete(lane)
          if (this.#waiting.length > 0) this.#schedule()
        })
        this.#lanes.add(lane)
      }
    })
  }

  #takeBatch(): Waiting[] {
    let entries = 0
    let bytes = 0
    let count = 0
    for (const waiting of this.#waiting) {
      entries += waiting.updates.length
      bytes += waiting.bytes
      if (count > 0 && (entries > maxBatchEntries || bytes > maxBatchBytes)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects: everybody in the batch is answered before their time is over. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const [time, outcomes, ...sizes] = await this.#stored(batch)
      this.#history.noteStored(sizes.map((size) => Number(String(size))))
      this.#settle(batch, Number(String(time)), outcomes as readonly Reply[])
    } catch (error) {
      const refusal = error instanceof HubError ? error : unavailable(error as Error, true)
      for (const { reject } of batch) reject(refusal)
    } finally {
      for (const { bytes } of batch) this.#waitingBytes -= bytes
    }
  }

  /** Sends a batch, again and again with its token, until Redis answers, refuses, or time is over. */
  async #stored(batch: readonly Waiting[]): Promise<readonly Reply[]> {
    const token = randomUUID()
    const args = argumentsOf(batch)
    const deadlineMs = batch[0]?.deadlineMs ?? 0
    let last = new Error('there is no connection to Redis')
    let isUnknown = false
    for (;;) {
      const leftMs = deadlineMs - performance.now()
      const connection = leftMs > 0 ? await this.#link.within(leftMs) : undefined
      if (connection === undefined) throw unavailable(last, isUnknown)
      try {
        const [code, ...answer] = await this.#run(connection, token, args, leftMs)
        if (String(code) === 'OK') return answer
        last = new Error(`the history in Redis has changed (${String(code)})`)
        await this.#history.verify(connection)
      } catch (error) {
        last = error as Error
        isUnknown ||= last instanceof RedisSilence || last instanceof Unconfirmed
        if (!this.#link.isElsewhere(connection, last)) {
          this.#isRefusing = true
          this.#options.onTrouble(last)
          throw unavailable(last, isUnknown)
        }
      }
      if (this.#isClosed) throw unavailable(last, isUnknown)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  /** One call of the script. It answers when as many replicas, or disks, have it as was asked for. */
  async #run(
    connection: Connection,
    token: string,
    args: readonly Argument[],
    leftMs = answerWithinMs,
  ): Promise<readonly Reply[]> {
    const { prefix, waitsForDisk } = this.#options.target
    const replicas = this.#options.replicas.needed
    const waitMs = Math.max(1, Math.min(replicaWaitMs, Math.floor(leftMs)))
    const also: Argument[][] = []
    if (waitsForDisk) also.push(['WAITAOF', 1, replicas, waitMs])
    else if (replicas > 0) also.push(['WAIT', replicas, waitMs])
    const [answer, confirmed] = await connection.run(
      append,
      [...this.#keys, tokenKeyOf(prefix, token)],
      [this.#history.epoch, this.#history.position, tokenMs, maxMarks, ...args],
      also,
      Math.max(1, Math.min(2_500, leftMs)),
    )
    const [disks, copies] = Array.isArray(confirmed) ? confirmed : [1, confirmed ?? 0]
    if (also.length > 0 && (Number(disks) < 1 || Number(copies) < replicas))
      throw new Unconfirmed(
        `NOREPLICAS ${String(copies)} of ${replicas} replicas confirmed it in time`,
      )
    return answer as readonly Reply[]
  }

  #settle(batch: readonly Waiting[], timeMs: number, outcomes: readonly Reply[]): void {
    const entries: Entry[] = []
    const records: Buffer[] = []
    const settled = batch.map((waiting, index) => outcomeOf(waiting, outcomes[index] ?? null))
    for (const [index, outcome] of settled.entries()) {
      const waiting = batch[index] as Waiting
      if (outcome instanceof HubError || outcome.outcome !== 'stored') continue
      const before = outcome.position - waiting.updates.length
      const { kind = 'update' } = waiting.options
      for (const [number, update] of waiting.updates.entries())
        entries.push({ position: before + number + 1, kind, timeMs, update })
      records.push(...waiting.records)
    }
    this.#options.onStored(entries, records)
    for (const [index, outcome] of settled.entries()) {
      const { resolve, reject } = batch[index] as Waiting
      if (outcome instanceof HubError) reject(outcome)
      else resolve(outcome)
    }
  }
}

/** It is stored, but not as safely as was asked for. */
class Unconfirmed extends RedisRefusal {}

function unavailable(cause: Error, isUnknown: boolean): HubError {
  return new HubError(
    'unavailable',
    isUnknown
      ? 'the history did not confirm the update in time, and may have stored it; try again later, with an Idempotency-Key so that it is stored once'
      : 'the history cannot take updates now; try again later',
    { cause },
  )
}
