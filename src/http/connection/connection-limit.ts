import type { Server } from 'node:net'

/** Files kept free for everything that is no client of the public listener: admin, history, key sets. */
export const reservedFiles = 64

/** What the process may have open, and had open before its first client came. */
export interface OpenFiles {
  readonly limit: number
  readonly before: number
}

/**
 * Keeps the public listener from taking the last files of the process.
 *
 * At the limit Node raises no event and logs nothing: connections would hang or be cut at random, and
 * admin, Redis and key sets would find no descriptor. So the listener closes what comes beyond
 * `mostConnections` at once, which an `EventSource` takes for a lost connection and tries again, while
 * existing streams live on.
 */
export class FileLimit {
  /** Connections that the public listener may hold. */
  readonly mostConnections: number
  /** Connections closed because there were as many as there may be. */
  dropped = 0
  readonly #onDrop: () => void
  #server: Server | undefined
  #count: (() => number) | undefined

  /** @param onDrop is called for each connection that is closed at once */
  constructor({ limit, before }: OpenFiles, onDrop: () => void) {
    this.mostConnections = Math.max(1, limit - before - reservedFiles)
    this.#onDrop = onDrop
  }

  guard(server: Server): void {
    this.#server = server
    if (Number.isFinite(this.mostConnections)) server.maxConnections = this.mostConnections
    server.on('drop', () => this.#drop())
  }

  /**
   * Counts connections that another process accepted and hands over.
   *
   * @returns the function that says whether to keep the next one; otherwise it is to be closed
   */
  guardHandedOver(count: () => number): () => boolean {
    this.#count = count
    return () => {
      if (count() < this.mostConnections) return true
      this.#drop()
      return false
    }
  }

  #drop(): void {
    this.dropped++
    this.#onDrop()
  }

  /** Connections of the public listener now. */
  connections(): Promise<number> {
    return new Promise((resolve) => {
      if (this.#count !== undefined) return resolve(this.#count())
      if (this.#server === undefined) return resolve(0)
      this.#server.getConnections((error, count) => resolve(error === null ? count : 0))
    })
  }

  /** Whether the next connection would be closed at once. */
  async isReached(): Promise<boolean> {
    return (await this.connections()) >= this.mostConnections
  }
}
