import type { Update } from './options.ts'

/** Updates that wait for their reader; when there are more, the stream is not read on. */
const mostWaiting = 256

type Result = IteratorResult<Update, undefined>

/** Updates on their way to one `for await` loop. */
export class UpdateQueue implements AsyncIterator<Update, undefined> {
  readonly #told: { consumed(id: string): void; left(): void }
  readonly #waiting: Update[] = []
  #reader: { resolve: (result: Result) => void; reject: (error: Error) => void } | undefined
  #end: { readonly error: Error | undefined } | undefined
  #taken: string | undefined
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  constructor(told: { consumed(id: string): void; left(): void }) {
    this.#told = told
  }

  /** Whether all there was has been taken, and done with. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#taken === undefined
  }

  /** Resolves, when there are too many, once there is room again. */
  push(update: Update): Promise<void> | undefined {
    const reader = this.#reader
    this.#reader = undefined
    if (reader !== undefined) reader.resolve(this.#hand(update))
    else this.#waiting.push(update)
    if (this.#waiting.length < mostWaiting) return undefined
    if (this.#room === undefined) {
      let resolve = () => {}
      const promise = new Promise<void>((done) => (resolve = done))
      this.#room = { promise, resolve }
    }
    return this.#room.promise
  }

  /** Nothing comes after what waits. */
  end(error: Error | undefined): void {
    this.#end ??= { error }
    this.#makeRoom()
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    if (error === undefined) reader.resolve({ done: true, value: undefined })
    else reader.reject(error)
  }

  async next(): Promise<Result> {
    if (this.#taken !== undefined) this.#told.consumed(this.#taken)
    this.#taken = undefined
    const update = this.#waiting.shift()
    if (this.#waiting.length < mostWaiting / 2) this.#makeRoom()
    if (update !== undefined) return this.#hand(update)
    const end = this.#end
    if (end === undefined)
      return new Promise((resolve, reject) => (this.#reader = { resolve, reject }))
    this.#end = { error: undefined } // a refusal is thrown once
    if (end.error !== undefined) throw end.error
    return { done: true, value: undefined }
  }

  async return(): Promise<Result> {
    this.#waiting.length = 0
    this.end(undefined)
    this.#told.left()
    return { done: true, value: undefined }
  }

  #makeRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  #hand(update: Update): Result {
    this.#taken = update.id
    return { done: false, value: update }
  }
}
