import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Connections on their way to one worker: enough that it never waits, few enough that a busy one gets no more. */
const maxOnTheWay = 4

/** Who takes connections over. */
export interface Taker {
  /** Hands the connection over; `taken(id)` is to be called when the worker has it. */
  give(id: number, socket: Socket): void
}

interface Place {
  readonly taker: Taker
  /** Connections handed over and not closed yet. */
  connections: number
  /** Handed over, and the worker has not said that it has them. */
  readonly onTheWay: Map<number, Socket>
}

export interface AcceptorOptions {
  readonly keepAliveProbeMs: number
  /** Sees the listener before it listens: the place to bound it. */
  readonly guard?: ((server: Server) => void) | undefined
}

/**
 * Accepts every connection, and hands it to the worker that has the fewest.
 *
 * Measured on two cores, 10,000 connections: Node's `SCHED_NONE` (a shared listener) costs the
 * least (0.27 ms of CPU each, all processes), and with four workers gives one of them 2.5 times as many as
 * another; `SCHED_RR` is even (0.47 ms), and a connection that was handed to a worker which dies is
 * answered by nobody, ever; `SO_REUSEPORT` (Node 23.1 on) resets what waits for a dead worker. Streams live
 * for minutes, so it matters more where they go than what it costs to get there: least connections, which
 * also fills a replaced worker first.
 *
 * This process keeps a connection open until the worker has said that it has it, before it reads. One
 * that was on its way to a worker that died goes to another, unread.
 */
export class Acceptor<T extends Taker> {
  readonly #server: Server
  readonly #places = new Map<T, Place>()
  #waiting: Socket[] = []
  #lastId = 0

  constructor({ keepAliveProbeMs, guard }: AcceptorOptions) {
    this.#server = createServer({
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
    })
    guard?.(this.#server)
    this.#server.on('connection', (socket) => {
      socket.on('error', () => {}) // it has gone while it waited: whoever gets it will see
      this.#waiting.push(socket)
      this.#handOver()
    })
  }

  /** Starts listening. */
  async listen(host: string, port: number, backlog: number): Promise<AddressInfo> {
    this.#server.listen({ host, port, backlog })
    await once(this.#server, 'listening')
    return this.#server.address() as AddressInfo
  }

  /** Connections that no worker has yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  connectionsOf(taker: T): number {
    return this.#places.get(taker)?.connections ?? 0
  }

  /** This one takes connections from now on. */
  join(taker: T): void {
    this.#places.set(taker, { taker, connections: 0, onTheWay: new Map() })
    this.#handOver()
  }

  taken(taker: T, id: number): void {
    const place = this.#places.get(taker)
    place?.onTheWay.get(id)?.destroy() // closes this process's copy of the socket alone
    place?.onTheWay.delete(id)
    this.#handOver()
  }

  released(taker: T, count: number): void {
    const place = this.#places.get(taker)
    if (place !== undefined) place.connections -= count
  }

  /** This one takes no more; what it had not taken yet goes to others. */
  leave(taker: T): void {
    const place = this.#places.get(taker)
    this.#places.delete(taker)
    if (place === undefined) return
    this.#waiting = [...place.onTheWay.values(), ...this.#waiting]
    this.#handOver()
  }

  /** Stops listening; what waits for a worker is closed. */
  close(): void {
    this.#server.close()
    for (const socket of this.#waiting) socket.destroy()
    for (const { onTheWay } of this.#places.values())
      for (const socket of onTheWay.values()) socket.destroy()
    this.#waiting = []
  }

  #handOver(): void {
    let given = 0
    for (const socket of this.#waiting) {
      const place = this.#nextPlace()
      if (place === undefined) break
      const id = ++this.#lastId
      place.connections++
      place.onTheWay.set(id, socket)
      place.taker.give(id, socket)
      given++
    }
    if (given > 0) this.#waiting = this.#waiting.slice(given)
  }

  /** The place with the fewest connections; a worker that has not taken what it was given gets no more. */
  #nextPlace(): Place | undefined {
    let next: Place | undefined
    for (const place of this.#places.values()) {
      if (place.onTheWay.size >= maxOnTheWay) continue
      if (next === undefined || place.connections < next.connections) next = place
    }
    return next
  }
}
