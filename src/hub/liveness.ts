/** A probe that takes longer was lost: a pass over 15,000 sockets takes a fifth of a second. */
const patienceMs = 5_000
/** What a probe may still take that waited while the event loop was blocked. */
const graceMs = 100
/** How often the hub probes itself, so that a stuck one is known before anybody asks. */
const everyMs = 2_000

/**
 * Whether the dispatcher still delivers: probes it from time to time, and when somebody asks.
 *
 * One probe is on its way at a time. Once it is overdue, everybody is told so at once.
 */
export class Liveness {
  readonly #probe: (answered: () => void) => void
  readonly #timer: NodeJS.Timeout
  #pending: { readonly sinceMs: number; readonly answered: Promise<void> } | undefined

  constructor(probe: (answered: () => void) => void) {
    this.#probe = probe
    this.#timer = setInterval(() => void this.#start(), everyMs).unref()
  }

  /** Resolves with true once a probe came through, with false when it is overdue. */
  async isLive(): Promise<boolean> {
    const { sinceMs, answered } = this.#start()
    const leftMs = Math.max(graceMs, sinceMs + patienceMs - performance.now())
    let timer: NodeJS.Timeout | undefined
    const overdue = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), leftMs)
    })
    const isLive = await Promise.race([answered.then(() => true), overdue])
    clearTimeout(timer)
    return isLive
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #start() {
    if (this.#pending !== undefined) return this.#pending
    const answered = new Promise<void>((resolve) => this.#probe(resolve)).then(() => {
      this.#pending = undefined
    })
    this.#pending = { sinceMs: performance.now(), answered }
    return this.#pending
  }
}
