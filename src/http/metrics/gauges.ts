import type { Authenticator } from '../../auth/authenticator.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Log } from '../../log/log.ts'
import type { Families, Labels } from './families.ts'
import type { FileLimit } from '../connection/connection-limit.ts'
import type { RateKeeper } from '../../hub/limits/publish-rate.ts'

/** What is read from the hub at each scrape. */
export function watchHub(families: Families, hub: Hub): void {
  const { gauge, counter } = bound(families)
  gauge('mercure_subscribers_connected', 'Streams that are open', () => hub.subscriberCount)
  gauge('mercure_subscribers_replaying', 'Streams that read history', () => hub.stats().replaying)
  gauge(
    'mercure_replays_waiting',
    'Replays that have something to read now',
    () => hub.replaysWaiting,
  )
  gauge(
    'mercure_refills_waiting',
    'Streams with bytes waiting whose sockets have room again',
    () => hub.refills.waiting,
  )
  gauge(
    'mercure_replay_page_bytes',
    'Bytes of history kept for replays near each other',
    () => hub.replayPageBytes,
  )
  gauge(
    'mercure_subscribers_waiting',
    'Requests for a stream that wait for their turn',
    () => hub.pacing.waiting,
  )
  gauge(
    'mercure_pending_bytes',
    'Bytes that wait for subscribers, of all together',
    () => hub.pendingBytes().sum,
  )
  families.gauge(
    'mercure_pending_bytes_max',
    'Bytes that wait for the subscriber with most of them',
    () => hub.pendingBytes().max,
    'max',
  )
  gauge(
    'mercure_cohorts',
    'Groups of subscribers with the same matchers and grants',
    () => hub.stats().cohorts,
  )
  gauge('mercure_exact_topics', 'Distinct exact topics subscribed to', () => hub.stats().topics)
  gauge('mercure_url_patterns', 'Distinct URL Patterns subscribed to', () => hub.stats().patterns)
  gauge('mercure_shards', 'Parts of the registry', () => hub.stats().shards)
  families.gauge(
    'mercure_shard_cohorts_max',
    'Cohorts of the largest shard',
    () => hub.stats().largestShard,
    'max',
  )
  families.gauge(
    'mercure_shard_cohorts_min',
    'Cohorts of the smallest shard',
    () => hub.stats().smallestShard,
    'min',
  )
  gauge(
    'mercure_match_cache_entries',
    'Remembered results of URL Patterns',
    () => hub.stats().matchCacheEntries,
  )
  gauge(
    'mercure_match_cache_bytes',
    'Bytes of the keys of those results (estimated)',
    () => hub.stats().matchCacheBytes,
  )
  counter(
    'mercure_match_cache_hits_total',
    'Results of URL Patterns that were remembered',
    () => hub.stats().matchCacheHits,
  )
  counter(
    'mercure_match_cache_misses_total',
    'Results of URL Patterns that had to be found',
    () => hub.stats().matchCacheMisses,
  )
  gauge('mercure_seat_tokens', 'Tokens whose streams are counted', () => hub.seatCounts().tokens)
  gauge(
    'mercure_seat_addresses',
    'Addresses whose streams are counted',
    () => hub.seatCounts().addresses,
  )
  gauge('mercure_subscriptions', 'Subscriptions that presence keeps', () => hub.presence?.size ?? 0)
  gauge(
    'mercure_presence_waiting',
    'Presence changes that are not in the history yet',
    () => hub.presence?.waiting ?? 0,
  )
  families.gauge(
    'mercure_denied_tokens',
    'Tokens that a kick denies until they end',
    () => hub.kicks.denials,
    'max',
  )
}

