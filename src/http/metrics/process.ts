import { createHistogram, performance } from 'node:perf_hooks'
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'

/** prom-client's metrics that list everything that is open. */
const costly = [
  'process_open_fds',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
]
/** prom-client's own histogram of the event loop is replaced below; this is as good as never. */
const neverMs = 3_600_000
/** How often the event loop's lag is measured: while it is busy, and while it does nothing. */
const busyMs = 10
const idleMs = 1_000
/** A loop that works this part of the time is busy; one that works half of it is looked at half as often. */
const busyUtilization = 0.5

/**
 * `process_*` and `nodejs_*`, as prom-client names them.
 *
 * Its `nodejs_eventloop_lag_*_seconds` wake the process a hundred times a second, 0.5 % of a core in
 * each process that has nothing to do, and count the ten milliseconds between two looks as lag. Here a
 * busy loop is looked at as often as there, another one as much less often as it has less to do (at 50
 * updates a second a hundred looks were a fifth of all CPU), and lag is what comes on top.
 *
 * Its `nodejs_active_*` make three lists of all sockets, and its `process_open_fds` one of all files:
 * 50 ms with 15,000 streams. The number of files is read instead; the others say nothing beyond it.
 */
export function processMetrics(
  register: Registry,
  openFiles: () => number | undefined,
  onLag: (ms: number) => void = () => {},
): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: neverMs })
  for (const name of costly) register.removeSingleMetric(name)
  new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [register],
    collect() {
      const count = openFiles()
      if (count !== undefined) this.set(count)
    },
  })
  const lag = measuredLag(onLag)
  const seconds = (nanoseconds: number) => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0)
  const read = {
    min: () => lag.min,
    max: () => lag.max,
    mean: () => lag.mean,
    stddev: () => lag.stddev,
    p50: () => lag.percentile(50),
    p90: () => lag.percentile(90),
    p99: () => lag.percentile(99),
  } as const
  const names = Object.keys(read) as (keyof typeof read)[] // its own keys
  for (const name of names) {
    const fullName = `nodejs_eventloop_lag_${name}_seconds`
    register.removeSingleMetric(fullName)
    new Gauge({
      name: fullName,
      help: `Lag of the event loop since the last scrape: ${name}`,
      aggregator: name === 'min' || name === 'max' ? name : 'average',
      registers: [register],
      collect() {
        this.set(lag.count === 0 ? 0 : seconds(read[name]()))
        if (name === names.at(-1)) lag.reset()
      },
    })
  }
}

/** How late timers are, in nanoseconds. */
function measuredLag(onLag: (ms: number) => void) {
  const lag = createHistogram()
  let before = performance.eventLoopUtilization()
  const look = (dueMs: number) => {
    const nowMs = performance.now()
    lag.record(Math.max(1, Math.round((nowMs - dueMs) * 1e6)))
    onLag(nowMs - dueMs)
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    const everyMs = Math.max(busyMs, Math.min(idleMs, (busyMs * busyUtilization) / utilization))
    setTimeout(look, everyMs, nowMs + everyMs).unref()
  }
  setTimeout(look, busyMs, performance.now() + busyMs).unref()
  return lag
}
