import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { hub, hubPath, topic } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const subscribers = 1000

export const topics: Bench = {
  question:
    'Does a delivery cost more when every subscriber listens to more topics? 1,000 subscribers with topics of their own besides one they share.',
  axis: 'topics each',
  isLogarithmic: true,
  figures: [plotted(columns.cpu), plotted(columns.latencyP99), columns.memoryEach],
  points: [1, 10, 100].map((count) => ({
    x: count,
    contestants: [hub({ path: pathWith(count) })],
    measure: async (server) => {
      await warm(server)
      // The topic that everybody shares is one of a single topic's list.
      return load(server, { subscribers, rate: 20, seconds: 5 })
    },
  })),
  remark: 'With 100 topics each, the registry knows 99,001 exact topics.',
}

/** One shared topic, and the rest a subscriber's own. */
function pathWith(count: number): string {
  const own = Array.from({ length: count - 1 }, (_, n) => `&match=https://example.com/own/%i/${n}`)
  return `${hubPath}?match=${topic.replace('%t', '0')}${own.join('')}`
}