/** What is read from the history at each scrape. */
export function watchLog(families: Families, hub: Hub, log: Log): void {
  const { counter } = bound(families)
  const gauge = (name: string, help: string, read: () => number) =>
    families.gauge(name, help, read, 'max') // several processes have one history
  gauge('mercure_log_up', 'The history takes updates (1) or does not (0)', () =>
    log.health().ok ? 1 : 0,
  )
  gauge('mercure_log_head', 'Position of the newest entry', () => log.head)
  gauge('mercure_log_entries', 'Entries kept', () => log.stats().entries)
  gauge(
    'mercure_log_bytes',
    'Bytes kept, as history_max_bytes counts them',
    () => log.stats().bytes,
  )
  gauge(
    'mercure_log_lag_entries',
    'Entries that this process has not delivered yet',
    () => hub.lag.entries + (log.stats().unseen ?? 0),
  )
  gauge(
    'mercure_log_lag_seconds',
    'How long such entries have waited',
    () => Math.max(hub.lag.ms, log.stats().unseenMs ?? 0) / 1000,
  )
  gauge(
    'mercure_log_cache_bytes',
    'Bytes of decoded entries at hand (estimated)',
    () => log.stats().cacheBytes ?? 0,
  )
  gauge(
    'mercure_log_waiting_bytes',
    'Payload bytes of publishes that wait to be stored',
    () => log.stats().waitingBytes ?? 0,
  )
  counter(
    'mercure_log_corrupt_records_total',
    'Records found damaged and skipped',
    () => log.stats().corrupt,
  )
  counter(
    'mercure_log_resets_total',
    'Times that a failover or a flush took back entries that had been read',
    () => log.stats().resets ?? 0,
  )
  gauge('mercure_idempotency_keys', 'Idempotency keys remembered', () => log.stats().onceKeys)
  gauge('mercure_log_notices', 'Presence and control entries kept', () => log.stats().notices)
  gauge('mercure_log_marks', 'Named marks kept beside the history', () => log.stats().marks)
}

/** What is read from tokens, keys and rates at each scrape. */
export function watchAuth(
  families: Families,
  authenticator: Authenticator,
  rates: RateKeeper,
): void {
  const { gauge } = bound(families)
  gauge(
    'mercure_token_cache_entries',
    'Verified tokens remembered',
    () => authenticator.cached.entries,
  )
  gauge(
    'mercure_token_cache_bytes',
    'Bytes of verified tokens (estimated)',
    () => authenticator.cached.bytes,
  )
  gauge(
    'mercure_token_verifications_pending',
    'Tokens that are being verified',
    () => authenticator.cached.pending,
  )
  gauge('mercure_publish_rate_tokens', 'Tokens whose publishes are counted', () => rates.size)
  families.gauges(
    'mercure_key_set_age_seconds',
    'Time since a JWK Set was last read',
    ['issuer', 'uri'],
    () => authenticator.keySets().map((set) => [labelsOf(set), set.ageMs / 1000] as const),
  )
  families.gauges(
    'mercure_key_set_keys',
    'Keys of a JWK Set that are in use',
    ['issuer', 'uri'],
    () => authenticator.keySets().map((set) => [labelsOf(set), set.keys] as const),
  )
}

/** What the process may have open, where somebody bounds it. */
export function watchFiles(families: Families, files: FileLimit): void {
  const { gauge, counter } = bound(families)
  gauge(
    'mercure_connections_max',
    'Connections that the public listener may hold before it closes new ones at once',
    () => files.mostConnections,
  )
  counter(
    'mercure_connections_dropped_total',
    'Connections closed at once for want of files',
    () => files.dropped,
  )
}

/** The bounds that are configured, 0 for none, so that dashboards and alerts can compare. */
export function watchLimits(
  families: Families,
  read: () => Readonly<Record<string, number>>,
): void {
  families.gauges('mercure_limit', 'A configured bound, by option; 0 for none', ['limit'], () =>
    Object.entries(read()).map(([limit, value]) => [{ limit }, value] as const),
  )
}

function labelsOf({ issuer, uri }: { issuer: string; uri: string }): Labels {
  return { issuer, uri }
}

function bound(families: Families) {
  return {
    gauge: families.gauge.bind(families),
    counter: families.counter.bind(families),
  }
}
