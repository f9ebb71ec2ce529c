import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Hub } from '../hub/hub.ts'
import type { HubObserver } from '../hub/observer.ts'
import type { CloseReason } from '../hub/subscriber.ts'
import type { Log } from '../log/log.ts'
import type { FileLimit } from './file-limit.ts'

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

/**
 * Counts what the hub tells, and shows it to Prometheus.
 *
 * The hot path adds to plain numbers; names, labels and text are made when somebody scrapes.
 */
export class Metrics implements HubObserver {
  readonly #registry = new Registry()
  readonly #closed = new Map<CloseReason, number>(closeReasons.map((reason) => [reason, 0]))
  readonly #refusedTokens = new Map<string, number>()
  #subscribed = 0
  #published = 0
  #deliveries = 0
  #deliveredBytes = 0
  #replayed = 0
  #lost = 0
  #failures = 0
  #mismatches = 0

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    this.#counter(
      'mercure_subscribers_total',
      'Streams opened since the start',
      () => this.#subscribed,
    )
    this.#counter(
      'mercure_updates_total',
      'Updates accepted since the start',
      () => this.#published,
    )
    this.#counter(
      'mercure_deliveries_total',
      'Batches written to live subscribers',
      () => this.#deliveries,
    )
    this.#counter(
      'mercure_delivered_bytes_total',
      'Bytes written to live subscribers',
      () => this.#deliveredBytes,
    )
    this.#counter(
      'mercure_replayed_entries_total',
      'Entries sent from history',
      () => this.#replayed,
    )
    this.#counter(
      'mercure_lost_entries_total',
      'Entries trimmed before a stream could read them',
      () => this.#lost,
    )
    this.#counter(
      'mercure_job_failures_total',
      'Background jobs that threw and went on',
      () => this.#failures,
    )
    this.#counter(
      'mercure_registry_mismatches_total',
      'Registry faults found and repaired',
      () => this.#mismatches,
    )
    this.#labelled(
      'mercure_subscribers_closed_total',
      'Streams that ended, by reason',
      'reason',
      this.#closed,
    )
    this.#labelled(
      'mercure_tokens_refused_total',
      'Credentials refused, by cause',
      'cause',
      this.#refusedTokens,
    )
  }

  /** Gauges that are read from the hub and its log at each scrape. */
  watch(hub: Hub, log: Log): void {
    this.#gauge('mercure_subscribers_connected', 'Streams that are open', () => hub.subscriberCount)
    this.#gauge(
      'mercure_subscribers_replaying',
      'Streams that read history',
      () => hub.stats().replaying,
    )
    this.#gauge(
      'mercure_subscribers_waiting',
      'Requests for a stream that wait for their turn',
      () => hub.pacing.waiting,
    )
    this.#gauge(
      'mercure_cohorts',
      'Groups of subscribers with the same matchers and grants',
      () => hub.stats().cohorts,
    )
    this.#gauge(
      'mercure_exact_topics',
      'Distinct exact topics subscribed to',
      () => hub.stats().topics,
    )
    this.#gauge(
      'mercure_url_patterns',
      'Distinct URL Patterns subscribed to',
      () => hub.stats().patterns,
    )
    this.#gauge(
      'mercure_match_cache_entries',
      'Remembered results of URL Patterns',
      () => hub.stats().matchCacheEntries,
    )
    this.#gauge('mercure_log_head', 'Position of the newest entry', () => log.head)
    this.#counter(
      'mercure_log_corrupt_records_total',
      'Records found damaged and skipped',
      () => log.stats().corrupt,
    )
    this.#gauge(
      'mercure_idempotency_keys',
      'Idempotency keys remembered',
      () => log.stats().onceKeys,
    )
    this.#gauge('mercure_log_entries', 'Entries kept', () => log.stats().entries)
    this.#gauge(
      'mercure_log_bytes',
      'Bytes kept, as history_max_bytes counts them',
      () => log.stats().bytes,
    )
  }

  /** What the process may have open, where somebody bounds it. */
  watchFiles(files: FileLimit): void {
    this.#gauge(
      'mercure_connections_max',
      'Connections that the public listener may hold before it closes new ones at once',
      () => files.mostConnections,
    )
    this.#counter(
      'mercure_connections_dropped_total',
      'Connections closed at once for want of files',
      () => files.dropped,
    )
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  subscribed(): void {
    this.#subscribed++
  }

  closed(_subscriber: unknown, reason: CloseReason): void {
    this.#closed.set(reason, (this.#closed.get(reason) ?? 0) + 1)
  }

  published(count: number): void {
    this.#published += count
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

  tokenRefused(cause: string): void {
    this.#refusedTokens.set(cause, (this.#refusedTokens.get(cause) ?? 0) + 1)
  }

  #counter(name: string, help: string, read: () => number): void {
    const registers = [this.#registry]
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  #labelled(name: string, help: string, label: string, values: ReadonlyMap<string, number>): void {
    const registers = [this.#registry]
    new Counter({
      name,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset()
        for (const [value, count] of values) this.inc({ [label]: value }, count)
      },
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    const registers = [this.#registry]
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
}
