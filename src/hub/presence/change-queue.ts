export interface ChangesOptions<C> {
  /** Stores changes, in one step where it can. Rejects when the log takes none now. */
  readonly append: (changes: readonly C[]) => Promise<void>
  /** How many changes from the front of the queue may go together; one at least. */
  readonly together: (queue: readonly C[], most: number) => number
  /** What is left of a queue that could not be stored, so that it never outgrows what it speaks of. */
  readonly condense: (queue: readonly C[]) => C[]
  /** Nobody is to wait for these any longer: the log took none. They stay in the queue. */
  readonly onGivenUp: (queue: readonly C[]) => void
  readonly onError: (error: unknown) => void
}

/**
 * After an append the next one waits as long as that took, times `rest`, and whatever comes meanwhile shares
 * it: a storm of connections costs a few commits, and leaves the log to publishers most of the time.
 * Who comes alone waits for nobody. Streams wait for their arrival, so the rest is short: a client that opens
 * so many at once, and the next when one is answered, is slowed down by as much.
 */
const rest = 2
const mostRestMs = 200
const mostPerAppend = 250
const retryMs = 500

/**
 * Changes on their way into the log, in order: gathered, appended behind the back of whoever made them,
 * and tried again while the log takes nothing.
 */
export class Changes<C> {
  readonly #options: ChangesOptions<C>
  #queue: C[] = []
  #timer: NodeJS.Timeout | undefined
  #restUntilMs = 0
  #writing: Promise<void> | undefined
  #queued = 0
  #written = 0
  #waiters: { readonly target: number; readonly resolve: () => void }[] = []

  constructor(options: ChangesOptions<C>) {
    this.#options = options
  }

  /** Changes that are not in the log yet. */
  get waiting(): number {
    return this.#queue.length
  }

  push(change: C): void {
    this.#queue.push(change)
    this.#queued++
    this.#writeIn(this.#restUntilMs - performance.now())
  }

  /**
   * Resolves when the changes so far are in the log. Never rejects; gives up when the log does.
   *
   * @param isUrgent whether they are not to wait for others that may share their append
   */
  async settled(isUrgent = true): Promise<void> {
    const target = this.#queued
    if (this.#written >= target) return
    await new Promise<void>((resolve) => {
      this.#waiters.push({ target, resolve })
      if (isUrgent) void this.#write()
    })
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #writeIn(ms: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        void this.#write()
      },
      Math.max(0, ms),
    ).unref()
  }

  /** Never rejects; one at a time, so that changes keep their order. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const changes = this.#queue.splice(0, this.#options.together(this.#queue, mostPerAppend))
      const started = performance.now()
      try {
        await this.#options.append(changes)
      } catch (error) {
        this.#options.onError(error)
        return this.#giveUp([...changes, ...this.#queue])
      }
      const now = performance.now()
      this.#restUntilMs = now + Math.min(rest * (now - started), mostRestMs)
      this.#note(changes.length)
    }
  }

  #note(changes: number): void {
    this.#written += changes
    const isDue = ({ target }: { readonly target: number }) => target <= this.#written
    for (const waiter of this.#waiters) if (isDue(waiter)) waiter.resolve()
    this.#waiters = this.#waiters.filter((waiter) => !isDue(waiter))
  }

  #giveUp(queue: readonly C[]): void {
    this.#options.onGivenUp(queue)
    this.#queue = this.#options.condense(queue)
    this.#written += queue.length - this.#queue.length
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
    this.#writeIn(retryMs)
  }
}
