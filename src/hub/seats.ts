import { HubError } from '../protocol/errors.ts'

/** How many streams may be open: in all, for one token, for one address. 0 means no limit. */
export interface SeatLimits {
  readonly maxSubscribers: number
  readonly maxSubscribersPerToken: number
  readonly maxSubscribersPerAddress: number
}

/** Whom a stream belongs to, as far as limits ask. */
export interface Seat {
  readonly tokenHash: string | undefined
  readonly address: string | undefined
}

/** Counts the open streams of each token and address, and says when there are enough. */
export class Seats {
  readonly #limits: SeatLimits
  readonly #perToken = new Map<string, number>()
  readonly #perAddress = new Map<string, number>()
  #taken = 0

  constructor(limits: SeatLimits) {
    this.#limits = limits
  }

  /** Why this one cannot have a stream now; nothing when it can. */
  refusal({ tokenHash, address }: Seat): HubError | undefined {
    const { maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress } = this.#limits
    if (maxSubscribers > 0 && this.#taken >= maxSubscribers)
      return new HubError(
        'unavailable',
        'the hub serves as many streams as it may (max_subscribers)',
      )
    if (isFull(this.#perToken, tokenHash, maxSubscribersPerToken))
      return new HubError(
        'too_many_subscribers',
        'this token has as many streams as it may (max_subscribers_per_token)',
      )
    if (isFull(this.#perAddress, address, maxSubscribersPerAddress))
      return new HubError(
        'too_many_subscribers',
        'this address has as many streams as it may (max_subscribers_per_address)',
      )
    return undefined
  }

  take({ tokenHash, address }: Seat): void {
    this.#taken++
    if (this.#limits.maxSubscribersPerToken > 0) add(this.#perToken, tokenHash, 1)
    if (this.#limits.maxSubscribersPerAddress > 0) add(this.#perAddress, address, 1)
  }

  leave({ tokenHash, address }: Seat): void {
    this.#taken--
    if (this.#limits.maxSubscribersPerToken > 0) add(this.#perToken, tokenHash, -1)
    if (this.#limits.maxSubscribersPerAddress > 0) add(this.#perAddress, address, -1)
  }
}

function isFull(
  counts: ReadonlyMap<string, number>,
  name: string | undefined,
  limit: number,
): boolean {
  return limit > 0 && name !== undefined && (counts.get(name) ?? 0) >= limit
}

function add(counts: Map<string, number>, name: string | undefined, by: number): void {
  if (name === undefined) return
  const count = (counts.get(name) ?? 0) + by
  if (count > 0) counts.set(name, count)
  else counts.delete(name)
}
