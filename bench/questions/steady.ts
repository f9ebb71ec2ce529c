import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const steady: Bench = {
  question:
    'What does a delivery cost, and how long does it take, at 20 updates a second for 2,000?',
  axis: 'subscribers',
  figures: [columns.cpu, columns.latencyP50, columns.latencyP99],
  comparedWith: 'Node, a write per update',
  points: [
    {
      x: 2000,
      contestants: [floor('sock'), hub(), durableHub(), floor('coalesce'), nchan],
      measure: async (server) => {
        await warm(server)
        return load(server, { subscribers: 2000, rate: 20, seconds: 5 })
      },
    },
  ],
}
