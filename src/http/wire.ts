import { Http2ServerResponse } from 'node:http2'
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { type Framing, lastChunk } from '../registry/batch.ts'
import type { Wire, WireListener } from '../registry/outbox.ts'

/**
 * The wire under a response whose head has been flushed.
 *
 * HTTP/1 responses are written to their socket directly, with framing of our own: one buffer, shared
 * by every subscriber that gets the same batch. Anything else (HTTP/2, a stream of a test) goes
 * through the response.
 */
export function wireOf(response: ServerResponse | Http2ServerResponse, isChunked: boolean): Wire {
  if (!(response instanceof Http2ServerResponse) && response.socket instanceof Socket)
    return new SocketWire(response.socket, isChunked ? 'chunked' : 'plain')
  return new StreamWire(response as unknown as Writable)
}

const nothing = Buffer.alloc(0)

/** What Node's TCP and TLS handles tell about bytes on their way (feature-detected; Node 20, 22, 24). */
interface Handle {
  readonly bytesWritten: number
  readonly writeQueueSize: number
}

class SocketWire implements Wire {
  readonly framing: Framing
  readonly #socket: Socket
  #listener: WireListener | undefined
  #isWaiting = false

  constructor(socket: Socket, framing: Framing) {
    this.#socket = socket
    this.framing = framing
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  /** `writableLength` stands still during one large write; the handle's own queue does not. */
  get takenBytes(): number {
    const { _handle: handle } = this.#socket as unknown as { _handle?: Partial<Handle> | null }
    if (handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined)
      return handle.bytesWritten - handle.writeQueueSize
    return this.#socket.bytesWritten - this.#socket.writableLength
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
    if (this.#socket.writableLength > 0 && !this.#isWaiting) this.#waitUntilTaken()
  }

  finish(): void {
    if (this.framing === 'chunked') this.#socket.write(lastChunk)
    this.#socket.destroySoon() // nothing is pending, so this waits for nobody
  }

  destroy(): void {
    this.#socket.destroy()
  }

  listen(listener: WireListener): void {
    this.#listener = listener
    this.#socket.on('close', () => listener.closed())
    this.#socket.on('error', () => {}) // ECONNRESET is how browsers say goodbye; 'close' follows
  }

  /** 'drain' is only emitted above the high-water mark; the callback of an empty write always comes. */
  #waitUntilTaken(): void {
    this.#isWaiting = true
    this.#socket.write(nothing, () => {
      this.#isWaiting = false
      if (this.#socket.destroyed) return
      if (this.#socket.writableLength > 0) this.#waitUntilTaken()
      else this.#listener?.drained()
    })
  }
}

class StreamWire implements Wire {
  readonly framing = 'plain'
  readonly #stream: Writable
  #listener: WireListener | undefined
  #writtenBytes = 0
  #takenBytes = 0

  constructor(stream: Writable) {
    this.#stream = stream
  }

  get pendingBytes(): number {
    return this.#writtenBytes - this.#takenBytes
  }

  get takenBytes(): number {
    return this.#takenBytes
  }

  write(bytes: Buffer): void {
    this.#writtenBytes += bytes.length
    this.#stream.write(bytes, () => {
      this.#takenBytes += bytes.length
      if (this.pendingBytes === 0) this.#listener?.drained()
    })
  }

  finish(): void {
    this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  listen(listener: WireListener): void {
    this.#listener = listener
    this.#stream.on('close', () => listener.closed())
    this.#stream.on('error', () => {}) // 'close' follows
  }
}
