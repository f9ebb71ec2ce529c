/** Buckets per doubling: a percentile is right within 9 %. */
const perDoubling = 8
const leastMs = 0.01
/** Up to three minutes; what is longer counts as that. */
const buckets = 24 * perDoubling

/** Durations of a second, for their percentiles. An observation is a logarithm and an addition. */
export class Durations {
  readonly #counts = new Uint32Array(buckets)
  #count = 0

  observe(ms: number): void {
    const bucket = ms <= leastMs ? 0 : Math.ceil(Math.log2(ms / leastMs) * perDoubling)
    const at = Math.min(bucket, buckets - 1)
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#count++
  }

  /** The median and the 99th percentile since the last call; NaN when nothing was observed. */
  take(): readonly [p50: number, p99: number] {
    const percentiles = [this.#percentile(0.5), this.#percentile(0.99)] as const
    if (this.#count > 0) this.#counts.fill(0)
    this.#count = 0
    return percentiles
  }

  #percentile(share: number): number {
    if (this.#count === 0) return Number.NaN
    let rest = Math.ceil(this.#count * share)
    for (let bucket = 0; bucket < buckets; bucket++) {
      rest -= this.#counts[bucket] as number
      if (rest <= 0) return leastMs * 2 ** (bucket / perDoubling)
    }
    return Number.NaN
  }
}
