/** A probe that takes longer was lost: a pass over 15,000 sockets takes a fifth of a second. */
const patienceMs = 5_000
/** What a probe may still take that waited while the event loop was blocked. */
const graceMs = 100
/** How often the hub probes itself, so that a stuck one is known before anybody asks. */
const everyMs = 2_000
/** So long a probe that came through speaks for the hub: until the next one may have done so, too. */
const freshMs = 3_000

/**
 * Whether the dispatcher still delivers: probes it from time to time, and when somebody asks.
 *
 * Who asks is answered from the last probe, or else waits for the one that is on its way: a health check
 * has not to wait until a hub that writes to 15,000 streams is through with them. Once a probe is overdue, everybody
 * is told so at once, 8 s after deliveries stopped at the latest.
 */
export class Liveness {
  readonly #probe: (answered: () => void) => void
  readonly #timer: NodeJS.Timeout
  #answeredAtMs = Number.NEGATIVE_INFINITY
  #pending: { readonly sinceMs: number; readonly answered: Promise<void> } | undefined

  constructor(probe: (answered: () => void) => void) {
    this.#probe = probe
    this.#timer = setInterval(() => void this.#start(), everyMs).unref()
  }

  /** Resolves with true when a probe came through of late, or once one does; with false when it is overdue. */
  async isLive(): Promise<boolean> {
    if (performance.now() - this.#answeredAtMs < freshMs) return true
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
      this.#answeredAtMs = performance.now()
    })
    this.#pending = { sinceMs: performance.now(), answered }
    return this.#pending
  }
}
