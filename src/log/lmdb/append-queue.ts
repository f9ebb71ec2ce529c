import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import type { Waiting } from './append-plan.ts'
import type { Appended, AppendOptions } from '../log.ts'

/** Publishes that may wait for the disk: entries of one flush, and bytes in all. */
const maxGroupEntries = 1_000
const maxWaitingBytes = 64 * 1024 * 1024

/** Appends that wait until the group before them is flushed. */
export class AppendQueue {
  #waiting: Waiting[] = []
  #bytes = 0

  get length(): number {
    return this.#waiting.length
  }

  /** Payload bytes of them. */
  get bytes(): number {
    return this.#bytes
  }

  /** Resolves once its group was written; rejects with `unavailable` when that failed, or too many wait. */
  wait(updates: readonly Update[], options: AppendOptions): Promise<Appended> {
    if (this.#bytes > maxWaitingBytes) {
      const text = 'too many updates wait for the disk; try again later'
      return Promise.reject(new HubError('unavailable', text, { limit: 'waiting_publishes' }))
    }
    const bytes = updates.reduce((sum, update) => sum + update.data.length, 0)
    this.#bytes += bytes
    return new Promise((resolve, reject) => {
      this.#waiting.push({ updates, options, bytes, resolve, reject })
    })
  }

  /** The oldest of them, as many as one flush may have, and at least one. */
  take(): Waiting[] {
    let entries = 0
    let count = 0
    for (const { updates } of this.#waiting) {
      entries += updates.length
      if (entries > maxGroupEntries && count > 0) break
      count++
    }
    const taken = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    for (const { bytes } of taken) this.#bytes -= bytes
    return taken
  }
}
