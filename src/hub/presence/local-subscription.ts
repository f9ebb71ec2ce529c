import { randomUUID } from 'node:crypto'
import { pathOf } from '../../protocol/subscription.ts'
import type { Absence, Kept } from './record.ts'

/** A subscription of this process: what a stream has when it opened, and gives back when it closes. */
export class Held {
  kept: Kept
  /** What its mark of absence says, while its stream is gone and may come back. */
  absence: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(kept: Kept) {
    this.kept = kept
  }

  /** Its URL. It changes while its start is on the way, when it turns out to be one that came back. */
  get url(): string {
    return pathOf(this.kept)
  }

  /** Its stream is gone; calls `over` unless somebody comes back within `ms`. */
  leave(ms: number, over: () => void): void {
    const absence: Absence = { sinceMs: Date.now(), leave: randomUUID() }
    this.absence = JSON.stringify(absence)
    this.#timer = setTimeout(over, ms).unref()
  }

  /** Nobody waits for it any more. */
  letGo(): void {
    clearTimeout(this.#timer)
  }
}
