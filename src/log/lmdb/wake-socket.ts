import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

const socketName = /^wake-[0-9a-f]{12}\.sock$/

/** Whether a file beside a store is the socket of a process that has it open, or had. */
export function isWakeSocket(name: string): boolean {
  return socketName.test(name)
}

/** What fits in a socket's address on every system (Linux has 107, macOS 103). */
const longestAddress = 100
const knock = Buffer.of(1)

/**
 * Wakes the other processes that have the same store open, and is woken by them.
 *
 * Each process listens on a socket beside the store and, when it starts, connects to those it
 * finds: a rolling update has the old hub hear the new one at once. A wake-up is one byte and only a
 * hint, so a byte that finds a full buffer may be dropped. Alone, a process pays nothing; a socket that
 * nobody answers was left by a killed process and is removed.
 */
export class Siblings {
  readonly #directory: string
  readonly #onWake: () => void
  readonly #peers = new Set<Socket>()
  readonly #name = `wake-${randomBytes(6).toString('hex')}.sock`
  /** Processes that ended without closing the store, as their sockets show. */
  dead = 0
  #server: Server | undefined
  /** Keeps the directory open for `/proc/self/fd/N`, the short name of a long path. */
  #directoryFd: number | undefined

  constructor(directory: string, onWake: () => void) {
    this.#directory = directory
    this.#onWake = onWake
  }

  /** Other processes that are connected now. */
  get count(): number {
    return this.#peers.size
  }

  /** Never rejects: without the channel, the log's own look once a second is what is left. */
  async open(): Promise<void> {
    try {
      await this.#listen()
      const names = readdirSync(this.#directory).filter((name) => socketName.test(name))
      const others = names.filter((name) => name !== this.#name)
      await Promise.all(others.map((name) => this.#call(name)))
    } catch {
      this.close()
    }
  }

  wake(): void {
    for (const peer of this.#peers) if (peer.writableLength === 0) peer.write(knock)
  }

  close(): void {
    this.#server?.close()
    for (const peer of this.#peers) peer.destroy()
    this.#peers.clear()
    rmSync(join(this.#directory, this.#name), { force: true })
    if (this.#directoryFd !== undefined) closeSync(this.#directoryFd)
    this.#server = this.#directoryFd = undefined
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => this.#welcome(socket))
      this.#server = server
      server.on('error', reject)
      server.listen(this.#address(this.#name), resolve)
      server.unref()
    })
  }

  #call(name: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#address(name))
      socket.once('connect', () => {
        this.#welcome(socket)
        resolve()
      })
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') {
          this.dead++
          rmSync(join(this.#directory, name), { force: true })
        }
        resolve()
      })
    })
  }

  #welcome(socket: Socket): void {
    socket.unref()
    this.#peers.add(socket)
    socket.on('data', this.#onWake)
    socket.on('error', () => {})
    // What it wrote last, it may not have told.
    socket.on('close', () => {
      this.#peers.delete(socket)
      if (this.#server !== undefined) this.#onWake()
    })
  }

  #address(name: string): string {
    const path = join(this.#directory, name)
    if (Buffer.byteLength(path) <= longestAddress || process.platform !== 'linux') return path
    this.#directoryFd ??= openSync(this.#directory, 'r')
    return `/proc/self/fd/${this.#directoryFd}/${name}`
  }
}
