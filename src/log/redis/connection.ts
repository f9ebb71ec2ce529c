import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { AbstractConnector, Redis } from 'ioredis'
import type { Script } from './scripts/scripts.ts'
import type { RedisAddress, RedisTarget, RedisTls } from '../../net/redis-url.ts'

/** What a command takes: text, numbers, records. */
export type Argument = string | number | Buffer
/** What it answers: strings are buffers. */
export type Reply = Buffer | number | null | readonly Reply[]

/** Connecting, greeting and each answer have this long, unless the caller says otherwise. */
export const patienceMs = 2_500

/** An answer that is an error: nothing was written by the command that got it. */
export class RedisRefusal extends Error {
  override readonly name = 'RedisRefusal'
}

/** No answer: the command may have been run, or not, or be run later. */
export class RedisSilence extends Error {
  override readonly name = 'RedisSilence'
}

export interface ConnectionOptions {
  readonly target: RedisTarget
  /** What `CLIENT LIST` shows. */
  readonly name: string
  readonly onClosing: (giveUp: () => void) => void
}

/** One connection's life, from its greeting to its loss. */
export class Connection {
  readonly #redis: Redis
  readonly address: RedisAddress
  isOpen = true
  /** What the server calls this run of itself: two connections with the same one reach the same history. */
  server = ''
  /** Replicas that were connected to the primary when it was greeted. */
  replicas = 0

  private constructor(redis: Redis, address: RedisAddress) {
    this.#redis = redis
    this.address = address
    redis.once('end', () => this.close())
  }

  /**
   * Connects to a server and, unless it is a Sentinel, authenticates.
   *
   * @param onClosing is told how to give the attempt up
   */
  static async open(
    address: RedisAddress,
    { target, name, onClosing }: ConnectionOptions,
    isSentinel = false,
  ): Promise<Connection> {
    const { tls, username, password, database } = target
    const { host, port } = address
    const redis = new Redis({
      host,
      port,
      db: isSentinel ? 0 : database,
      ...(isSentinel || username === undefined ? {} : { username }),
      ...(isSentinel || password === undefined ? {} : { password }),
      ...(tls === undefined ? {} : { tls: { ...tls } }),
      Connector: lineTo(address, tls),
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
    onClosing(() => redis.disconnect())
    const timer = new Timer(patienceMs)
    try {
      const connected = redis.connect().then(() => true)
      connected.catch(() => {}) // it is looked at below, if it is not too late
      if ((await Promise.race([connected, timer.over])) === undefined)
        throw new RedisSilence(`${host}:${port} did not answer within ${patienceMs} ms`)
      if (cause !== undefined) throw cause
      return new Connection(redis, address)
    } catch (error) {
      redis.disconnect()
      throw asFailure(cause ?? error)
    } finally {
      timer.clear()
    }
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

  /** Calls `lost` once the connection has ended. */
  onEnd(lost: () => void): void {
    this.#redis.once('end', lost)
  }

  close(): void {
    this.isOpen = false
    this.#redis.disconnect()
  }
}

/**
 * The socket below a client. One that fails may fail again when it is let go of (TLS tells its peer, who
 * answers), and an error that nobody listens to ends the process; and nobody waits for a peer that is silent.
 */
function lineTo({ host, port }: RedisAddress, tls: RedisTls | undefined) {
  return class Line extends AbstractConnector {
    #socket: Socket | undefined

    constructor() {
      super(0)
    }

    override async connect(): Promise<Socket> {
      const socket =
        tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...tls })
      socket.on('error', (error) => (this.firstError ??= error))
      this.#socket = socket
      return socket
    }

    override disconnect(): void {
      this.#socket?.destroy()
    }
  }
}

/** A time-out that can be called off. What came while the event loop was held up is heard first. */
export class Timer {
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

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
