/** A reconnection time until the hub names one. */
const defaultRetryMs = 1000
/** No wait grows beyond this, unless the hub asks for it. */
const maxGrownMs = 30_000
/** However fast the hub asks for it: a loop without a pause helps nobody. */
const minMs = 50
/** A longer timer would fire at once. */
export const longestTimerMs = 2 ** 31 - 1
/** A stream that lived so long was a healthy one: what failed before it counts no more. */
const healthyMs = 60_000

/**
 * How long to wait before the next attempt.
 *
 * After a stream the first wait is the hub's reconnection time, which it spread already. Every failure after
 * that doubles the range from which the wait is drawn (full jitter), until a stream lives for a minute.
 */
export class Backoff {
  /** The hub's reconnection time; undefined until it names one. */
  retryMs: number | undefined
  readonly #random: () => number
  #failures = 0

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** The wait in milliseconds after a stream that lived so long. */
  afterStream(livedMs: number): number {
    if (livedMs >= healthyMs) this.#failures = 0
    if (this.#failures > 0 || this.retryMs === undefined) return this.afterFailure()
    this.#failures++
    return atLeast(this.retryMs)
  }

  /** The wait in milliseconds after an attempt that failed; never less than the hub's `Retry-After`. */
  afterFailure(retryAfterMs = 0): number {
    const baseMs = this.retryMs ?? defaultRetryMs
    const range = Math.min(baseMs * 2 ** this.#failures, Math.max(maxGrownMs, baseMs))
    this.#failures++
    const asked = retryAfterMs * (1 + this.#random() / 4)
    return atLeast(Math.max(range * this.#random(), asked))
  }
}

function atLeast(ms: number): number {
  return Math.min(longestTimerMs, Math.max(minMs, Math.round(ms)))
}

/** `Retry-After` in milliseconds from now: seconds or a date (RFC 9110 § 10.2.3); 0 when it says nothing. */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number {
  if (header === null || header === undefined) return 0
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? 0 : Math.max(0, date - now)
}
