import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { floor, hub } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const subscribers = 1000

export const slow: Bench = {
  question:
    'Do clients that stop reading slow down the others? 1,000 subscribers, 20 updates of 2 KB a second.',
  axis: '% stalled',
  figures: [plotted(columns.latencyP99), columns.publishP99, columns.cpu, columns.memory],
  comparedWith: 'Node, a write per update',
  points: [0, 1, 10].map((percent) => ({
    x: percent,
    contestants: [floor('sock'), hub()],
    measure: async (server) => {
      await warm(server)
      const stalled = (subscribers * percent) / 100
      const options = { subscribers, rate: 20, seconds: 8, publishers: 4, payloadBytes: 2048 }
      return load(server, { ...options, stalled })
    },
  })),
  remark:
    'Clients that stall read nothing from the start. The floor never closes them and never asks what they have read; what differs between its lines is the machine.',
}
