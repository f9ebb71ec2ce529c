import type { Log } from '../log/log.ts'
import type { Grants } from '../protocol/grants.ts'
import type { Matcher } from '../protocol/matcher.ts'
import type { TellSubscription } from '../protocol/subscription.ts'
import type { Start } from './stream/cursors.ts'
import type { HubObserver } from './observer.ts'
import type { SeatKeeper, SeatLimits } from './limits/stream-limits.ts'

/** Durations in milliseconds, sizes in bytes; 0 means none or no limit. */
export interface HubOptions extends SeatLimits {
  readonly log: Log
  /** An idle stream gets a comment this often. */
  readonly heartbeatMs: number
  /** The longest life of a stream; each ends at a random moment of its last fifth. */
  readonly writeTimeoutMs: number
  /** A peer that takes none of its pending bytes for so long is closed as `stalled`. */
  readonly dispatchTimeoutMs: number
  /** Bytes that may wait for one subscriber. */
  readonly subscriberBufferBytes: number
  /** Bytes that one update may take on the wire: a line break of its data takes seven there. */
  readonly maxFrameBytes: number
  readonly registryShards: number
  readonly matchCacheEntries: number
  /** Whether streams carry blocks without data that move the client's cursor. */
  readonly cursorLines: boolean
  /** Whether the hub tells who subscribes: subscription events and the list. */
  readonly presence?: boolean
  /** The words in which it tells; those of protocol 1.0 when absent. */
  readonly tellSubscription?: TellSubscription
  /** A subscriber that comes back within it never left. */
  readonly subscriptionGraceMs?: number
  readonly observer?: HubObserver
  /** Who counts streams, when others count with this hub; otherwise it counts its own. */
  readonly seats?: SeatKeeper | undefined
  /** Whether hubs on other machines have the same log: limits per token and address are then one for all. */
  readonly isClustered?: boolean
}

/** What a stream is opened with. */
export interface Subscription {
  readonly matchers: readonly Matcher[]
  readonly grants: Grants
  /** Absent: live from now on. */
  readonly start?: Start | undefined
  /** When the token ends, in milliseconds since 1970; absent when there is none. */
  readonly expiresAtMs?: number | undefined
  readonly tokenHash?: string | undefined
  readonly address?: string | undefined
  /** Nothing but updates, comments and reconnection times: no cursor lines, no gap events; subscription events have no type. */
  readonly isPlain?: boolean
  /** Who the token says it is, for kicks and presence. */
  readonly issuer?: string | undefined
  readonly subject?: string | undefined
}
