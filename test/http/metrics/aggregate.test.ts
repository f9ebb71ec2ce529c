import t from 'tap'
import { Families } from '../../../src/http/metrics/families.ts'
import type { MetricsSnapshot } from '../../../src/http/metrics/metrics.ts'
import { MetricsOfWorkers } from '../../../src/http/metrics/aggregate.ts'

/** A worker that has counted, has so many streams, sees the log where it is, and has measured times. */
async function worker(
  counted: number,
  streams: number,
  head: number,
  seconds: readonly number[],
): Promise<MetricsSnapshot> {
  const families = new Families()
  families.counter('updates_total', 'Help', () => counted)
  families.gauge('streams', 'Help', () => streams)
  families.gauge('log_head', 'Help', () => head, 'max')
  const histogram = families.histogram('duration_seconds', 'Help')
  for (const each of seconds) histogram.observe(each)
  return (await families.registry.getMetricsAsJSON()) as unknown as MetricsSnapshot
}

function metricsOf(snapshots: Map<number, MetricsSnapshot>) {
  const metrics = new MetricsOfWorkers({
    snapshots: () => Promise.resolve(snapshots),
    ready: 2,
    expected: 2,
    replaced: 0,
    waiting: 0,
    openFiles: () => undefined,
    dropped: 0,
    connections: () => new Map(),
  })
  const values = async () => {
    const lines = (await metrics.text())
      .split('\n')
      .filter((line) => /^(updates|streams|log|dur)/.test(line))
    return Object.fromEntries(
      lines.map((line) => line.split(' ')).map(([name = '', value]) => [name, Number(value)]),
    )
  }
  return { metrics, values }
}

t.test(
  'workers are one: counters, buckets and gauges are summed, what they share is taken once',
  async (t) => {
    const snapshots = new Map([
      [1, await worker(10, 3, 99, [0.002, 7])],
      [2, await worker(5, 4, 100, [0.002])],
    ])

    const values = await metricsOf(snapshots).values()

    t.match(values, {
      updates_total: 15,
      streams: 7,
      log_head: 100,
      'duration_seconds_bucket{le="0.001"}': 0,
      'duration_seconds_bucket{le="0.0025"}': 2,
      'duration_seconds_bucket{le="5"}': 2,
      'duration_seconds_bucket{le="10"}': 3,
      'duration_seconds_bucket{le="+Inf"}': 3,
      duration_seconds_count: 3,
    })
    t.equal(values['duration_seconds_sum'], 0.002 + 7 + 0.002)
  },
)

t.test(
  'what a worker that ended had counted stays, what it had does not; the next begins at nothing',
  async (t) => {
    const snapshots = new Map([
      [1, await worker(10, 3, 99, [0.002])],
      [2, await worker(5, 4, 99, [0.002])],
    ])
    const { metrics, values } = metricsOf(snapshots)
    await values()

    for (let death = 1; death <= 3; death++) {
      metrics.retire(1)
      snapshots.set(1, await worker(death, 1, 99, [0.002]))
      await values()
    }

    t.match(await values(), {
      updates_total: 10 + 5 + 1 + 2 + 3,
      streams: 5,
      log_head: 99,
      duration_seconds_count: 5,
    })
  },
)
