import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub, nchan } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

export const feeds: Bench = {
  question:
    'What does an update for one of 2,000 feeds cost, publish and delivery together? 1,000 a second.',
  axis: 'feeds',
  figures: [columns.cpu, columns.latencyP50, columns.latencyP99],
  comparedWith: 'Node, by topic',
  points: [
    {
      x: 2000,
      contestants: [floor('topics'), hub(), durableHub(), nchan],
      measure: async (server) => {
        await warm(server)
        return load(server, {
          subscribers: 2000,
          topics: 2000,
          rate: 1000,
          seconds: 5,
          publishers: 16,
        })
      },
    },
  ],
  remark:
    'The floor looks the topic up in a Map and writes to the one subscriber. Each update is a turn of the event loop of its own, with two writes that wake somebody up on another core: that is most of the cost, of Nchan’s too.',
}
