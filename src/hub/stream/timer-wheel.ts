/** Something that wants to be looked at, at a time of the monotonic clock. Links belong to the wheel. */
export interface Spoke {
  slot: number
  previous: Spoke | undefined
  next: Spoke | undefined
}

/** Milliseconds that share a slot: a check may come this much early, never late by the wheel's doing. */
export const slotMs = 50
/** Milliseconds of checking after which the event loop turns. */
const sliceMs = 4
/** Spokes that are looked at between two looks at the clock. */
const stride = 32
/** Checks further away than this are looked at in between, so the wheel never spans more than 1,200 slots. */
const horizonMs = 60_000

/**
 * One timer for all subscribers: heartbeats, stalled peers, rotations and expiries.
 *
 * Each subscriber stands in one slot, in a linked list, so scheduling and removing are a few pointer
 * writes and an idle hub wakes up only for slots that hold somebody.
 */
export class Wheel<T extends Spoke> {
  readonly #slots = new Map<number, T>()
  readonly #check: (spoke: T) => void
  #timer: NodeJS.Timeout | undefined
  #armedSlot = Number.POSITIVE_INFINITY
  /** The slot being looked at: what is scheduled meanwhile comes later, or the turn would never end. */
  #turning = Number.NEGATIVE_INFINITY

  /** @param check is called for each spoke whose time has come; it may schedule it again */
  constructor(check: (spoke: T) => void) {
    this.#check = check
  }

  /** Looks at `spoke` at `atMs` (performance.now's clock) or up to `slotMs` before. Replaces an earlier date. */
  schedule(spoke: T, atMs: number): void {
    const wanted = Math.floor(Math.min(atMs, performance.now() + horizonMs) / slotMs)
    const slot = Math.max(wanted, this.#turning + 1)
    if (spoke.slot === slot) return
    this.remove(spoke)
    const first = this.#slots.get(slot)
    spoke.slot = slot
    spoke.next = first
    if (first !== undefined) first.previous = spoke
    this.#slots.set(slot, spoke)
    if (slot < this.#armedSlot) this.#arm(slot)
  }

  remove(spoke: T): void {
    if (spoke.slot < 0) return
    if (spoke.next !== undefined) spoke.next.previous = spoke.previous
    if (spoke.previous !== undefined) spoke.previous.next = spoke.next
    else if (spoke.next === undefined) this.#slots.delete(spoke.slot)
    else this.#slots.set(spoke.slot, spoke.next as T)
    spoke.slot = -1
    spoke.previous = spoke.next = undefined
  }

  /** Slots that hold somebody; 0 when nothing is scheduled. */
  get size(): number {
    return this.#slots.size
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#slots.clear()
  }

  #arm(slot: number): void {
    clearTimeout(this.#timer)
    this.#armedSlot = slot
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, slot * slotMs - performance.now()))
    this.#timer.unref()
  }

  /** Who is due, one after the other: each must be removed before the next is asked for. */
  *#due(now: number): Generator<T> {
    const slots = [...this.#slots.keys()].filter((slot) => slot <= now)
    for (const slot of slots)
      for (let spoke = this.#slots.get(slot); spoke !== undefined; spoke = this.#slots.get(slot))
        yield spoke
  }

  #turn(): void {
    this.#armedSlot = Number.POSITIVE_INFINITY
    const now = Math.floor(performance.now() / slotMs)
    this.#turning = now
    const deadline = performance.now() + sliceMs
    let looks = 0
    try {
      for (const spoke of this.#due(now)) {
        this.remove(spoke)
        this.#check(spoke)
        if (++looks % stride === 0 && performance.now() > deadline) break // the rest at once after others had a turn
      }
    } finally {
      this.#turning = Number.NEGATIVE_INFINITY
      let earliest = Number.POSITIVE_INFINITY
      for (const slot of this.#slots.keys()) if (slot < earliest) earliest = slot
      if (earliest < this.#armedSlot) this.#arm(earliest)
    }
  }
}
