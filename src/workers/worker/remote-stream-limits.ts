import { HubError } from '../../protocol/errors.ts'
import type { Seat, SeatKeeper, SeatLimits } from '../../hub/limits/stream-limits.ts'
import type { Channel } from '../ipc/channel.ts'
import type {
  PrimaryQuestions,
  Refusal,
  ToPrimary,
  ToWorker,
  WorkerQuestions,
} from '../ipc/messages.ts'

/** A worker's line to the primary. */
export type ToThePrimary = Channel<ToPrimary, ToWorker, PrimaryQuestions, WorkerQuestions>

/** Seats that the primary counts for all workers. Nobody is asked about what no limit concerns: an ordinary stream costs its address nothing. */
export class SharedSeats implements SeatKeeper {
  readonly #channel: ToThePrimary
  #limits: SeatLimits

  constructor(channel: ToThePrimary, limits: SeatLimits) {
    this.#channel = channel
    this.#limits = limits
  }

  take(seat: Seat): Promise<HubError | undefined> | undefined {
    return concerns(this.#limits, seat) ? this.#ask(seat, true) : undefined
  }

  takeNow(seat: Seat): boolean {
    return !concerns(this.#limits, seat)
  }

  refusal(seat: Seat): Promise<HubError | undefined> | undefined {
    return concerns(this.#limits, seat) ? this.#ask(seat, false) : undefined
  }

  leave(seat: Seat): void {
    if (concerns(this.#limits, seat)) this.#channel.tell({ kind: 'left', seat: bare(seat) })
  }

  limit(limits: SeatLimits, seated: Iterable<Seat>): void {
    this.#limits = limits
    const seats = [...seated].filter((seat) => concerns(limits, seat)).map(bare)
    if (isLimited(limits)) this.#channel.tell({ kind: 'seated', seats })
  }

  async #ask(seat: Seat, isTaken: boolean): Promise<HubError | undefined> {
    const refusal: Refusal = await this.#channel.ask('seat', { seat: bare(seat), isTaken })
    if (refusal === null) return undefined
    const { code, message, limit } = refusal
    return new HubError(code, message, { limit })
  }
}

function isLimited(limits: SeatLimits): boolean {
  return areCounted(limits) || (limits.maxPatternCostPerAddress ?? 0) > 0
}

function areCounted(limits: SeatLimits): boolean {
  const { maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress } = limits
  return [maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress].some((most) => most > 0)
}

function concerns(limits: SeatLimits, { patternCost = 0 }: Seat): boolean {
  return areCounted(limits) || (patternCost > 0 && isLimited(limits))
}

/** A subscriber is a seat too, and much more. */
function bare({ tokenHash, address, patternCost }: Seat): Seat {
  return { tokenHash, address, patternCost }
}
