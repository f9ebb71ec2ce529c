import { HubError } from '../../protocol/errors.ts'

/** Tokens that are counted at once. Beyond, the one that published longest ago starts anew. */
const mostTokens = 100_000

/** Who counts how often tokens publish: this process for itself, or one process for several. */
export interface RateKeeper {
  /** Tokens that are counted now. */
  readonly size: number
  /** Another limit from now on; 0 for none. */
  limit(perSecond: number): void
  /** Takes one publish when it is at hand; false leaves the matter to `take`. */
  takeNow(tokenHash: string | undefined, nowMs: number): boolean
  /** Takes one publish, or says why it has to wait. */
  take(
    tokenHash: string | undefined,
    nowMs: number,
  ): HubError | undefined | Promise<HubError | undefined>
  /** Takes more: the rest of a batch. */
  charge(tokenHash: string | undefined, count: number, nowMs: number): void
}

interface Bucket {
  readonly left: number
  readonly atMs: number
}

/** Publishes that a process may let through without asking again. */
export interface Permits {
  readonly granted: number
  readonly retryAfterSeconds: number
}

export function tooFast(retryAfterSeconds: number): HubError {
  return new HubError(
    'too_many_publishes',
    'this token publishes faster than it may (max_publishes_per_second_per_token)',
    { limit: 'max_publishes_per_second_per_token', retryAfterSeconds },
  )
}

/**
 * How often each token may publish: a bucket that holds one second's worth and refills steadily.
 *
 * A batch takes as many as it has updates, and may leave a debt. A bucket that is full again is
 * forgotten, so the table holds the tokens of the last moment only.
 */
export class PublishRates implements RateKeeper {
  #perSecond: number
  readonly #buckets = new Map<string, Bucket>()

  /** @param perSecond updates; 0 for no limit */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** Tokens that are counted now. */
  get size(): number {
    return this.#buckets.size
  }

  /** Another limit from now on. */
  limit(perSecond: number): void {
    this.#perSecond = perSecond
    this.#buckets.clear()
  }

  /** Takes one publish from the token's bucket, or says why it has to wait. */
  take(tokenHash: string | undefined, nowMs: number): HubError | undefined {
    if (this.#perSecond === 0 || tokenHash === undefined) return undefined
    const left = this.#leftOf(tokenHash, nowMs)
    if (left >= 1) {
      this.#keep(tokenHash, left - 1, nowMs)
      return undefined
    }
    return tooFast(Math.ceil((1 - left) / this.#perSecond))
  }

  takeNow(tokenHash: string | undefined, nowMs: number): boolean {
    return this.take(tokenHash, nowMs) === undefined
  }

  /** Takes as many as there are, `most` at most, for a process that counts with others; with the seconds to wait when there is none. */
  grant(tokenHash: string, most: number, nowMs: number): Permits {
    if (this.#perSecond === 0) return { granted: most, retryAfterSeconds: 0 }
    const left = this.#leftOf(tokenHash, nowMs)
    const granted = Math.min(most, Math.floor(left))
    if (granted < 1)
      return { granted: 0, retryAfterSeconds: Math.ceil((1 - left) / this.#perSecond) }
    this.#keep(tokenHash, left - granted, nowMs)
    return { granted, retryAfterSeconds: 0 }
  }

  /** Takes more: the rest of a batch. */
  charge(tokenHash: string | undefined, count: number, nowMs: number): void {
    if (this.#perSecond === 0 || tokenHash === undefined || count === 0) return
    this.#keep(tokenHash, this.#leftOf(tokenHash, nowMs) - count, nowMs)
  }

  #leftOf(tokenHash: string, nowMs: number): number {
    const bucket = this.#buckets.get(tokenHash)
    if (bucket === undefined) return this.#perSecond
    const refilled = bucket.left + ((nowMs - bucket.atMs) / 1000) * this.#perSecond
    return Math.min(this.#perSecond, refilled)
  }

  /** The youngest stands last; from the front, what is full again goes. */
  #keep(tokenHash: string, left: number, nowMs: number): void {
    this.#buckets.delete(tokenHash)
    this.#buckets.set(tokenHash, { left, atMs: nowMs })
    for (const oldest of this.#buckets.keys()) {
      const isFull = this.#leftOf(oldest, nowMs) >= this.#perSecond
      if (!isFull && this.#buckets.size <= mostTokens) return
      this.#buckets.delete(oldest)
    }
  }
}
