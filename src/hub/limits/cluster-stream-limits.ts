import type { Log } from '../../log/log.ts'
import type { HubError } from '../../protocol/errors.ts'
import {
  addressIsFull,
  type Seat,
  type SeatCounts,
  type SeatKeeper,
  type SeatLimits,
  tokenIsFull,
} from './stream-limits.ts'
import { countsOf, livingIn, Tally, textOf } from './shared-counter.ts'

export interface ClusterSeatsOptions extends SeatLimits {
  readonly nodeId: () => string
  readonly living: () => Promise<readonly string[]>
  readonly onError: (error: unknown) => void
}

const prefix = 'q/'
/** Counts that changed are told this much later, all at once. */
const gatherMs = 20
/** What could not be told is tried again. */
const retryMs = 1_000
const pageSize = 1_000
/** Marks that are changed at the same time: publishers use the same way. */
const mostAtOnce = 256

/**
 * Counts the streams of each token and address over all hubs on one log, beside a keeper that counts
 * this machine's own (`max_subscribers` is its business alone).
 */
export class ClusterSeats implements SeatKeeper {
  readonly #log: Log
  readonly #own: SeatKeeper
  readonly #options: ClusterSeatsOptions
  #limits: SeatLimits
  readonly #tallies = new Map<string, Tally>()
  #timer: NodeJS.Timeout | undefined
  #telling: Promise<void> | undefined
  #isClosed = false

  constructor(log: Log, own: SeatKeeper, options: ClusterSeatsOptions) {
    this.#log = log
    this.#own = own
    this.#options = options
    this.#limits = options
  }

  get counts(): SeatCounts | undefined {
    return this.#own.counts
  }

  async take(seat: Seat): Promise<HubError | undefined> {
    const refusal = await this.#own.take(seat)
    if (refusal !== undefined) return refusal
    const taken: Tally[] = []
    for (const { tally, refused } of this.#talliesOf(seat)) {
      if (await tally.take()) {
        taken.push(tally)
        continue
      }
      for (const other of taken) other.leave()
      this.#own.leave(seat)
      this.#tellSoon(gatherMs)
      return refused()
    }
    return undefined
  }

  takeNow(seat: Seat): boolean {
    for (const _ of this.#talliesOf(seat)) return false
    return this.#own.takeNow(seat)
  }

  leave(seat: Seat): void {
    this.#own.leave(seat)
    for (const { tally } of this.#talliesOf(seat)) tally.leave()
    this.#tellSoon(gatherMs)
  }

  async refusal(seat: Seat): Promise<HubError | undefined> {
    const refusal = await this.#own.refusal(seat)
    if (refusal !== undefined) return refusal
    this.#tellSoon(gatherMs)
    for (const { tally, refused } of this.#talliesOf(seat))
      if (await tally.isFull().catch(() => false)) return refused()
    return undefined
  }

  limit(limits: SeatLimits, seated: Iterable<Seat>): void {
    const seats = [...seated]
    this.#own.limit(limits, seats)
    this.#limits = limits
    for (const tally of this.#tallies.values()) tally.set(0)
    const counts = new Map<Tally, number>()
    for (const seat of seats)
      for (const { tally } of this.#talliesOf(seat)) counts.set(tally, (counts.get(tally) ?? 0) + 1)
    for (const [tally, count] of counts) tally.set(count)
    this.#tellSoon(gatherMs)
  }

  /** This hub has another id. */
  renamed(): void {
    for (const tally of this.#tallies.values()) tally.renamed()
    this.#tellSoon(gatherMs)
  }

  /** Takes what hubs that are gone had counted off the marks. */
  async sweep(): Promise<void> {
    for (let after = ''; ;) {
      const { marks } = await this.#log.marks(prefix, after, pageSize)
      const living = await this.#options.living()
      for (const { name, value } of marks) {
        const to = textOf(livingIn(countsOf(value), living))
        if (to !== value) await this.#log.append([], { marks: [{ name, from: value, to }] })
        after = name
      }
      if (marks.length < pageSize) return
    }
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#telling
    await this.#tell()
  }

  /** Each is looked up when it is needed: one in which nobody is counted is forgotten meanwhile. */
  *#talliesOf({ tokenHash, address }: Seat) {
    const { maxSubscribersPerToken, maxSubscribersPerAddress } = this.#limits
    if (maxSubscribersPerToken > 0 && tokenHash !== undefined)
      yield { tally: this.#tally('t', tokenHash), refused: tokenIsFull }
    if (maxSubscribersPerAddress > 0 && address !== undefined)
      yield { tally: this.#tally('a', address), refused: addressIsFull }
  }

  #tally(kind: 't' | 'a', whose: string): Tally {
    const name = `${prefix}${kind}/${whose}`
    let tally = this.#tallies.get(name)
    if (tally === undefined) {
      const { nodeId, living, onError } = this.#options
      const limit = () =>
        kind === 't' ? this.#limits.maxSubscribersPerToken : this.#limits.maxSubscribersPerAddress
      tally = new Tally({ log: this.#log, name, nodeId, living, limit, onError })
      this.#tallies.set(name, tally)
    }
    return tally
  }

  #tellSoon(ms: number): void {
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => {
      this.#telling = this.#tell().finally(() => {
        this.#timer = undefined
        if ([...this.#tallies.values()].some((tally) => !tally.isSettled)) this.#tellSoon(retryMs)
      })
    }, ms).unref()
  }

  /** Settles all that are not, so many at once, and forgets those of whom nothing is left. Never rejects. */
  async #tell(): Promise<void> {
    const entries = this.#tallies.entries()
    const settle = async () => {
      for (const [name, tally] of entries) {
        if (!tally.isSettled) await tally.settle()
        if (tally.isIdle) this.#tallies.delete(name)
      }
    }
    await Promise.all(Array.from({ length: mostAtOnce }, settle))
  }
}
