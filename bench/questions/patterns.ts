import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, hub, hubPath } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const each = hub({ path: `${hubPath}?match_urlpattern=https://example.com/u/t%i/:id` })
/** A hundred groups of patterns; an update matches those of one. */
const hundredth = hub({
  name: 'cinnabar, 1 % match',
  path: `${hubPath}?match_urlpattern=https://example.com/u/t%t/:id(7|%i)`,
})

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
  comparedWith: 'Node, a write per update',
  points: [
    ...[1000, 5000, 18_000].map((count) => ({
      x: count,
      contestants: [each],
      measure: async (server: Parameters<typeof warm>[0]) => {
        await warm(server)
        return perPublish(
          await load(server, {
            subscribers: count,
            topics: count,
            rate: 50,
            seconds: 5,
            publishers: 4,
          }),
        )
      },
    })),
    ...[1000, 5000, 18_000].map((count) => ({
      x: count,
      contestants: [hundredth],
      measure: async (server: Parameters<typeof warm>[0]) => {
        await warm(server)
        return perPublish(
          await load(server, {
            subscribers: count,
            topics: 100,
            rate: 50,
            seconds: 5,
            publishers: 4,
          }),
        )
      },
    })),
    {
      x: 180,
      contestants: [floor('sock')],
      measure: async (server) => {
        await warm(server)
        return perPublish(
          await load(server, { subscribers: 180, rate: 50, seconds: 5, publishers: 4 }),
        )
      },
    },
  ],
  remark:
    'The floor matches nothing: it writes each update to 180 subscribers, as many as 1 % of 18,000. At this rate most of what an update costs is waking up.',
}

function perPublish(figures: Readonly<Record<string, number>>) {
  const { srv_cpu_s: cpu = 0, published = 1 } = figures
  return { ...figures, cpu_us_per_publish: (1e6 * cpu) / published }
}
