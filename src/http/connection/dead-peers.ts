import type { Socket } from 'node:net'
import type { WireListener } from '../../hub/stream/outbox.ts'
import { keyOf, vanishedPeers } from './tcp-queues.ts'

/** How often the kernel is asked: 20 ms of work for 15,000 connections. */
const everyMs = 20_000

/**
 * Ends streams whose peer vanished without a word: a lost Wi-Fi, a pulled cable.
 *
 * The kernel's keep-alive finds them only while nothing was sent that is not acknowledged, and a
 * heartbeat is sent sooner or later. From then on the kernel itself would try for a quarter of an hour
 * (`net.ipv4.tcp_retries2`), but it counts its attempts where everybody can read them.
 */
class Vanished {
  readonly #streams = new Map<Socket, WireListener>()
  #timer: NodeJS.Timeout | undefined

  /** Tells `listener` when the peer of this connection has vanished, until `forget`. */
  watch(socket: Socket, listener: WireListener): void {
    this.#streams.set(socket, listener)
    this.#timer ??= setInterval(() => void this.#sweep(), everyMs).unref()
  }

  forget(socket: Socket): void {
    this.#streams.delete(socket)
    if (this.#streams.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    const vanished = await vanishedPeers()
    if (vanished.size === 0) return
    for (const [socket, listener] of this.#streams) {
      const key = keyOf(socket)
      if (key !== undefined && vanished.has(key)) listener.vanished()
    }
  }
}

/** The streams of this process. */
export const vanished = new Vanished()
