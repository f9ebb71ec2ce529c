import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const publish: Bench = {
  question: 'How many updates a second can be published, each answered when it is stored?',
  axis: 'connections',
  isLogarithmic: true,
  figures: [plotted(columns.publishes), columns.publishP50, plotted(columns.publishP99)],
  comparedWith: 'Node, a write per update',
  points: [1, 16, 64, 256].map((publishers) => ({
    x: publishers,
    contestants: [floor('sock'), durableHub(), hub(), ...(publishers === 64 ? [nchan] : [])],
    measure: async (server) => {
      await warm(server)
      return load(server, { subscribers: 1, rate: 0, seconds: 4, publishers })
    },
  })),
  remark:
    'The hub checks the token of every publish; durable ones are on the disk when they are answered. The floor stores nothing and checks nothing.',
}
