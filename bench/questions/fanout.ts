import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const fanout: Bench = {
  question: 'How many deliveries a second, when 16 publishers do what they can and 1,000 listen?',
  axis: 'subscribers',
  figures: [columns.deliveries, columns.cpu, columns.publishes],
  comparedWith: 'Node, a write per turn',
  points: [
    {
      x: 1000,
      contestants: [floor('coalesce'), hub(), durableHub(), floor('sock'), nchan],
      measure: async (server) => {
        await warm(server)
        return load(server, { subscribers: 1000, rate: 0, seconds: 4, publishers: 16 })
      },
    },
  ],
}
