import { Redis } from 'ioredis'
import { type Script, scripts } from './redis-scripts.ts'
import type { RedisAddress, RedisTarget } from './redis-url.ts'

/** What a command takes: text, numbers, records. */
export type Argument = string | number | Buffer
/** What it answers: strings are buffers. */
export type Reply = Buffer | number | null | readonly Reply[]

export interface LinkOptions {
  readonly target: RedisTarget
  /** What `CLIENT LIST` shows. */
  readonly name: string
  /** Runs on each new connection before anybody else may use it; what it throws ends the connection. */
  readonly onConnect: (connection: Connection) => Promise<void>
  /** The connection is lost, refused or silent; it is being made again. */
  readonly onTrouble: (error: Error) => void
}

/** Connecting, greeting and each answer have this long, unless the caller says otherwise. */
const patienceMs = 2_500
/** Pauses between attempts to connect. */
const retryMs = { least: 50, most: 1_000 }

/** The server answered that it is not, or not now, the one to ask; another attempt may find who is. */
const elsewhere =
  /^(READONLY|LOADING|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|UNBLOCKED|NOREPLICAS)\b/

/** An answer that is an error: nothing was written by the command that got it. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal'
}

/** No answer: the command may have been run, or not, or be run later. */
export class RedisSilence extends Error {
  override readonly name = 'RedisSilence'
}

/** One connection's life, from its greeting to its loss. */
export class Connection {
  readonly #redis: Redis
  isOpen = true
  /** Replicas that were connected to the primary when it was greeted. */
  replicas = 0

  constructor(redis: Redis) {
    this.#redis = redis
  }

  /**
   * Sends commands together and resolves with all their answers.
   *
   * @throws RedisRefusal when one of them is refused, RedisSilence when the answers do not come in time
   */
  async call(commands: readonly (readonly Argument[])[], withinMs = patienceMs): Promise<Reply[]> {
    const answers = commands.map(([name = '', ...rest]) =>
      this.#redis.callBuffer(String(name), ...rest),
    )
    const all = Promise.all(answers.map((answer) => answer.catch(asFailure)))
    const timer = new Timer(withinMs)
    try {
      const found = await Promise.race([all, timer.over])
      if (found === undefined) throw new RedisSilence(`Redis did not answer within ${withinMs} ms`)
      for (const answer of found) if (answer instanceof Error) throw answer
      return found as Reply[] // of strings as buffers, numbers, null and lists of them (callBuffer)
    } finally {
      timer.clear()
    }
  }

  /** Runs a script, which the server may have forgotten. */
  async run(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    also: readonly (readonly Argument[])[] = [],
    withinMs = patienceMs,
  ): Promise<Reply[]> {
    const rest = [keys.length, ...keys, ...args]
    try {
      return await this.call([['EVALSHA', script.sha, ...rest], ...also], withinMs)
    } catch (error) {
      if (!(error instanceof RedisRefusal) || !error.message.startsWith('NOSCRIPT')) throw error
      return this.call([['EVAL', script.source, ...rest], ...also], withinMs)
    }
  }

  close(): void {
    this.isOpen = false
    this.#redis.disconnect()
  }
}

/**
 * A connection to the primary that comes back by itself.
 *
 * The client's own reconnection, offline queue and resending are off: it would run a script twice. Each
 * connection is a new client; Sentinel and Cluster only say where the primary is, because all keys
 * share one slot.
 */
