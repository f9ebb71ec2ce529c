import type { HubError } from '../../protocol/errors.ts'
import { type RateKeeper, tooFast } from '../../hub/limits/publish-rate.ts'
import type { ToThePrimary } from './remote-stream-limits.ts'

/** Tokens with permits at hand. */
const mostTokens = 10_000
/** Permits that are not used within this time are lost: others may have needed them. */
const keptMs = 100
/** The most that is asked for at once is what a token may publish in this part of a second. */
const slicesPerSecond = 20

interface Slice {
  readonly size: number
  left: number
  readonly untilMs: number
}

/**
 * Publishes that the primary counts for all workers: each of them gets permits by the slice. A slice begins
 * with one and doubles while it is used up in time, so a busy token costs twenty questions a second, and
 * one that is not busy loses nothing.
 */
export class SharedRates implements RateKeeper {
  readonly #channel: ToThePrimary
  readonly #slices = new Map<string, Slice>()
  #perSecond: number

  constructor(channel: ToThePrimary, perSecond: number) {
    this.#channel = channel
    this.#perSecond = perSecond
  }

  get size(): number {
    return this.#slices.size
  }

  limit(perSecond: number): void {
    this.#perSecond = perSecond
    this.#slices.clear()
  }

  takeNow(tokenHash: string | undefined, nowMs: number): boolean {
    if (this.#perSecond === 0 || tokenHash === undefined) return true
    const slice = this.#slices.get(tokenHash)
    if (slice === undefined || slice.left < 1 || slice.untilMs < nowMs) return false
    slice.left--
    return true
  }

  take(
    tokenHash: string | undefined,
    nowMs: number,
  ): HubError | undefined | Promise<HubError | undefined> {
    if (tokenHash === undefined || this.takeNow(tokenHash, nowMs)) return undefined
    return this.#ask(tokenHash, nowMs)
  }

  charge(tokenHash: string | undefined, count: number): void {
    if (this.#perSecond === 0 || tokenHash === undefined || count === 0) return
    this.#channel.tell({ kind: 'charged', tokenHash, count })
  }

  async #ask(tokenHash: string, nowMs: number): Promise<HubError | undefined> {
    const before = this.#slices.get(tokenHash)
    const isBusy = before !== undefined && before.left < 1 && before.untilMs >= nowMs
    const largest = Math.max(1, Math.ceil(this.#perSecond / slicesPerSecond))
    const most = isBusy ? Math.min(largest, 2 * before.size) : 1
    const { granted, retryAfterSeconds } = await this.#channel.ask('permits', { tokenHash, most })
    if (granted === 0) return tooFast(retryAfterSeconds)
    this.#keep(tokenHash, granted)
    return undefined
  }

  /** What others asked for meanwhile is added. */
  #keep(tokenHash: string, granted: number): void {
    const nowMs = performance.now()
    const before = this.#slices.get(tokenHash)
    const rest = before !== undefined && before.untilMs >= nowMs ? before.left : 0
    this.#slices.delete(tokenHash)
    this.#slices.set(tokenHash, {
      size: granted,
      left: rest + granted - 1,
      untilMs: nowMs + keptMs,
    })
    for (const [oldest, { untilMs }] of this.#slices) {
      if (untilMs >= nowMs && this.#slices.size <= mostTokens) return
      this.#slices.delete(oldest)
    }
  }
}
