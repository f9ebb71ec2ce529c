import {
  createConnection,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import type { Condition } from './health.ts'

/** How often each listener is tried. */
const everyMs = 5_000
/** A busy process needs time: so many turns of its event loop, and as many of these pauses. */
const patience = { pauses: 40, pauseMs: 250 }
/** Answers in a row after which a listener that was silent counts as well again: a fault may hit one in many. */
const wellAfter = 6

/** What a connection came to: nothing is known of one that was never taken, or was closed. */
type Outcome = 'answered' | 'silent' | 'unknown'

export interface SelfCheckOptions {
  /** A listener takes connections and says nothing. Told once, until it answers again. */
  readonly onSilent: (listener: string) => void
  readonly onAnswering: (listener: string) => void
}

/**
 * Connects to the hub's own listeners from time to time, and knows which ones take a connection and then
 * say nothing.
 *
 * Such a fault shows nowhere else: the event loop turns, streams go on, and every newcomer waits for ever.
 * Any answer counts. What cannot be connected to is no fault of this kind.
 */
export class SelfCheck {
  readonly #options: SelfCheckOptions
  readonly #timers: NodeJS.Timeout[] = []
  /** Silent listeners, each with the answers that came in a row since. */
  readonly #silent = new Map<string, number>()

  constructor(options: SelfCheckOptions) {
    this.#options = options
  }

  get condition(): Condition {
    if (this.#silent.size === 0) return { isOk: true }
    const names = [...this.#silent.keys()].join(', ')
    return { isOk: false, problem: `accepts connections and does not answer: ${names}` }
  }

  /** Tries a listener of this process from now on. */
  watch(listener: string, { address, family, port }: AddressInfo): void {
    const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
    this.#every(listener, async () =>
      outcomeOf(createConnection({ host, port, ...(family === 'IPv6' ? { family: 6 } : {}) })),
    )
  }

  /** Tries a server that does not listen, with connections handed to it as those of clients are. */
  watchUnheard(name: string, server: Pick<Server, 'emit'>): void {
    this.#every(name, async () => {
      const pair = await socketPair()
      if (pair === undefined) return 'unknown'
      server.emit('connection', pair.accepted)
      const outcome = await outcomeOf(pair.connecting)
      pair.accepted.destroy()
      return outcome
    })
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  #every(listener: string, attempt: () => Promise<Outcome>): void {
    let isTrying = false
    const once = async () => {
      if (isTrying) return
      isTrying = true
      this.#note(listener, await attempt().catch(() => 'unknown' as const))
      isTrying = false
    }
    this.#timers.push(setInterval(() => void once(), everyMs).unref())
  }

  #note(listener: string, outcome: Outcome): void {
    const answers = this.#silent.get(listener)
    if (outcome === 'silent') {
      this.#silent.set(listener, 0)
      if (answers === undefined) this.#options.onSilent(listener)
    } else if (outcome === 'answered' && answers !== undefined) {
      this.#silent.set(listener, answers + 1)
      if (answers + 1 < wellAfter) return
      this.#silent.delete(listener)
      this.#options.onAnswering(listener)
    }
  }
}

/** On a bare socket: Node's own client would draw a parser from the list whose faults are looked for. */
async function outcomeOf(socket: Socket): Promise<Outcome> {
  let isTaken = !socket.connecting
  let isOver = false
  socket.unref()
  socket.once('connect', () => (isTaken = true))
  socket.on('error', () => {}) // 'close' follows
  socket.write('HEAD /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const said = new Promise<Outcome>((resolve) => {
    socket.once('data', () => resolve('answered'))
    socket.once('close', () => resolve('unknown'))
  })
  const waited = patienceOver(() => isOver).then(() => (isTaken ? 'silent' : 'unknown'))
  const outcome = await Promise.race([said, waited])
  isOver = true
  socket.destroy()
  return outcome
}

/** Timers of their own, one after the other: a loop that was blocked does not use them up. */
async function patienceOver(isOver: () => boolean): Promise<void> {
  for (let i = 0; i < patience.pauses && !isOver(); i++)
    await new Promise((resolve) => setTimeout(resolve, patience.pauseMs).unref())
}

/** Two ends of a connection within this process; nobody else's connection is taken for one of them. */
async function socketPair(): Promise<{ connecting: Socket; accepted: Socket } | undefined> {
  const server = createServer({ pauseOnConnect: false })
  try {
    const listening = new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', 1, resolve)
    })
    await listening
    const { port } = server.address() as AddressInfo
    const connecting = createConnection(port, '127.0.0.1').unref()
    const [accepted] = await Promise.all([
      new Promise<Socket>((resolve) => server.once('connection', resolve)),
      new Promise<void>((resolve, reject) => {
        connecting.once('connect', resolve)
        connecting.once('error', reject)
      }),
    ])
    if (accepted.remotePort === connecting.localPort) return { connecting, accepted }
    accepted.destroy()
    connecting.destroy()
    return undefined
  } finally {
    server.close()
  }
}
