import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const payload: Bench = {
  question: 'What do larger updates cost? 500 subscribers, 20 updates a second.',
  axis: 'bytes',
  isLogarithmic: true,
  figures: [plotted(columns.cpu), plotted(columns.latencyP99)],
  comparedWith: 'Node, a write per update',
  points: [32, 512, 4096, 32_768, 65_536].map((payloadBytes) => ({
    x: payloadBytes,
    contestants: [floor('sock'), hub(), nchan],
    measure: async (server) => {
      await warm(server)
      return load(server, { subscribers: 500, rate: 20, seconds: 4, payloadBytes })
    },
  })),
}
