import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client'
import type { MetricsSnapshot } from './metrics.ts'
import { processMetrics } from './process.ts'

/** What the primary tells about its workers when somebody scrapes. */
export interface WorkersWatched {
  /** The metrics of each worker, by its number; of those that answer. */
  snapshots(): Promise<ReadonlyMap<number, MetricsSnapshot>>
  /** Files that the primary has open, where the system tells it. */
  openFiles(): number | undefined
  readonly ready: number
  readonly expected: number
  readonly replaced: number
  /** Connections that the primary closed at once for want of files. */
  readonly dropped: number
  /** Accepted connections that no worker has yet. */
  readonly waiting: number
  /** Connections of each worker, by its number. */
  connections(): ReadonlyMap<number, number>
}

/**
 * The metrics of all workers as if they were one process: counters, histograms and most gauges
 * summed, what they share (the log) taken once, as each metric's `aggregator` says.
 *
 * What a worker that ended had counted stays in the sums, as far as the last scrape saw it: they
 * never fall, which Prometheus would take for a restart.
 */
export class MetricsOfWorkers {
  readonly #own = new Registry()
  readonly #watched: WorkersWatched
  /** The last snapshot of each running worker. */
  readonly #last = new Map<number, MetricsSnapshot>()
  /** What workers that ended had counted. */
  readonly #retired: MetricsSnapshot[] = []
  #isCompacting = false

  constructor(watched: WorkersWatched) {
    this.#watched = watched
    processMetrics(this.#own, () => watched.openFiles())
    const registers = [this.#own]
    const gauge = (name: string, help: string, read: () => number) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read())
        },
      })
    gauge('mercure_workers', 'Workers that are ready', () => watched.ready)
    gauge('mercure_workers_expected', 'Workers that there should be', () => watched.expected)
    gauge(
      'mercure_connections_waiting',
      'Accepted connections that no worker has yet',
      () => watched.waiting,
    )
    new Counter({
      name: 'mercure_workers_replaced_total',
      help: 'Workers started in the place of one that ended',
      registers,
      collect() {
        this.reset()
        this.inc(watched.replaced)
      },
    })
    new Counter({
      name: 'mercure_connections_dropped_total',
      help: 'Connections closed at once for want of files',
      registers,
      collect() {
        this.reset()
        this.inc(watched.dropped)
      },
    })
    new Counter({
      name: 'mercure_limits_hit_total',
      help: 'Limits that were hit, by name',
      labelNames: ['limit'],
      registers,
      collect() {
        this.reset()
        this.inc({ limit: 'open_files' }, watched.dropped)
      },
    })
    new Gauge({
      name: 'mercure_worker_connections',
      help: 'Connections of each worker',
      labelNames: ['worker'],
      registers,
      collect() {
        this.reset()
        for (const [worker, count] of watched.connections()) this.set({ worker }, count)
      },
    })
  }

  get contentType(): string {
    return this.#own.contentType
  }

  async text(): Promise<string> {
    for (const [worker, snapshot] of await this.#watched.snapshots())
      this.#last.set(worker, snapshot)
    const own = await this.#own.getMetricsAsJSON()
    const text = await sumOf([...this.#last.values(), ...this.#retired, own]).metrics()
    await this.#compact()
    return text
  }

  /** A worker ended: what it had counted is kept. */
  retire(worker: number): void {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    if (last !== undefined) this.#retired.push(countersOf(last))
  }

  /** One snapshot says what many said. */
  async #compact(): Promise<void> {
    const many = [...this.#retired]
    if (this.#isCompacting || many.length < 2) return
    this.#isCompacting = true
    const one = await sumOf(many).getMetricsAsJSON()
    this.#retired.splice(0, many.length, one)
    this.#isCompacting = false
  }
}

function sumOf(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate(snapshots.map((metrics) => [...metrics]))
}

/** What only grows: gauges go with the process that had them. */
function countersOf(snapshot: MetricsSnapshot): MetricsSnapshot {
  const grows = ['counter', 'histogram']
  return snapshot.filter((metric) => grows.includes((metric as { readonly type: string }).type))
}
