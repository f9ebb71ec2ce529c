import { type Bench, columns, plotted } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { grant, hub } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const granted = hub({ grants: [grant('subscribe', ['*'])] })

export const privacy: Bench = {
  question: 'What do private updates cost? 2,000 subscribers with a token, 20 updates a second.',
  axis: '% private',
  figures: [plotted(columns.cpu), plotted(columns.latencyP99)],
  points: [0, 25, 50, 75, 100].map((percent) => ({
    x: percent,
    contestants: [granted],
    measure: async (server) => {
      await warm(server)
      const body = `${server.dialect.body}&private=on`
      return load(server, { subscribers: 2000, rate: 20, seconds: 4, other: { body, percent } })
    },
  })),
}
