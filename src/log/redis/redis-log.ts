import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import type {
  Appended,
  AppendOptions,
  Entry,
  Log,
  LogHealth,
  LogReset,
  LogStats,
  MarkPage,
  Page,
  ReadBounds,
  Retention,
} from '../log.ts'
import { Follower, type RawEntry, readPage } from './follower.ts'
import { Arrivals } from './read-your-writes.ts'
import { History } from './failover.ts'
import { type Connection, RedisSilence } from './connection.ts'
import { RedisLink } from './reconnecting.ts'
import { fingerprintOf } from './fingerprints.ts'
import { isFinal, redisProblem } from './problem.ts'
import { idKeyOf, keysOf } from './keys.ts'
import { list } from './scripts/scripts.ts'
import { Reader } from './reader.ts'
import { Replicas } from './replicas.ts'
import { Trimmer } from './trimmer.ts'
import { parseRedisUrl, type RedisTarget } from '../../net/redis-url.ts'
import { redisWarnings } from './warnings.ts'
import { Writer } from './appender.ts'

export interface RedisOptions {
  /** A record that is not what was stored is skipped; told once per position. */
  readonly onCorrupt?: (position: number) => void
  /** Sentences for the operator: settings that may lose updates, a history that lost its end. */
  readonly onWarning?: (sentence: string) => void
  /** Redis cannot be used, and why; called again and again while it lasts. */
  readonly onTrouble?: (problem: string) => void
  readonly onRecovered?: (brokenMs: number) => void
  /** How long the start waits for a Redis that is not there yet. */
  readonly startWithinMs?: number
}

/** How often the log looks where the history stands, and trims it. */
const tickMs = 500
/** A follower that is behind for so long without moving gets a new connection. */
const deafMs = 3_000
/** A problem that lasts so long is answered at once. */
const patienceMs = 5_000
const startWithinMs = 10_000
const fetchBytes = 4 * 1024 * 1024

/**
 * A history in a Redis Stream that many hubs share: positions are the ids of its entries.
 *
 * Three connections: one appends, one asks and trims, one follows. Whatever one of them meets on a new
 * connection, another server with less or other history included, `History` finds out before it is used.
 */
