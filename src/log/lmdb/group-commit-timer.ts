/** A flush costs 0.4 ms of CPU whatever it holds, an entry 0.02: flushes begin this far apart where publishers do not wait for one another. */
const intervalMs = 4
/** So many waiting are worth a flush at once. */
const fullGroup = 64
/** While every turn of the event loop brings more, a group waits no longer than this. */
const growingMs = 2
/** After a wait that brought nobody, so many groups are flushed without one; doubled each time. */
const fewestSkips = 16
const mostSkips = 256

/** What a gathering needs of time. */
export interface Clock {
  now(): number
  sleep(ms: number): Promise<void>
  /** Until everything that is ready now was looked at. */
  turn(): Promise<void>
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/**
 * Decides how long a group waits for more publishers to share its flush.
 *
 * Publishes of one turn always share one. Beyond, a group waits only when the flush before has just been,
 * and only as long as waiting pays: publishers that send at their own pace come meanwhile, those that
 * wait for their answer before they send again do not, and are soon not kept waiting.
 */
export class Gathering {
  readonly #clock: Clock
  #flushedAtMs = Number.NEGATIVE_INFINITY
  #skips = 0
  #nextSkips = fewestSkips

  constructor(clock: Clock = realClock) {
    this.#clock = clock
  }

  /**
   * Resolves when the group is to be flushed.
   *
   * @param count how many wait now
   */
  async gather(count: () => number): Promise<void> {
    await this.#whileGrowing(count)
    await this.#waitForOthers(count)
    this.#flushedAtMs = this.#clock.now()
  }

  async #waitForOthers(count: () => number): Promise<void> {
    const untilMs = this.#flushedAtMs + intervalMs
    if (count() >= fullGroup || this.#clock.now() > untilMs - 1) return
    if (this.#skips > 0) {
      this.#skips--
      return
    }
    const before = count()
    while (this.#clock.now() < untilMs && count() < fullGroup) await this.#clock.sleep(1)
    if (count() > before) this.#nextSkips = fewestSkips
    else {
      this.#skips = this.#nextSkips
      this.#nextSkips = Math.min(2 * this.#nextSkips, mostSkips)
    }
  }

  async #whileGrowing(count: () => number): Promise<void> {
    const deadline = this.#clock.now() + growingMs
    let before: number
    do {
      before = count()
      await this.#clock.turn()
    } while (count() > before && count() < fullGroup && this.#clock.now() < deadline)
  }
}
