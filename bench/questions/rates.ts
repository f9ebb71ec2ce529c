import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const rates: Bench = {
  question: 'What does a lone update cost? One of 2,000 feeds is updated, more and more often.',
  axis: 'updates a second',
  isLogarithmic: true,
  figures: [plotted(columns.cpu), columns.latencyP50, columns.latencyP99],
  comparedWith: 'Node, by topic',
  points: [50, 200, 1_000, 3_000, 10_000].map((rate) => ({
    x: rate,
    contestants: [floor('topics'), hub(), nchan],
    measure: async (server) => {
      await warm(server)
      return load(server, { subscribers: 2000, topics: 2000, rate, seconds: 5, publishers: 16 })
    },
  })),
  remark:
    'CPU of publish and delivery together. The fewer updates there are, the more each of them costs: the processor sleeps in between, is woken, and finds neither the program nor its data in its caches. It is so with all three; what is left of a core is what counts when there are many.',
}