export class RedisLink {
  readonly #options: LinkOptions
  #connection: Connection | undefined
  #waiters: ((connection: Connection | undefined) => void)[] = []
  #retry: NodeJS.Timeout | undefined
  #pauseMs = retryMs.least
  #nodes: readonly RedisAddress[]
  #closing: (() => void) | undefined
  #isClosed = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.#nodes = options.target.nodes
    void this.#connect()
  }

  get isOpen(): boolean {
    return this.#connection !== undefined
  }

  /** The connection, or, when there is none within so long, nothing. */
  async within(ms: number): Promise<Connection | undefined> {
    if (this.#connection !== undefined || this.#isClosed) return this.#connection
    const timer = new Timer(ms)
    let waiter: (connection: Connection | undefined) => void = () => {}
    const next = new Promise<Connection | undefined>((resolve) => {
      waiter = resolve
      this.#waiters.push(resolve)
    })
    try {
      return await Promise.race([next, timer.over])
    } finally {
      timer.clear()
      this.#waiters = this.#waiters.filter((one) => one !== waiter)
    }
  }

  /** Gives a connection up: it is silent, or another server is the primary now. */
  drop(connection: Connection, error: Error): void {
    connection.close()
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#again(error)
  }

  /** Whether a refusal means that another connection may succeed. Drops this one then. */
  isElsewhere(connection: Connection, error: unknown): boolean {
    const isSilent = error instanceof RedisSilence
    if (!isSilent && !(error instanceof RedisRefusal && elsewhere.test(error.message))) return false
    this.drop(connection, error)
    return true
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#connection?.close()
    this.#connection = undefined
    this.#closing?.()
    for (const waiter of this.#waiters) waiter(undefined)
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    let redis: Redis | undefined
    try {
      redis = await this.#open()
      const connection = new Connection(redis)
      const client = redis
      client.once('end', () =>
        this.drop(connection, new RedisSilence('the connection to Redis was lost')),
      )
      await greet(connection)
      await this.#options.onConnect(connection)
      if (this.#isClosed || !connection.isOpen) return connection.close()
      this.#connection = connection
      this.#pauseMs = retryMs.least
      const waiters = this.#waiters
      this.#waiters = []
      for (const waiter of waiters) waiter(connection)
    } catch (error) {
      redis?.disconnect()
      this.#again(asError(error))
    }
  }

  #again(error: Error): void {
    if (this.#isClosed) return
    this.#options.onTrouble(error)
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.#connect(), this.#pauseMs * (0.5 + Math.random() / 2))
    this.#retry.unref()
    this.#pauseMs = Math.min(2 * this.#pauseMs, retryMs.most)
  }

  async #open(): Promise<Redis> {
    const { target, name } = this.#options
    if (target.kind === 'single') return this.#reach(target.nodes[0] as RedisAddress, name)
    let last: unknown
    for (const node of this.#nodes)
      try {
        const asked = await this.#reach(node, name, target.kind === 'sentinel')
        const primary = await primaryOf(asked, target, node).finally(() => asked.disconnect())
        this.#nodes = [node, ...this.#nodes.filter((one) => one !== node)] // it answered: ask it first
        return await this.#reach(primary, name)
      } catch (error) {
        last = error
      }
    throw asError(last)
  }

  /** A client that is connected and, unless it is a Sentinel, authenticated. */
  async #reach({ host, port }: RedisAddress, name: string, isSentinel = false): Promise<Redis> {
    const { tls, username, password, database } = this.#options.target
    const redis = new Redis({
      host,
      port,
      db: isSentinel ? 0 : database,
      ...(isSentinel || username === undefined ? {} : { username }),
      ...(isSentinel || password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls: { ...tls } }),
      connectionName: name,
      protocol: 2,
      lazyConnect: true,
      connectTimeout: patienceMs,
      retryStrategy: null,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      disableClientInfo: true,
      keepAlive: 10_000,
    })
    let cause: Error | undefined
    redis.on('error', (error: Error) => (cause ??= error))
    this.#closing = () => redis.disconnect()
    const timer = new Timer(patienceMs)
    try {
      const connected = redis.connect().then(() => true)
      connected.catch(() => {}) // it is looked at below, if it is not too late
      if ((await Promise.race([connected, timer.over])) === undefined)
        throw new RedisSilence(`${host}:${port} did not answer within ${patienceMs} ms`)
      if (cause !== undefined) throw cause
      return redis
    } catch (error) {
      redis.disconnect()
      throw asFailure(cause ?? error)
    } finally {
      timer.clear()
    }
  }
}

/** Refuses who is no primary, and hands over the scripts. */
async function greet(connection: Connection): Promise<void> {
  const [role] = await connection.call([
    ['ROLE'],
    ...scripts.map((script) => ['SCRIPT', 'LOAD', script.source]),
  ])
  const [what, , replicas] = role as readonly Reply[]
  if (String(what) !== 'master')
    throw new RedisRefusal(`READONLY the server is a ${String(what)}, no primary`)
  connection.replicas = Array.isArray(replicas) ? replicas.length : 0
}

async function primaryOf(
  redis: Redis,
  { kind, name, prefix }: RedisTarget,
  asked: RedisAddress,
): Promise<RedisAddress> {
  const connection = new Connection(redis)
  if (kind === 'sentinel') {
    const [found] = await connection.call([['SENTINEL', 'get-master-addr-by-name', name]])
    if (!Array.isArray(found)) throw new RedisRefusal(`Sentinel knows no primary called ${name}`)
    return { host: String(found[0]), port: Number(String(found[1])) }
  }
  const [slot, ranges] = await connection.call([
    ['CLUSTER', 'KEYSLOT', `{${prefix}}`],
    ['CLUSTER', 'SLOTS'],
  ])
  for (const range of ranges as readonly Reply[]) {
    const [from, to, primary] = range as readonly Reply[]
    if (Number(from) > Number(slot) || Number(to) < Number(slot)) continue
    const [host, port] = primary as readonly Reply[]
    return {
      host: host === null || String(host) === '' ? asked.host : String(host),
      port: Number(port),
    }
  }
  throw new RedisRefusal('CLUSTERDOWN no node of the Cluster serves the slot of the history')
}

/** A time-out that can be called off. What came while the event loop was held up is heard first. */
class Timer {
  readonly over: Promise<undefined>
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.over = new Promise((resolve) => {
      const late = () => setImmediate(() => setImmediate(() => resolve(undefined)))
      this.#timer = setTimeout(late, ms)
    })
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}

/** An answer that says no is a refusal; whatever else happened, nobody knows what became of the command. */
function asFailure(error: unknown): RedisRefusal | RedisSilence {
  if (error instanceof RedisRefusal || error instanceof RedisSilence) return error
  const { name, message } = asError(error)
  return name === 'ReplyError'
    ? new RedisRefusal(message, { cause: error })
    : new RedisSilence(message === '' ? 'unreachable' : message, { cause: error })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
