import { type Batch, framed, type Framing } from '../../registry/batch.ts'
import type { Cohort, Member } from '../../registry/cohort.ts'
import type { Interest } from '../../registry/interest.ts'
import { Outbox, type Wire } from './outbox.ts'
import type { Refillable } from './flush-queue.ts'
import type { Held } from '../presence/local-subscription.ts'
import type { Spoke } from './timer-wheel.ts'

/** Why a stream ended; also the `reason` label of `mercure_subscribers_closed_total`. */
export type CloseReason =
  'peer' | 'slow' | 'stalled' | 'expired' | 'rotated' | 'drained' | 'kicked' | 'error'

/** A gap event and its framing may stand before what is sent. */
const gapEventBytes = 8 * 1024

/** What the hub does for its subscribers. */
export interface Host {
  /** A live member's batch did not fit. */
  overflowed(subscriber: Subscriber): void
  /** The peer has unread bytes now, and had none before. */
  stuck(subscriber: Subscriber): void
  drained(subscriber: Subscriber): void
  /** Its socket has room for bytes that wait: it is to be refilled in its turn. */
  hasRoom(subscriber: Subscriber): void
  ended(subscriber: Subscriber, reason: CloseReason): void
  delivered(bytes: number): void
}

export interface SubscriberOptions {
  readonly interest: Interest
  /** The last position this subscriber has seen. */
  readonly position: number
  readonly maxPendingBytes: number
  /** When the stream has to end, on performance.now's clock, and why. */
  readonly endAtMs: number
  readonly endReason: 'expired' | 'rotated'
  /** Who it is, for limits and logs; absent when anonymous. */
  readonly tokenHash: string | undefined
  readonly address: string | undefined
  /** Nothing but updates, comments and reconnection times go to it. */
  readonly isPlain: boolean
  readonly subject?: string | undefined
  readonly tokenEndsAtMs?: number | undefined
}

/**
 * One stream: `replaying → live → closed(reason)`, closed exactly once.
 *
 * While it replays it stands in no index, so nothing queues up for it; live, it is a member of its
 * cohort. `close` is the only way out, whoever asks for it.
 */
export class Subscriber implements Member, Refillable, Spoke {
  state: 'replaying' | 'live' | 'closed' = 'replaying'
  interest: Interest
  position: number
  readonly endAtMs: number
  readonly endReason: 'expired' | 'rotated'
  readonly tokenHash: string | undefined
  readonly address: string | undefined
  readonly isPlain: boolean
  /** The token's subject, and when the token ends in milliseconds since 1970. */
  readonly subject: string | undefined
  readonly tokenEndsAtMs: number | undefined
  /** Empty when the hub keeps no presence. */
  subscriptions: readonly Held[] = []
  readonly openedMs = performance.now()
  lastWriteMs: number
  /** Since when, and at how many taken bytes, the peer has not read. 0: nothing is pending. */
  stuckSinceMs = 0
  stuckAtBytes = 0
  /** When it was last looked whether the peer reads; of no use while nothing is pending. */
  lookedAtMs = 0
  /** The peer was seen taking bytes while others were pending: it reads, slowly. */
  isSlowReader = false
  isQueuedForReplay = false
  closedAs: CloseReason | undefined
  /** It was told that entries before this replay, or in it, are missing; or it asked for what is left. */
  knowsOfGap = false

  seat = -1
  cohort: Cohort | undefined
  slot = -1
  previous: Subscriber | undefined
  next: Subscriber | undefined

  readonly #outbox: Outbox
  readonly #host: Host

  constructor(wire: Wire, host: Host, options: SubscriberOptions) {
    this.#outbox = new Outbox(wire, options.maxPendingBytes)
    this.#host = host
    this.interest = options.interest
    this.position = options.position
    this.endAtMs = options.endAtMs
    this.endReason = options.endReason
    this.tokenHash = options.tokenHash
    this.address = options.address
    this.isPlain = options.isPlain
    this.subject = options.subject
    this.tokenEndsAtMs = options.tokenEndsAtMs
    this.lastWriteMs = performance.now()
    wire.listen(this)
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  /** Whether `send` would take this many bytes now. */
  hasRoomFor(bytes: number): boolean {
    return this.#outbox.hasRoomFor(bytes + gapEventBytes)
  }

  get takenBytes(): number {
    return this.#outbox.takenBytes
  }

  lookCloser(): void {
    this.#outbox.lookCloser()
  }

  deliver(batch: Batch): void {
    const bytes = batch.bytes(this.#outbox.framing)
    if (!this.#write(bytes)) return this.#host.overflowed(this)
    this.position = batch.to
    this.#host.delivered(bytes.length)
  }

  get framing(): Framing {
    return this.#outbox.framing
  }

  /** Sends bytes that are no live batch; closes the stream as slow when they do not fit. */
  send(text: string | Buffer): void {
    this.sendFramed(framed(text, this.#outbox.framing))
  }

  /** The same with bytes that are framed for its wire already. */
  sendFramed(bytes: Buffer): void {
    if (this.state === 'closed') return
    if (!this.#write(bytes)) this.close('slow')
  }

  #write(bytes: Buffer): boolean {
    if (!this.#outbox.write(bytes)) return false
    this.lastWriteMs = performance.now()
    if (this.stuckSinceMs === 0 && this.#outbox.pendingBytes > 0) this.#host.stuck(this)
    return true
  }

  vanished(): void {
    this.close('stalled')
  }

  drained(): void {
    if (this.state === 'closed') return
    if (this.#outbox.isQueueing) this.#host.hasRoom(this)
    else this.#host.drained(this)
  }

  refill(): void {
    if (this.state === 'closed') return
    this.#outbox.pump()
    this.#host.drained(this)
  }

  closed(): void {
    this.close('peer')
  }

  /** Ends the stream and takes it out of everything; later calls change nothing. */
  close(reason: CloseReason): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.closedAs = reason
    this.#outbox.close(reason === 'rotated' || reason === 'drained' || reason === 'kicked')
    this.#host.ended(this, reason)
  }
}
