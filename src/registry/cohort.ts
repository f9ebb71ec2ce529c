import type { Entry } from '../log/log.ts'
import type { Batch, Turn } from './batch.ts'
import type { Interest } from './interest.ts'

/**
 * One subscriber, as the registry sees it: it takes batches, and knows how far it has got.
 *
 * `seat` belongs to the cohort: the member's index in it, −1 when it is in none.
 */
export interface Member {
  /** Every entry up to here was sent, or was none of this member's business when it joined. */
  position: number
  seat: number
  cohort: Cohort | undefined
  /** Sends a batch; never throws, never waits. May take the member out of its cohort. */
  deliver(batch: Batch): void
}

/** A member threw instead of taking its batch: it would miss an update if it stayed. */
export type DeliveryFailure = (member: Member, error: unknown) => void

/**
 * The subscribers that share the same matchers and the same grants.
 *
 * An update is matched and authorised once for all of them. While a delivery pass runs, a member that
 * leaves is replaced by a tombstone, so that nobody is skipped and nobody is served twice; seats are
 * closed up when the pass is over.
 */
export class Cohort {
  readonly interest: Interest
  readonly #members: (Member | undefined)[] = []
  #size = 0
  #isInPass = false
  /** What this turn's pass will deliver. */
  pending: Batch | undefined

  constructor(interest: Interest) {
    this.interest = interest
  }

  get size(): number {
    return this.#size
  }

  add(member: Member): void {
    member.seat = this.#members.length
    member.cohort = this
    this.#members.push(member)
    this.#size++
  }

  remove(member: Member): void {
    if (this.#isInPass) this.#members[member.seat] = undefined
    else this.#fillSeat(member.seat)
    member.seat = -1
    member.cohort = undefined
    this.#size--
  }

  /** Whether an entry that one of the matchers selected is news to it, and in its dialect. */
  lacks(entry: Entry): boolean {
    return this.pending?.to !== entry.position && this.interest.understands(entry)
  }

  /** Takes an entry that it lacks, and may have. */
  take(entry: Entry, turn: Turn): void {
    this.pending = turn.extend(this.pending, entry)
  }

  /**
   * Delivers the pending batch to members from seat `from` on, at most `limit` of them. A member that
   * throws is told, and costs nobody else the batch.
   *
   * @returns the seat to go on with; undefined when everybody was served
   */
  deliver(from: number, limit: number, onFailure: DeliveryFailure): number | undefined {
    const batch = this.pending
    if (batch === undefined) return undefined
    this.#isInPass = true
    const end = Math.min(this.#members.length, from + limit)
    for (let seat = from; seat < end; seat++) {
      const member = this.#members[seat]
      if (member === undefined || member.position >= batch.to) continue
      try {
        member.deliver(batch)
      } catch (error) {
        onFailure(member, error)
      }
    }
    if (end < this.#members.length) return end
    this.#endPass()
    return undefined
  }

  /** Every member, for `verify` and for shutting down. */
  *members(): Generator<Member> {
    for (const member of this.#members) if (member !== undefined) yield member
  }

  /** Says what is wrong with the seats; nothing when all is well. */
  *faults(): Generator<string> {
    let seated = 0
    for (const [seat, member] of this.#members.entries()) {
      if (member === undefined) {
        if (!this.#isInPass) yield `cohort has an empty seat ${seat} outside of a pass`
        continue
      }
      seated++
      if (member.seat !== seat || member.cohort !== this)
        yield `member at seat ${seat} does not know it`
    }
    if (seated !== this.#size) yield `cohort counts ${this.#size} members and seats ${seated}`
    if (seated === 0 && !this.#isInPass) yield 'an empty cohort was kept'
  }

  #endPass(): void {
    this.pending = undefined
    this.#isInPass = false
    if (this.#size === this.#members.length) return
    let seat = 0
    for (const member of this.#members) {
      if (member === undefined) continue
      member.seat = seat
      this.#members[seat++] = member
    }
    this.#members.length = seat
  }

  #fillSeat(seat: number): void {
    const last = this.#members.pop()
    if (last === undefined || seat === this.#members.length) return
    last.seat = seat
    this.#members[seat] = last
  }
}
