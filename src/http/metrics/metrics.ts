import type { Authenticator } from '../../auth/authenticator.ts'
import type { Hub } from '../../hub/hub.ts'
import type { HubObserver } from '../../hub/observer.ts'
import type { CloseReason } from '../../hub/stream/subscriber.ts'
import type { Log } from '../../log/log.ts'
import type { HubError } from '../../protocol/errors.ts'
import { type LimitName, limitNames } from '../../protocol/limits.ts'
import { Families } from './families.ts'
import type { FileLimit } from '../connection/connection-limit.ts'
import { processMetrics } from './process.ts'
import type { RateKeeper } from '../../hub/limits/publish-rate.ts'
import { watchAuth, watchFiles, watchHub, watchLimits, watchLog } from './gauges.ts'

const closeReasons: readonly CloseReason[] = [
  'peer',
  'slow',
  'stalled',
  'expired',
  'rotated',
  'drained',
  'kicked',
  'error',
]

/** All metrics of a process with their values, to be sent to another process. */
export type MetricsSnapshot = readonly object[]

/** What a refused request was for. */
export type RequestKind = 'publish' | 'subscribe' | 'other'

/**
 * Counts what the hub tells, and shows it to Prometheus; docs/metrics.md has every name.
 *
 * The hot path adds to plain numbers; names, labels and text are made when somebody scrapes.
 */
export class Metrics implements HubObserver {
  readonly #families = new Families()
  readonly #closed = new Map<string, number>(closeReasons.map((reason) => [reason, 0]))
  readonly #limits = new Map<string, number>(limitNames.map((name) => [name, 0]))
  readonly #refusedTokens = new Map<string, number>()
  readonly #refusals: Readonly<Record<RequestKind, Map<string, number>>> = {
    publish: new Map(),
    subscribe: new Map(),
    other: new Map(),
  }
  readonly #acknowledged
  readonly #flushed
  #subscribed = 0
  #published = 0
  #requests = 0
  #repeated = 0
  #deliveries = 0
  #deliveredBytes = 0
  #replayed = 0
  #lost = 0
  #failures = 0
  #mismatches = 0

  /**
   * @param openFiles tells how many files the process has open, where the system tells it
   * @param onLag is told how late the event loop was
   */
  constructor(openFiles: () => number | undefined, onLag?: (ms: number) => void) {
    const families = this.#families
    const { counter, counters } = {
      counter: families.counter.bind(families),
      counters: families.counters.bind(families),
    }
    processMetrics(families.registry, openFiles, onLag)
    this.#acknowledged = families.histogram(
      'mercure_publish_duration_seconds',
      'From a checked publish to its acknowledgement',
    )
    this.#flushed = families.histogram(
      'mercure_log_flush_duration_seconds',
      'From a group of updates to their being stored as durably as the history promises',
    )
    counter('mercure_subscribers_total', 'Streams opened since the start', () => this.#subscribed)
    counter('mercure_updates_total', 'Updates accepted since the start', () => this.#published)
    counter('mercure_publishes_total', 'Publish requests accepted', () => this.#requests)
    counter(
      'mercure_publishes_repeated_total',
      'Publish requests answered as the first time, by their idempotency key',
      () => this.#repeated,
    )
    counter(
      'mercure_deliveries_total',
      'Batches written to live subscribers',
      () => this.#deliveries,
    )
    counter(
      'mercure_delivered_bytes_total',
      'Bytes written to live subscribers',
      () => this.#deliveredBytes,
    )
    counter('mercure_replayed_entries_total', 'Entries sent from history', () => this.#replayed)
    counter(
      'mercure_lost_entries_total',
      'Entries trimmed before a stream could read them',
      () => this.#lost,
    )
    counter(
      'mercure_job_failures_total',
      'Background jobs that threw and went on',
      () => this.#failures,
    )
    counter(
      'mercure_registry_mismatches_total',
      'Registry faults found and repaired',
      () => this.#mismatches,
    )
    counters(
      'mercure_subscribers_closed_total',
      'Streams that ended, by reason',
      'reason',
      this.#closed,
    )
    counters(
      'mercure_tokens_refused_total',
      'Credentials refused, by cause',
      'cause',
      this.#refusedTokens,
    )
    counters('mercure_limits_hit_total', 'Limits that were hit, by name', 'limit', this.#limits)
    for (const [kind, counts] of Object.entries(this.#refusals))
      counters(
        `mercure_${kind}_refusals_total`,
        `Requests refused (${kind === 'other' ? 'neither publish nor subscribe' : kind}), by code`,
        'code',
        counts,
      )
  }

  /** Gauges that are read from the hub and its log at each scrape. */
  watch(hub: Hub, log: Log): void {
    watchHub(this.#families, hub)
    watchLog(this.#families, hub, log)
  }

  watchAuth(authenticator: Authenticator, rates: RateKeeper): void {
    watchAuth(this.#families, authenticator, rates)
  }

  /** What the process may have open, where somebody bounds it. */
  watchFiles(files: FileLimit): void {
    watchFiles(this.#families, files)
  }

  watchLimits(read: () => Readonly<Record<string, number>>): void {
    watchLimits(this.#families, read)
  }

  get contentType(): string {
    return this.#families.registry.contentType
  }

  text(): Promise<string> {
    return this.#families.registry.metrics()
  }

  snapshot(): Promise<MetricsSnapshot> {
    return this.#families.registry.getMetricsAsJSON()
  }

  subscribed(): void {
    this.#subscribed++
  }

  closed(_subscriber: unknown, reason: CloseReason): void {
    add(this.#closed, reason)
    if (reason === 'slow') this.limitHit('subscriber_buffer')
    if (reason === 'stalled') this.limitHit('dispatch_timeout')
  }

  published(count: number, ms: number): void {
    this.#published += count
    this.#requests++
    this.#acknowledged.observe(ms / 1000)
  }

  repeated(): void {
    this.#repeated++
  }

  delivered(bytes: number): void {
    this.#deliveries++
    this.#deliveredBytes += bytes
  }

  replayed(entries: number): void {
    this.#replayed += entries
  }

  lost(entries: number): void {
    this.#lost += entries
  }

  failed(): void {
    this.#failures++
  }

  mismatched(faults: readonly string[]): void {
    this.#mismatches += faults.length
  }

  /** A group of updates was stored. */
  flushed(ms: number): void {
    this.#flushed.observe(ms / 1000)
  }

  tokenRefused(cause: string): void {
    add(this.#refusedTokens, cause)
  }

  refused(kind: RequestKind, { code, limit }: HubError): void {
    add(this.#refusals[kind], code)
    if (limit !== undefined) this.limitHit(limit)
  }

  limitHit(limit: LimitName): void {
    add(this.#limits, limit)
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
