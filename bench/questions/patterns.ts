import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { type Contestant, floor, hub, hubPath } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const each = hub({
  name: 'cinnabar, one matches',
  path: `${hubPath}?match_urlpattern=https://example.com/u/t%i/:id`,
})
/** A hundred groups of patterns; an update matches those of one. */
const hundredth = hub({
  name: 'cinnabar, 1 % match',
  path: `${hubPath}?match_urlpattern=https://example.com/u/t%t/:id(7|%i)`,
})
/** The same subscribers with topics instead of patterns: what the writes alone cost. */
const toOne = renamed(floor('topics'), 'Node, by topic, one listens')
const toHundredth = renamed(floor('topics'), 'Node, by topic, 1 % listen')

export const patterns: Bench = {
  question:
    'What does a publish cost when every subscriber has a URL Pattern of its own, and one of them, or one in a hundred, matches? 50 updates a second.',
  axis: 'patterns',
  isLogarithmic: true,
  figures: [
    { key: 'cpu_us_per_publish', title: 'server CPU per publish', unit: 'µs', isPlotted: true },
    columns.cpu,
    columns.latencyP99,
  ],
  points: [1000, 5000, 18_000].flatMap((count) => [
    point(count, count, [toOne, each]),
    point(count, 100, [toHundredth, hundredth]),
  ]),
  remark:
    'The floor knows no patterns: its subscribers have as many topics, and it writes to those who asked for the update’s. At this rate most of what an update costs is waking up and finding nothing in the processor’s caches.',
}

function point(count: number, topics: number, contestants: readonly Contestant[]) {
  return {
    x: count,
    contestants,
    measure: async (server: Parameters<typeof warm>[0]) => {
      await warm(server)
      const rate = { rate: 50, seconds: 5, publishers: 4 }
      const figures = await load(server, { subscribers: count, topics, ...rate })
      const { srv_cpu_s: cpu = 0, published = 1 } = figures
      return { ...figures, cpu_us_per_publish: (1e6 * cpu) / published }
    },
  }
}

function renamed(contestant: Contestant, name: string): Contestant {
  return { ...contestant, name }
}
