import { asError, Connection, RedisRefusal, RedisSilence, Timer } from './connection.ts'
import { findPrimary, greet } from './find-primary.ts'
import type { RedisAddress, RedisTarget } from '../../net/redis-url.ts'

export interface LinkOptions {
  readonly target: RedisTarget
  /** What `CLIENT LIST` shows. */
  readonly name: string
  /** Runs on each new connection before anybody else may use it; what it throws ends the connection. */
  readonly onConnect: (connection: Connection) => Promise<void>
  /** The connection is lost, refused or silent; it is being made again. */
  readonly onTrouble: (error: Error) => void
}

/** Pauses between attempts to connect. */
const retryMs = { least: 50, most: 1_000 }

/** Sentinels or nodes of a Cluster that are known at most. */
const maxNodes = 64

/** The server answered that it is not, or not now, the one to ask; another attempt may find who is. */
const elsewhere =
  /^(READONLY|LOADING|MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|UNBLOCKED|NOREPLICAS)\b/

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

  /** Gives up a connection to another server than this one. */
  keepTo(server: string): void {
    if (this.#connection !== undefined && this.#connection.server !== server)
      this.drop(this.#connection, new RedisRefusal('READONLY another server is the primary now'))
  }

  /** Gives up the connection when Sentinel, or the Cluster, names another primary by now. */
  async look(): Promise<void> {
    const connection = this.#connection
    if (connection === undefined || this.#options.target.kind === 'single') return
    const { host, port } = await this.#primary()
    const { address } = connection
    if (address.host !== host || address.port !== port)
      this.drop(connection, new RedisRefusal('READONLY another server is the primary now'))
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
    let connection: Connection | undefined
    try {
      const opened = (connection = await this.#open())
      opened.onEnd(() => this.drop(opened, new RedisSilence('the connection to Redis was lost')))
      await greet(opened, this.#options.target)
      await this.#options.onConnect(opened)
      if (this.#isClosed) return opened.close()
      if (!opened.isOpen) throw new RedisSilence('the connection to Redis was lost')
      this.#connection = opened
      this.#pauseMs = retryMs.least
      const waiters = this.#waiters
      this.#waiters = []
      for (const waiter of waiters) waiter(opened)
    } catch (error) {
      connection?.close()
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

  async #open(): Promise<Connection> {
    const { target } = this.#options
    const [only] = target.nodes
    const primary = target.kind === 'single' ? (only as RedisAddress) : await this.#primary()
    return this.#reach(primary)
  }

  /** Asks one after the other; who answered is asked first the next time. */
  async #primary(): Promise<RedisAddress> {
    const { target } = this.#options
    let last: unknown
    for (const node of this.#nodes)
      try {
        const asked = await this.#reach(node, target.kind === 'sentinel')
        const { primary, others } = await findPrimary(asked, target).finally(() => asked.close())
        this.#nodes = distinct([node, ...target.nodes, ...others])
        return primary
      } catch (error) {
        last = error
      }
    throw asError(last)
  }

  #reach(address: RedisAddress, isSentinel = false): Promise<Connection> {
    const { target, name } = this.#options
    const onClosing = (giveUp: () => void) => (this.#closing = giveUp)
    return Connection.open(address, { target, name, onClosing }, isSentinel)
  }
}

function distinct(nodes: readonly RedisAddress[]): RedisAddress[] {
  const byName = new Map(nodes.map((node) => [`${node.host}:${node.port}`, node]))
  return [...byName.values()].slice(0, maxNodes)
}
