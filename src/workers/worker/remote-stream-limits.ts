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

/** Seats that the primary counts for all workers. While nothing is limited nobody is asked. */
export class SharedSeats implements SeatKeeper {
  readonly #channel: ToThePrimary
  #isLimited: boolean

  constructor(channel: ToThePrimary, limits: SeatLimits) {
    this.#channel = channel
    this.#isLimited = isLimited(limits)
  }

  take(seat: Seat): Promise<HubError | undefined> | undefined {
    return this.#isLimited ? this.#ask(seat, true) : undefined
  }

  takeNow(): boolean {
    return !this.#isLimited
  }

  refusal(seat: Seat): Promise<HubError | undefined> | undefined {
    return this.#isLimited ? this.#ask(seat, false) : undefined
  }

  leave(seat: Seat): void {
    if (this.#isLimited) this.#channel.tell({ kind: 'left', seat: bare(seat) })
  }

  limit(limits: SeatLimits, seated: Iterable<Seat>): void {
    this.#isLimited = isLimited(limits)
    if (this.#isLimited) this.#channel.tell({ kind: 'seated', seats: [...seated].map(bare) })
  }

  async #ask(seat: Seat, isTaken: boolean): Promise<HubError | undefined> {
    const refusal: Refusal = await this.#channel.ask('seat', { seat: bare(seat), isTaken })
    if (refusal === null) return undefined
    const { code, message, limit } = refusal
    return new HubError(code, message, { limit })
  }
}

function isLimited(limits: SeatLimits): boolean {
  const { maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress } = limits
  return [maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress].some((most) => most > 0)
}

/** A subscriber is a seat too, and much more. */
function bare({ tokenHash, address }: Seat): Seat {
  return { tokenHash, address }
}
