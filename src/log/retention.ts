import type { Retention } from './log.ts'

/** What a trim needs to know of a history. */
export interface Extent {
  readonly first: number
  readonly head: number
  readonly bytes: number
}

/** Whether count or bytes are beyond the limits; `slack` 0.05 forgives five per cent. */
export function isOverSize(extent: Extent, retention: Retention, slack = 0): boolean {
  const entries = extent.head - extent.first + 1
  if (entries <= 0) return false
  const { maxEntries, maxBytes } = retention
  if (maxEntries > 0 && entries > maxEntries * (1 + slack)) return true
  return maxBytes > 0 && extent.bytes > maxBytes * (1 + slack)
}

/** A jump of the wall clock that is no drift. */
const leastStepMs = 2_000
const maxSteps = 16

/**
 * Ages entries by the wall clock, but not by its steps.
 *
 * When the wall clock jumps forward (a machine that learns the time), what was stored before did not
 * become older: it is forgiven the step. When it jumps back, entry times wait (`max(previous, now)`)
 * and what was stored before lives longer by the step; nothing is ever trimmed too early.
 */
export class AgeClock {
  #steps: { readonly upTo: number; readonly stepMs: number }[] = []
  #wallMs = Date.now()
  #monotonicMs = performance.now()

  /** Called now and then, at least before each trim: what is not seen within a tick is no step. */
  tick(head: number): void {
    const wallMs = Date.now()
    const monotonicMs = performance.now()
    const stepMs = wallMs - this.#wallMs - (monotonicMs - this.#monotonicMs)
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    if (stepMs < leastStepMs) return
    this.#steps.push({ upTo: head, stepMs })
    if (this.#steps.length > maxSteps) this.#mergeOldest()
  }

  /** Entries at this position that are older than the answer have been kept for `maxAgeMs`. */
  cutoff(position: number, maxAgeMs: number): number {
    let cutoff = Date.now() - maxAgeMs
    for (const { upTo, stepMs } of this.#steps) if (position <= upTo) cutoff -= stepMs
    return cutoff
  }

  /** Forgets the steps that concern no entry any more. */
  forget(first: number): void {
    if (this.#steps.length > 0) this.#steps = this.#steps.filter(({ upTo }) => upTo >= first)
  }

  #mergeOldest(): void {
    const [oldest, second] = this.#steps
    if (oldest === undefined || second === undefined) return
    const merged = { upTo: second.upTo, stepMs: oldest.stepMs + second.stepMs }
    this.#steps.splice(0, 2, merged)
  }
}
