/** A reconnection time until the hub names one. */
const defaultRetryMs = 1000
/** No wait grows beyond this, unless the hub asks for it. */
const maxGrownMs = 60_000
/** However fast the hub asks for it: a loop without a pause helps nobody. */
const minMs = 50
/** A longer timer would fire at once. */
const longestTimerMs = 2 ** 31 - 1

/**
 * How long to wait before the next attempt.
 *
 * A cut stream waits the reconnection time; every failure after it doubles that. The wait is
 * spread over its upper half, so that clients that were cut together do not come back together.
 */
export class Backoff {
  retryMs = defaultRetryMs
  readonly #random: () => number
  #failures = 0

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** The next wait in milliseconds; never less than the hub's `Retry-After`. */
  afterFailure(retryAfterMs = 0): number {
    const grown = Math.min(this.retryMs * 2 ** this.#failures, Math.max(maxGrownMs, this.retryMs))
    this.#failures++
    const asked = Math.min(longestTimerMs, retryAfterMs * (1 + this.#random() / 4))
    return Math.max(this.#spread(grown), asked)
  }

  afterCut(): number {
    return this.#spread(this.retryMs)
  }

  #spread(ms: number): number {
    return Math.min(longestTimerMs, Math.max(minMs, ms * (0.5 + this.#random() / 2)))
  }
}

/** `Retry-After` in milliseconds from now: seconds or a date (RFC 9110 § 10.2.3); 0 when it says nothing. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number {
  if (header === undefined) return 0
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? 0 : Math.max(0, date - now)
}
