import type { Retention } from './log.ts'

/** What a trim needs to know of a history: the updates it keeps, and the notices among them. */
export interface Extent {
  readonly updates: number
  readonly bytes: number
  readonly notices: number
  readonly noticeBytes: number
}

/** Notices that are kept when `maxNotices` says nothing: 12,000 streams come and go twice. */
export const mostNotices = 50_000
export const mostNoticeBytes = 64 * 1024 * 1024

/** Whether count or bytes of the updates are beyond the limits; `slack` 0.05 forgives five per cent. */
export function isOverSize(extent: Extent, retention: Retention, slack = 0): boolean {
  if (extent.updates <= 0) return false
  const { maxEntries, maxBytes } = retention
  if (maxEntries > 0 && extent.updates > maxEntries * (1 + slack)) return true
  return maxBytes > 0 && extent.bytes > maxBytes * (1 + slack)
}

/** Whether there are more notices than their own bound allows. */
export function hasTooManyNotices(extent: Extent, retention: Retention, slack = 0): boolean {
  if (extent.notices <= 0) return false
  const { maxNotices = mostNotices } = retention
  if (extent.notices > maxNotices * (1 + slack)) return true
  return extent.noticeBytes > mostNoticeBytes * (1 + slack)
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
  readonly #now: () => number
  #wallMs: number
  #monotonicMs = performance.now()

  /** @param now the clock that gives entries their times, when it is not this machine's */
  constructor(now: () => number = () => Date.now()) {
    this.#now = now
    this.#wallMs = now()
  }

  /** Called now and then, at least before each trim: what is not seen within a tick is no step. */
  tick(head: number): void {
    const wallMs = this.#now()
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
    let cutoff = this.#now() - maxAgeMs
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
