import type { Retention } from '../log.ts'
import type { History } from './failover.ts'
import type { Connection } from './connection.ts'
import { trim } from './scripts/scripts.ts'
import {
  AgeClock,
  hasTooManyNotices,
  isOverSize,
  mostNoticeBytes,
  mostNotices,
} from '../retention.ts'

/** What one run of the script drops at most: it holds up everybody else on that Redis. */
const stepEntries = 250
const stepBytes = 2 * 1024 * 1024
/** Notices beyond their bound that wait for the next trim. */
const slack = 0.05

/** Drops what retention does not keep, in small steps between which publishers have their turn. */
export class Trimmer {
  readonly #keys: readonly string[]
  readonly #retention: Retention
  #nowMs = 0
  #clock: AgeClock | undefined

  constructor(keys: readonly string[], retention: Retention) {
    this.#keys = keys
    this.#retention = retention
  }

  /** Trims until nothing is left to trim. By Redis' clock: all hubs agree on it, and it sets the entries' time. */
  async trim(connection: Connection, history: History): Promise<void> {
    const { state } = history
    this.#nowMs = state.nowMs
    const clock = (this.#clock ??= new AgeClock(() => this.#nowMs))
    clock.tick(state.head)
    if (!this.#isDue(history)) return
    const { maxEntries, maxAgeMs, maxBytes, maxNotices = mostNotices } = this.#retention
    for (let isDone = false; !isDone;) {
      const cutoff = maxAgeMs === 0 ? 0 : Math.max(0, clock.cutoff(history.state.first, maxAgeMs))
      const bounds = [maxEntries, maxBytes, cutoff, maxNotices, mostNoticeBytes]
      const [reply] = await connection.run(trim, this.#keys, [...bounds, stepEntries, stepBytes])
      isDone = reply === 1
    }
    await history.verify(connection)
    clock.forget(history.state.first)
  }

  #isDue({ state }: History): boolean {
    const { first, head, bytes, count, notices, noticeBytes, onceKeys } = state
    const extent = { updates: count - notices, bytes, notices, noticeBytes }
    if (isOverSize(extent, this.#retention) || hasTooManyNotices(extent, this.#retention, slack))
      return true
    return onceKeys > 0 || (this.#retention.maxAgeMs > 0 && first <= head)
  }
}
