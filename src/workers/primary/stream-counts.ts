import { type Seat, type SeatLimits, Seats } from '../../hub/limits/stream-limits.ts'
import type { Refusal } from '../ipc/messages.ts'

interface Taken {
  readonly seat: Seat
  count: number
}

/**
 * Counts the streams of all workers, in the primary: a limit is one for all of them.
 *
 * It knows whose each seat is, so that those of a worker that ended come free.
 */
export class SeatOffice<Worker> {
  readonly #seats: Seats
  readonly #taken = new Map<Worker, Map<string, Taken>>()

  #limits: SeatLimits

  constructor(limits: SeatLimits) {
    this.#limits = limits
    this.#seats = new Seats(limits)
  }

  ask(worker: Worker, seat: Seat, isTaken: boolean): Refusal {
    const refusal = isTaken ? this.#seats.take(seat) : this.#seats.refusal(seat)
    if (refusal !== undefined)
      return { code: refusal.code, message: refusal.message, limit: refusal.limit }
    if (isTaken) this.#note(worker, seat)
    return null
  }

  left(worker: Worker, seat: Seat): void {
    const seats = this.#taken.get(worker)
    const key = keyOf(seat)
    const taken = seats?.get(key)
    if (taken === undefined) return // under limits that are gone
    if (--taken.count === 0) seats?.delete(key)
    this.#seats.leave(seat)
  }

  /** All that this worker has now. */
  seated(worker: Worker, seats: readonly Seat[]): void {
    this.gone(worker)
    for (const seat of seats) this.#note(worker, seat)
    this.#recount()
  }

  /** This worker has ended. */
  gone(worker: Worker): void {
    this.#taken.delete(worker)
    this.#recount()
  }

  limit(limits: SeatLimits): void {
    this.#limits = limits
    this.#recount()
  }

  #recount(): void {
    this.#seats.limit(this.#limits, this.#all())
  }

  *#all(): Generator<Seat> {
    for (const seats of this.#taken.values())
      for (const { seat, count } of seats.values()) for (let i = 0; i < count; i++) yield seat
  }

  #note(worker: Worker, seat: Seat): void {
    const seats = this.#taken.get(worker) ?? new Map<string, Taken>()
    this.#taken.set(worker, seats)
    const key = keyOf(seat)
    const taken = seats.get(key)
    if (taken === undefined) seats.set(key, { seat, count: 1 })
    else taken.count++
  }
}

function keyOf({ tokenHash, address }: Seat): string {
  return `${tokenHash ?? ''} ${address ?? ''}`
}
