import { type Bench, columns, plotted } from '../harness/bench.ts'
import { type Figures, load } from '../harness/load.ts'
import { clusterOnRedis, cpuSecondsOf, durableHub, hub, type Server } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const publishers = 64
const seconds = 4

export const redis: Bench = {
  question:
    'How many updates a second can be published through Redis, and how late are they delivered, with one to three hubs?',
  axis: 'hubs',
  figures: [
    plotted(columns.publishes),
    columns.publishP99,
    columns.latencyP50,
    plotted(columns.latencyP99),
    { key: 'hub_cpu_us', title: 'CPU of the hubs per publish', unit: 'µs' },
    { key: 'redis_cpu_us', title: 'CPU of Redis per publish', unit: 'µs' },
  ],
  comparedWith: 'cinnabar',
  points: [1, 2, 3].map((count) => ({
    x: count,
    contestants: [...(count === 1 ? [hub(), durableHub()] : []), clusterOnRedis(count)],
    measure,
  })),
  remark:
    'The publishers, 64 in all, and 20 subscribers per hub are spread over the hubs; each subscriber gets what is published at any of them. All hubs and Redis share one core here, so that more hubs cannot be faster: what to read is what an update costs the hubs, each of which has to read it, and Redis. Redis writes each batch to the disk before it answers (`appendfsync always`).',
}

/** A load on each hub at the same time; what they publish is added up, and the latest counts. */
async function measure(server: Server): Promise<Figures> {
  const hubs = server.cluster?.hubs ?? [server]
  const processes = { hubs: server.pids, redis: server.cluster?.redis.pids ?? [] }
  for (const each of hubs) await warm(each)
  const before = [cpuSecondsOf(processes.hubs), cpuSecondsOf(processes.redis)] as const
  const each = {
    subscribers: 20,
    rate: 0,
    seconds,
    publishers: Math.ceil(publishers / hubs.length),
  }
  const all = await Promise.all(hubs.map((one) => load(one, each)))
  const after = [cpuSecondsOf(processes.hubs), cpuSecondsOf(processes.redis)] as const
  const values = (key: string) => all.map((figures) => figures[key] ?? Number.NaN)
  const sum = (key: string) => values(key).reduce((total, value) => total + value, 0)
  const published = sum('published')
  return {
    pub_per_s: sum('pub_per_s'),
    pub_p99_us: Math.max(...values('pub_p99_us')),
    lat_p50_us: Math.max(...values('lat_p50_us')),
    lat_p99_us: Math.max(...values('lat_p99_us')),
    hub_cpu_us: ((after[0] - before[0]) * 1e6) / published,
    redis_cpu_us: ((after[1] - before[1]) * 1e6) / published,
  }
}
