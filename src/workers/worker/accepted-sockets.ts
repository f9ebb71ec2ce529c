import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FileLimit } from '../../http/connection/connection-limit.ts'

/** Milliseconds in which closed connections are told together. */
const releaseMs = 50

/**
 * Takes connections that the primary accepted into a server that does not listen itself.
 *
 * It says how many have closed, since the primary gives the next one to whom has the fewest.
 */
export class Intake {
  readonly #server: Server
  readonly #mayTake: () => boolean
  readonly #onReleased: (count: number) => void
  #connections = 0
  #released = 0

  constructor(server: Server, files: FileLimit | undefined, onReleased: (count: number) => void) {
    this.#server = server
    this.#onReleased = onReleased
    this.#mayTake = files?.guardHandedOver(() => this.#connections) ?? (() => true)
    server.emit('listening') // starts Node's watch over requests that never arrive
  }

  /** @param socket undefined when it was closed on its way */
  take(socket: Socket | undefined): void {
    if (socket === undefined) return this.#release()
    if (!this.#mayTake()) {
      socket.destroy()
      return this.#release()
    }
    this.#connections++
    // As Node's own server has it: a client that has sent its request may close its side.
    socket.allowHalfOpen = true
    socket.on('close', this.#onClose)
    this.#server.emit('connection', socket)
  }

  readonly #onClose = (): void => {
    this.#connections--
    this.#release()
  }

  #release(): void {
    if (this.#released++ > 0) return
    setTimeout(() => {
      const count = this.#released
      this.#released = 0
      this.#onReleased(count)
    }, releaseMs).unref()
  }
}
