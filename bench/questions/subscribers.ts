import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

/** Deliveries a second, shared by however many subscribers: what a delivery costs must not depend on them. */
const deliveriesPerSecond = 40_000

export const subscribers: Bench = {
  question:
    'Does a delivery cost more when there are more subscribers? 40,000 deliveries a second.',
  axis: 'subscribers',
  isLogarithmic: true,
  figures: [plotted(columns.cpu), columns.latencyP50, plotted(columns.latencyP99)],
  comparedWith: 'Node, a write per update',
  points: [10, 100, 1000, 5000, 15_000].map((count) => ({
    x: count,
    contestants: [floor('sock'), hub(), nchan],
    measure: async (server) => {
      await warm(server)
      const rate = Math.min(2000, deliveriesPerSecond / count)
      return load(server, { subscribers: count, rate, seconds: 5 })
    },
  })),
  remark:
    'With 10 subscribers, 2,000 updates a second are published, so a delivery carries a fifth of a publish. The latency grows with the number of subscribers, because the last of them is served after all others.',
}
