import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, columns, plotted } from '../harness/bench.ts'
import { type Figures, load } from '../harness/load.ts'
import { cpuSecondsOf, durableHub, type Server } from '../harness/server.ts'
import { delayBetween } from '../harness/two-streams.ts'
import { warm } from '../harness/warm.ts'

const idleSeconds = 20
const publishers = 64

export const workers: Bench = {
  question: 'What do workers cost: per delivery, per publish, per wake-up, and with nothing to do?',
  axis: 'workers',
  figures: [
    columns.cpu,
    { key: 'busiest_percent', title: 'CPU of the busiest worker, of all workers', unit: '%' },
    columns.latencyP99,
    plotted(columns.publishes),
    columns.publishP99,
    { key: 'hub_cpu_us', title: 'CPU per publish', unit: 'µs' },
    { key: 'alone_per_s', title: 'publishes, one at a time', unit: '1/s' },
    { key: 'wake_p50_us', title: 'wake-up p50', unit: 'ms', factor: 0.001 },
    { key: 'idle_cpu_percent', title: 'CPU idle', unit: '%' },
  ],
  points: [1, 2, 4].map((count) => ({
    x: count,
    contestants: [durableHub({ env: { MERCURE_WORKERS: String(count) } })],
    measure,
  })),
  remark:
    'All workers share one core here, so that more of them cannot be faster: what to read is what they cost together, and that each has its part. Deliveries: 20 updates a second for 2,000 subscribers. Publishes: 64 publishers, then one, each waiting for its answer, and a subscriber. Wake-up: how much later an update arrives on a stream of another worker than on one of the worker that wrote it (with one worker, on another stream of it). CPU is that of all processes, the primary included.',
}

async function measure(server: Server): Promise<Figures> {
  const idleFrom = cpuSecondsOf(server.pids)
  await sleep(1000 * idleSeconds)
  const idle = cpuSecondsOf(server.pids) - idleFrom
  await warm(server)
  const delivering = await delivered(server)
  const publishing = await published(server)
  const alone = await load(server, { subscribers: 1, rate: 0, seconds: 3, publishers: 1 })
  return {
    ...publishing,
    ...delivering,
    alone_per_s: alone['pub_per_s'] ?? Number.NaN,
    wake_p50_us: await delayBetween(server),
    idle_cpu_percent: (100 * idle) / idleSeconds,
  }
}

/** The deliveries' figures, and whether all workers have the same part in them. */
async function delivered(server: Server): Promise<Figures> {
  const [primary, ...others] = server.pids
  const each = others.length > 0 ? others : [primary ?? 0]
  const before = each.map((pid) => cpuSecondsOf([pid]))
  const figures = await load(server, { subscribers: 2000, rate: 20, seconds: 5 })
  const used = each.map((pid, index) => cpuSecondsOf([pid]) - (before[index] ?? 0))
  const all = used.reduce((sum, one) => sum + one, 0)
  return {
    srv_cpu_us_per_delivery: figures['srv_cpu_us_per_delivery'] ?? Number.NaN,
    lat_p99_us: figures['lat_p99_us'] ?? Number.NaN,
    busiest_percent: (100 * Math.max(...used)) / all,
  }
}

async function published(server: Server): Promise<Figures> {
  const before = cpuSecondsOf(server.pids)
  const figures = await load(server, { subscribers: 1, rate: 0, seconds: 4, publishers })
  const used = cpuSecondsOf(server.pids) - before
  return {
    pub_per_s: figures['pub_per_s'] ?? Number.NaN,
    pub_p99_us: figures['pub_p99_us'] ?? Number.NaN,
    hub_cpu_us: (used * 1e6) / (figures['published'] ?? Number.NaN),
  }
}
