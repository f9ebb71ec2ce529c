import { Http2ServerResponse } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { type Framing, lastChunk } from '../../registry/batch.ts'
import type { Wire, WireListener } from '../../hub/stream/outbox.ts'
import { kernelQueues, keyOf } from './tcp-queues.ts'
import { letGo } from './detach-parser.ts'
import { vanished } from './dead-peers.ts'

/** Fields of a response, as the framework collected them. */
export type Head = Readonly<Record<string, number | string | string[] | undefined>>

/**
 * The wire of a stream that begins: 200 with the given fields, then whatever is written.
 *
 * HTTP/1 streams are written to their socket directly, with framing of our own: one buffer, shared by
 * every subscriber that gets the same batch. Anything else (HTTP/2, a stream of a test) goes through
 * the response.
 */
export function openWire(
  request: IncomingMessage,
  response: ServerResponse | Http2ServerResponse,
  head: Head,
): Wire {
  if (response instanceof Http2ServerResponse || !(response.socket instanceof Socket)) {
    const stream = response as ServerResponse
    stream.writeHead(200, { ...head })
    stream.flushHeaders()
    return new StreamWire(stream)
  }
  const framing = request.httpVersion === '1.1' ? 'chunked' : 'plain'
  const { socket } = response
  letGo(socket, response)
  return new SocketWire(socket, framing, headBytes(head, framing))
}

/** The head made last, which is the next one too while a crowd arrives. */
let latest: { head: Head; framing: Framing; date: string; bytes: Buffer } | undefined

/** The response's head; it travels in one packet with the first bytes of the stream. */
function headBytes(head: Head, framing: Framing): Buffer {
  const date = dateField()
  if (latest?.head !== head || latest.framing !== framing || latest.date !== date)
    latest = { head, framing, date, bytes: encodeHead(head, framing, date) }
  return latest.bytes
}

function encodeHead(head: Head, framing: Framing, date: string): Buffer {
  let text = 'HTTP/1.1 200 OK\r\n'
  for (const name in head) {
    const value = head[name]
    if (Array.isArray(value)) for (const one of value) text += `${name}: ${one}\r\n`
    else if (value !== undefined) text += `${name}: ${value}\r\n`
  }
  text += `date: ${date}\r\n`
  text +=
    framing === 'chunked'
      ? 'connection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n'
      : 'connection: close\r\n\r\n'
  return Buffer.from(text, 'latin1') // fields travel as bytes (decision 6)
}

let dateText = ''
let dateSecond = 0

/** The `Date` field's value, made once per second. */
function dateField(): string {
  const nowMs = Date.now()
  const second = Math.floor(nowMs / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(nowMs).toUTCString()
  }
  return dateText
}

const nothing = Buffer.alloc(0)
const ignore = () => {}

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
  /** What the kernel held at the last look, and what was seen to leave it between looks. */
  #queuedBytes = 0
  #leftBytes = 0
  /** What the kernel calls the connection: worked out once, for those that are looked at. */
  #name: string | undefined
  /** The head, until something is written after it. */
  #head: Buffer | undefined

  constructor(socket: Socket, framing: Framing, head: Buffer) {
    this.#socket = socket
    this.framing = framing
    this.#head = head
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  /** `writableLength` stands still during one large write; the handle's own queue does not. */
  get takenBytes(): number {
    return this.#acceptedBytes + this.#leftBytes
  }

  /** What has left the kernel since the last look moves `takenBytes` too, though Node cannot see it. */
  lookCloser(): void {
    this.#name ??= keyOf(this.#socket)
    kernelQueues.look(this.#name, (queued) => {
      if (queued < this.#queuedBytes) this.#leftBytes += this.#queuedBytes - queued
      this.#queuedBytes = queued
    })
  }

  get #acceptedBytes(): number {
    const { _handle: handle } = this.#socket as unknown as { _handle?: Partial<Handle> | null }
    if (handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined)
      return handle.bytesWritten - handle.writeQueueSize
    return this.#socket.bytesWritten - this.#socket.writableLength
  }

  write(bytes: Buffer): void {
    this.#socket.write(this.#head === undefined ? bytes : Buffer.concat([this.#head, bytes]))
    this.#head = undefined
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
    vanished.watch(this.#socket, listener)
    this.#socket.on('close', () => {
      vanished.forget(this.#socket)
      listener.closed()
    })
    this.#socket.on('error', ignore) // ECONNRESET is how browsers say goodbye; 'close' follows
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
    this.#stream.on('error', ignore) // 'close' follows
  }
}
