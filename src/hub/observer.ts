import type { CloseReason, Subscriber } from './stream/subscriber.ts'

/**
 * What the hub tells about itself. Metrics and logs listen; the hub waits for nobody.
 *
 * Called on the hot path: an observer counts, it does not format, write or throw.
 */
export interface HubObserver {
  subscribed(subscriber: Subscriber): void
  closed(subscriber: Subscriber, reason: CloseReason): void
  /** So many updates were stored, and acknowledged after `ms`. */
  published(count: number, ms: number): void
  /** Entries were written to all streams that they concern, in so many milliseconds. */
  passed?(ms: number): void
  /** A publish was sent again with its idempotency key. */
  repeated(): void
  delivered(bytes: number): void
  replayed(entries: number): void
  /** Entries that were trimmed before they could be sent, to one replaying stream or to all live ones. */
  lost(entries: number): void
  /** A background job threw; it goes on. */
  failed(job: string, error: unknown): void
  /** `Registry.verify` found these and they were repaired. */
  mismatched(faults: readonly string[]): void
}

export const silent: HubObserver = {
  subscribed() {},
  closed() {},
  published() {},
  repeated() {},
  delivered() {},
  replayed() {},
  lost() {},
  failed() {},
  mismatched() {},
}