export class RedisLog implements Log {
  readonly #target: RedisTarget
  readonly #keys: readonly string[]
  readonly #options: RedisOptions
  readonly #history: History
  readonly #writer: Writer
  readonly #write: RedisLink
  readonly #ask: RedisLink
  readonly #follower: Follower
  readonly #trimmer: Trimmer
  readonly #replicas: Replicas
  readonly #reader: Reader
  readonly #wakes = new Set<() => void>()
  readonly #arrivals = new Arrivals({
    isThere: (position) => this.head >= position || this.#isClosed,
    fetch: (position) => this.#fetch(position),
  })
  readonly #resets = new Set<(reset: LogReset) => void>()
  readonly #timer: NodeJS.Timeout
  #isTicking = false
  #problem: string | undefined
  #brokenSinceMs = 0
  /** The newest entry when this process was last seen to be behind, and since when; undefined when it was not. */
  #behind: { readonly upTo: number; readonly sinceMs: number } | undefined
  #onFinal: (error: Error) => void = () => {}
  #isClosed = false

  private constructor(target: RedisTarget, retention: Retention, options: RedisOptions) {
    this.#target = target
    this.#keys = keysOf(target.prefix)
    this.#options = options
    this.#history = new History(this.#keys, {
      onReset: (reset) => this.#reset(reset),
      onWarning: (sentence) => options.onWarning?.(sentence),
    })
    const link = {
      target,
      onConnect: (connection: Connection) => this.#meet(connection),
      onTrouble: (error: Error) => this.#trouble(error),
    }
    this.#write = new RedisLink({ ...link, name: 'cinnabar-append' })
    this.#ask = new RedisLink({ ...link, name: 'cinnabar-ask' })
    this.#follower = new Follower({
      ...link,
      name: 'cinnabar-follow',
      keys: this.#keys,
      position: () => this.#history.position,
      take: (after, entries) => this.#take(after, entries),
      onIdle: (connection) => this.#history.verify(connection),
    })
    this.#replicas = new Replicas(target.replicas, () =>
      options.onWarning?.(
        'redis: no replica is connected any more: updates are acknowledged without one, and lost if another server becomes the primary; replicas=1 in the URL refuses them instead',
      ),
    )
    this.#writer = new Writer(this.#write, this.#history, {
      target,
      replicas: this.#replicas,
      onStored: (entries, records) => this.#own(entries, records),
      onTrouble: (error) => this.#trouble(error),
    })
    this.#reader = new Reader(this.#keys, this.#history, {
      ask: (question) => this.#asking(question),
      onCorrupt: (position) => options.onCorrupt?.(position),
    })
    this.#trimmer = new Trimmer(this.#keys, retention)
    this.#timer = setInterval(() => void this.#tick(), tickMs).unref()
  }

  /**
   * Opens the history at a URL, or begins one.
   *
   * A Redis that is not there yet is waited for; what only an operator can mend is told at once.
   *
   * @throws Error with a sentence for the operator
   */
  static async open(
    url: string,
    retention: Retention,
    options: RedisOptions = {},
  ): Promise<RedisLog> {
    const target = parseRedisUrl(url)
    const log = new RedisLog(target, retention, options)
    try {
      await log.#opened(options.startWithinMs ?? startWithinMs)
    } catch (error) {
      await log.close()
      throw error
    }
    return log
  }

  async #opened(withinMs: number): Promise<void> {
    const final = new Promise<never>((_, reject) => {
      this.#onFinal = (error) => reject(unusable(redisProblem(error)))
    })
    const connected = Promise.all([this.#write.within(withinMs), this.#ask.within(withinMs)])
    const [write, ask] = await Promise.race([connected, final])
    this.#onFinal = () => {}
    if (write === undefined || ask === undefined)
      throw unusable(this.#problem ?? `it did not answer within ${withinMs} ms`)
    this.#problem = undefined
    this.#brokenSinceMs = 0
    for (const sentence of await redisWarnings(ask, this.#target))
      this.#options.onWarning?.(sentence)
  }

  get epoch(): string {
    return this.#history.epoch
  }

  get past(): NonNullable<Log['past']> {
    return this.#history.past
  }

  get head(): number {
    return this.#history.position
  }

  get first(): number {
    return Math.min(this.#history.state.first, this.#history.position + 1)
  }

  get lastId(): string | undefined {
    return this.#history.position === 0 ? undefined : this.#history.lastId
  }

  async append(updates: readonly Update[], options: AppendOptions = {}): Promise<Appended> {
    if (this.#isClosed) throw new HubError('unavailable', 'the hub is shutting down')
    if (this.#problem !== undefined && performance.now() - this.#brokenSinceMs > patienceMs)
      throw unavailable(this.#problem)
    const appended = await this.#writer.append(updates, options)
    if ('position' in appended) await this.#arrivals.upTo(appended.position)
    return appended
  }

  read(after: number, bounds: ReadBounds): Page | Promise<Page> {
    const last = Math.min(bounds.upTo, this.head)
    if (last <= after) return { entries: [], upTo: after }
    return this.#reader.read(after, last, bounds)
  }

  async locate(id: string): Promise<number | undefined> {
    const [, , ids = ''] = this.#keys
    const found = await this.#asking((connection) => connection.call([['HGET', ids, idKeyOf(id)]]))
    if (found[0] === null) return undefined
    const position = Number(String(found[0]))
    return position < this.first ? undefined : position
  }

  async marks(prefix: string, after: string, limit: number): Promise<MarkPage> {
    const isBehind = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0
    const from = isBehind && after !== '' ? `(${after}` : `[${prefix}`
    const to = Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])]) // after all of UTF-8
    const [found] = await this.#asking((connection) =>
      connection.run(list, this.#keys, [from, to, Math.max(0, limit)]),
    )
    const [head, ...flat] = (found as readonly Buffer[]).map(String)
    const marks = []
    for (let at = 0; at < flat.length; at += 2)
      marks.push({ name: flat[at] ?? '', value: flat[at + 1] ?? '' })
    return { marks, position: Number(head) }
  }

  catchUp(position: number): Promise<void> {
    return this.#arrivals.upTo(position)
  }

  onAdvance(wake: () => void): () => void {
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }

  onReset(told: (reset: LogReset) => void): () => void {
    this.#resets.add(told)
    return () => this.#resets.delete(told)
  }

  health(): LogHealth {
    if (this.#isClosed) return { ok: false, reason: 'closed' }
    return this.#problem === undefined
      ? { ok: true }
      : { ok: false, reason: 'the history in Redis cannot be used' }
  }

  stats(): LogStats {
    const { bytes, count, notices, onceKeys, marks } = this.#history.state
    return {
      entries: count - notices,
      notices,
      bytes,
      onceKeys,
      marks,
      corrupt: this.#reader.corrupt,
      cacheBytes: this.#reader.cacheBytes,
      waitingBytes: this.#writer.waitingBytes,
      unseen: this.#history.newest - this.#history.position,
      unseenMs: this.#behindMs(performance.now()),
      resets: this.#history.resets,
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#writer.close()
    this.#write.close()
    this.#ask.close()
    await this.#follower.close()
    this.#arrive()
    this.#wakes.clear()
    this.#resets.clear()
    this.#reader.forget()
  }

  /** Asks; when that fails the publisher's or subscriber's request is refused, not the process. */
  async #asking<T>(question: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#ask.within(patienceMs)
    if (connection === undefined) throw unavailable(this.#problem ?? 'no connection')
    try {
      return await question(connection)
    } catch (error) {
      if (!this.#ask.isElsewhere(connection, error)) this.#trouble(error as Error)
      throw unavailable(redisProblem(error as Error), error)
    }
  }

  /** Takes what the follower brings; what this process itself appended may be here already. */
  #take(after: number, raws: readonly RawEntry[]): void {
    const history = this.#history
    if (after > history.position) return // asked before a reset
    let hasMore = false
    for (const raw of raws) {
      if (raw.position <= history.position) continue
      const entry = this.#reader.decode(raw)
      history.advance(raw.position, fingerprintOf(raw.timeMs, raw.record), entry?.update.id)
      hasMore = true
    }
    if (hasMore) this.#arrive()
  }

  /** Entries of our own that follow what we know need not come back from Redis. */
  #own(entries: readonly Entry[], records: readonly Buffer[]): void {
    const before = this.head
    for (const [index, entry] of entries.entries()) {
      if (entry.position !== this.head + 1) continue
      this.#reader.keep(entry)
      const fingerprint = fingerprintOf(entry.timeMs, records[index] as Buffer)
      this.#history.advance(entry.position, fingerprint, entry.update.id)
    }
    if (this.head > before) this.#arrive()
  }

  #arrive(): void {
    this.#arrivals.arrive()
    for (const wake of this.#wakes) wake()
  }

  /** Asks for entries that the follower has not brought. Never rejects. */
  async #fetch(position: number): Promise<void> {
    const connection = await this.#ask.within(0)
    if (connection === undefined) return
    try {
      while (this.head < position && !this.#isClosed) {
        const after = this.head
        const bounds = { maxEntries: 1_000, maxBytes: fetchBytes }
        const { entries: raws } = await readPage(connection, this.#keys, after, position, bounds)
        if (raws.length === 0) return
        this.#take(after, raws)
      }
    } catch (error) {
      this.#ask.isElsewhere(connection, error)
    }
  }

  #reset(reset: LogReset): void {
    this.#reader.forget()
    for (const told of this.#resets) told(reset)
    this.#arrive()
  }

  /** All connections go to one server: to the one that was named last. */
  async #meet(connection: Connection): Promise<void> {
    const { server, replicas } = connection
    this.#history.server = server
    this.#replicas.note(server, replicas)
    for (const link of [this.#write, this.#ask, this.#follower.link]) link.keepTo(server)
    await this.#history.verify(connection)
  }

  async #tick(): Promise<void> {
    if (this.#isTicking || this.#isClosed) return
    this.#isTicking = true
    try {
      const connection = await this.#ask.within(0)
      if (connection === undefined) return
      try {
        await this.#lookAfter(connection)
      } catch (error) {
        if (!this.#ask.isElsewhere(connection, error)) this.#trouble(error as Error)
      }
    } finally {
      this.#isTicking = false
    }
  }

  async #lookAfter(connection: Connection): Promise<void> {
    const nowMs = performance.now()
    await this.#history.verify(connection)
    this.#watchFollower(nowMs)
    await this.#trimmer.trim(connection, this.#history)
    await this.#writer.lookAfter(connection, this.#problem !== undefined)
    if (this.#replicas.areFewer) await this.#ask.look()
    if (this.#problem === undefined || !this.#write.isOpen || !this.#follower.link.isOpen) return
    this.#problem = undefined
    this.#options.onRecovered?.(nowMs - this.#brokenSinceMs)
  }

  /** A connection can be half open: nothing comes through it, and nothing says so. */
  #watchFollower(nowMs: number): void {
    const { newest, position, advancedAtMs } = this.#history
    if (this.#behindMs(nowMs) === 0)
      this.#behind = newest > position ? { upTo: newest, sinceMs: nowMs } : undefined
    else if (Math.min(this.#behindMs(nowMs), nowMs - advancedAtMs) > deafMs)
      this.#follower.restart(new RedisSilence('the follower hears nothing though there is news'))
  }

  /** How long entries have been there that this process has not seen; 0 once it has seen them. */
  #behindMs(nowMs: number): number {
    const behind = this.#behind
    return behind === undefined || this.#history.position >= behind.upTo
      ? 0
      : nowMs - behind.sinceMs
  }

  #trouble(error: Error): void {
    if (this.#isClosed) return
    if (this.#problem === undefined) this.#brokenSinceMs = performance.now()
    this.#problem = redisProblem(error)
    this.#options.onTrouble?.(this.#problem)
    if (isFinal(error)) this.#onFinal(error)
  }
}

function unusable(problem: string): Error {
  return new Error(`transport_url: cannot use Redis: ${problem}`)
}

/** The client learns that it may try again; the reason is for the log. */
function unavailable(problem: string, cause?: unknown): HubError {
  return new HubError('unavailable', 'the history cannot be reached now; try again later', {
    cause: cause ?? new Error(problem),
  })
}
