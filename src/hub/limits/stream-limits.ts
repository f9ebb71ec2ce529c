import { HubError } from '../../protocol/errors.ts'

/** How many streams may be open: in all, for one token, for one address. 0 means no limit. */
export interface SeatLimits {
  readonly maxSubscribers: number
  readonly maxSubscribersPerToken: number
  readonly maxSubscribersPerAddress: number
}

/** Whom a stream belongs to, as far as limits ask. */
export interface Seat {
  readonly tokenHash?: string | undefined
  readonly address?: string | undefined
}

/** Sizes of the tables: tokens and addresses that have streams, where a limit asks for them. */
export interface SeatCounts {
  readonly tokens: number
  readonly addresses: number
}

/** Who counts the open streams: this process for itself, or one process for several. */
export interface SeatKeeper {
  /** Takes a seat for a stream that is about to open, or says why it cannot have one. */
  take(seat: Seat): HubError | undefined | Promise<HubError | undefined>
  /** Takes a seat where that needs no waiting; false when it does, or when there is none, and `take` says which. */
  takeNow(seat: Seat): boolean
  /** Gives a seat back that was taken. */
  leave(seat: Seat): void
  /** Whether one could be taken now, without taking it. */
  refusal(seat: Seat): HubError | undefined | Promise<HubError | undefined>
  /** Counts by other limits from now on. Nobody who is seated has to leave. */
  limit(limits: SeatLimits, seated: Iterable<Seat>): void
  /** Absent where another process counts. */
  readonly counts?: SeatCounts | undefined
  /** This hub has another id among those that count together. */
  renamed?(): void
  /** Hubs are gone, and what they had counted is free. */
  sweep?(): Promise<void>
  /** Gives everything back. */
  close?(): Promise<void>
}

/** Counts the open streams of each token and address, and says when there are enough. */
export class Seats implements SeatKeeper {
  #limits: SeatLimits
  readonly #perToken = new Map<string, number>()
  readonly #perAddress = new Map<string, number>()
  #taken = 0

  constructor(limits: SeatLimits) {
    this.#limits = limits
  }

  take(seat: Seat): HubError | undefined {
    const refusal = this.refusal(seat)
    if (refusal === undefined) this.#count(seat, 1)
    return refusal
  }

  takeNow(seat: Seat): boolean {
    return this.take(seat) === undefined
  }

  leave(seat: Seat): void {
    this.#count(seat, -1)
  }

  refusal({ tokenHash, address }: Seat): HubError | undefined {
    const { maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress } = this.#limits
    if (maxSubscribers > 0 && this.#taken >= maxSubscribers)
      return new HubError(
        'unavailable',
        'the hub serves as many streams as it may (max_subscribers)',
        { limit: 'max_subscribers' },
      )
    if (isFull(this.#perToken, tokenHash, maxSubscribersPerToken)) return tokenIsFull()
    if (isFull(this.#perAddress, address, maxSubscribersPerAddress)) return addressIsFull()
    return undefined
  }

  /** Tokens and addresses that are counted. */
  get counts(): SeatCounts {
    return { tokens: this.#perToken.size, addresses: this.#perAddress.size }
  }

  limit(limits: SeatLimits, seated: Iterable<Seat>): void {
    this.#limits = limits
    this.#taken = 0
    this.#perToken.clear()
    this.#perAddress.clear()
    for (const seat of seated) this.#count(seat, 1)
  }

  #count({ tokenHash, address }: Seat, by: number): void {
    this.#taken += by
    if (this.#limits.maxSubscribersPerToken > 0) add(this.#perToken, tokenHash, by)
    if (this.#limits.maxSubscribersPerAddress > 0) add(this.#perAddress, address, by)
  }
}

export function tokenIsFull(): HubError {
  return new HubError(
    'too_many_subscribers',
    'this token has as many streams as it may (max_subscribers_per_token)',
    { limit: 'max_subscribers_per_token' },
  )
}

export function addressIsFull(): HubError {
  return new HubError(
    'too_many_subscribers',
    'this address has as many streams as it may (max_subscribers_per_address)',
    { limit: 'max_subscribers_per_address' },
  )
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
