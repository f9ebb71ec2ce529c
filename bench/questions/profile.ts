import type { Bench } from '../harness/bench.ts'
import { load, type Load } from '../harness/load.ts'
import { parts, profiled, shares } from '../harness/profile.ts'
import { hubPath, type Server } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const durable = { MERCURE_TRANSPORT_URL: 'lmdb:./history' }
const pattern = `${hubPath}?match_urlpattern=https://example.com/u/t%t/:id(7|%i)`
const seconds = 8

export const profile: Bench = {
  question: 'Where does the time of an update go? Parts of what the hub’s main thread does.',
  axis: 'subscribers',
  figures: Object.entries(parts).map(([key, title]) => ({ key, title, unit: '%' })),
  points: [
    {
      x: 1,
      contestants: [
        profiled({ name: 'publishes, as many as 64 connections can' }),
        profiled({ name: 'the same, durable', env: durable }),
      ],
      measure: measured({ subscribers: 1, rate: 0, publishers: 64 }),
    },
    {
      x: 2000,
      contestants: [
        profiled({ name: 'feeds, 1,000 updates a second' }),
        profiled({ name: 'the same, durable', env: durable }),
      ],
      measure: measured({ subscribers: 2000, topics: 2000, rate: 1000, publishers: 16 }),
    },
    {
      x: 2000,
      contestants: [profiled({ name: 'one topic, 20 updates a second' })],
      measure: measured({ subscribers: 2000, rate: 20 }),
    },
    {
      x: 18_000,
      contestants: [profiled({ name: 'patterns, 50 updates a second, 1 % match', path: pattern })],
      measure: measured({ subscribers: 18_000, topics: 100, rate: 50, publishers: 4 }),
    },
  ],
  remark:
    'From `/debug/cpu-profile` of the admin listener while the load runs. What a native function takes counts for its caller, but for writes to sockets: those are the kernel’s way to the peer, waking it up included. A write of the history is done by threads of lmdb, which are not in it.',
}

/** The profile is taken when everybody has long been connected, and over before they leave. */
function measured(options: Omit<Load, 'seconds'>) {
  return async (server: Server) => {
    await warm(server)
    const connectMs = 1_000 + options.subscribers
    const loading = load(server, { ...options, seconds: seconds + connectMs / 1000 })
    await new Promise((resolve) => setTimeout(resolve, connectMs))
    const found = await shares(seconds - 2)
    await loading
    return found
  }
}
