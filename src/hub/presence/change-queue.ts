export interface ChangesOptions<C> {
  /** Stores changes, in one step where it can. Rejects when the log takes none now. */
  readonly append: (changes: readonly C[]) => Promise<void>
  /** How many changes from the front of the queue may go together; one at least. */
  readonly together: (queue: readonly C[], most: number) => number
  /** What is left of a queue that could not be stored, so that it never outgrows what it speaks of. */
  readonly condense: (queue: readonly C[]) => C[]
  readonly onError: (error: unknown) => void
}

/**
 * Changes that come within it share an append. The longer an append takes, the more of them share the next:
 * they leave the log to publishers most of the time, and a storm of connections costs a few commits.
 */
const gatherMs = { least: 20, most: 200 }
const rest = 8
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
  #gatherMs = gatherMs.least
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
    this.#writeIn(this.#gatherMs)
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
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, ms).unref()
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
      const wantedMs = rest * (performance.now() - started)
      this.#gatherMs = Math.min(Math.max(wantedMs, gatherMs.least), gatherMs.most)
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
    this.#queue = this.#options.condense(queue)
    this.#written += queue.length - this.#queue.length
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
    this.#writeIn(retryMs)
  }
}
