import type { Framing } from '../../registry/batch.ts'

/** Bytes handed to a socket at once. Larger writes are split, so that progress can be seen and counted. */
export const maxWriteBytes = 64 * 1024

/** A peer's end of the connection, as `http/` provides it. */
export interface Wire {
  readonly framing: Framing
  /** Bytes that were written and that the kernel has not taken yet. */
  readonly pendingBytes: number
  /** Grows when the peer takes bytes, as far as it can be seen. */
  readonly takenBytes: number
  /** Looks whether bytes have left the kernel that it took earlier; `takenBytes` grows soon when they have. */
  lookCloser?(): void
  write(bytes: Buffer): void
  /** Ends the response as its framing says, and closes the connection at once. */
  finish(): void
  destroy(): void
  listen(listener: WireListener): void
}

export interface WireListener {
  /** Everything written was taken, after a time when it was not. Always follows a write that left bytes pending. */
  drained(): void
  /** The peer has acknowledged nothing for so long that nobody is there. */
  vanished(): void
  /** The connection is gone. */
  closed(): void
}

/**
 * The bounded queue of bytes on their way to one subscriber.
 *
 * Nothing here waits. What the kernel does not take at once stays queued, as references to shared
 * buffers; over `maxPendingBytes` the write is refused and the owner closes the stream. A write
 * always fits into an empty queue, so one legal large update never cuts a healthy client.
 */
export class Outbox {
  readonly #wire: Wire
  readonly #maxPendingBytes: number
  #queue: Buffer[] | undefined
  #queuedBytes = 0

  constructor(wire: Wire, maxPendingBytes: number) {
    this.#wire = wire
    this.#maxPendingBytes = maxPendingBytes
  }

  get framing(): Framing {
    return this.#wire.framing
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes + this.#queuedBytes
  }

  /** Bytes wait for `pump`. */
  get isQueueing(): boolean {
    return this.#queue !== undefined
  }

  get takenBytes(): number {
    return this.#wire.takenBytes
  }

  lookCloser(): void {
    this.#wire.lookCloser?.()
  }

  hasRoomFor(bytes: number): boolean {
    const pending = this.pendingBytes
    return pending === 0 || pending + bytes <= this.#maxPendingBytes
  }

  /** False when the bytes do not fit; nothing of them was written then. */
  write(bytes: Buffer): boolean {
    if (!this.hasRoomFor(bytes.length)) return false
    if (
      this.#queue === undefined &&
      bytes.length <= maxWriteBytes &&
      this.#wire.pendingBytes < maxWriteBytes
    )
      this.#wire.write(bytes)
    else this.#enqueue(bytes)
    return true
  }

  /** Hands queued bytes to the socket until it has enough for now. Called when the wire has drained. */
  pump(): void {
    while (this.#queue !== undefined && this.#wire.pendingBytes < maxWriteBytes) {
      const bytes = this.#queue.shift()
      if (this.#queue.length === 0) this.#queue = undefined
      if (bytes === undefined) return
      this.#queuedBytes -= bytes.length
      this.#wire.write(bytes)
    }
  }

  /** Lets go of what is queued and of the connection; with a last chunk when nothing stands before it. */
  close(isFinished: boolean): void {
    const isEmpty = this.pendingBytes === 0
    this.#queue = undefined
    this.#queuedBytes = 0
    if (isFinished && isEmpty) this.#wire.finish()
    else this.#wire.destroy()
  }

  #enqueue(bytes: Buffer): void {
    this.#queue ??= []
    for (let start = 0; start < bytes.length; start += maxWriteBytes)
      this.#queue.push(bytes.subarray(start, start + maxWriteBytes))
    this.#queuedBytes += bytes.length
    this.pump()
  }
}
