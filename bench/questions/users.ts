import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { grant, hub, hubPath, token, topic } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const count = 10_000
const shared = topic.replace('%t', '0')

/** Everybody has the same token and topics: one cohort. */
const oneCohort = hub({ name: 'cinnabar, one cohort' })
/** Everybody has a token and a private topic of their own: as many cohorts as users. */
const ownTokens = hub({
  name: 'cinnabar, a token each',
  path: `${hubPath}?match=${shared}&match=https://example.com/users/%i`,
})

const saturated = { subscribers: count, rate: 0, seconds: 4, publishers: 16 }

export const users: Bench = {
  question:
    'What does a shared topic cost when each of 10,000 users has a token and a private topic of their own?',
  axis: 'users',
  figures: [columns.deliveries, columns.cpu, columns.connectCpu, columns.memoryEach],
  comparedWith: 'cinnabar, one cohort',
  points: [
    {
      x: count,
      contestants: [oneCohort, ownTokens],
      measure: async (server) => {
        await warm(server)
        if (!server.dialect.path.includes('/users/')) return load(server, saturated)
        const audience = `http://127.0.0.1:${server.port}${hubPath}`
        const headers = Array.from({ length: count }, (_, number) => {
          const details = [grant('subscribe', [`https://example.com/users/${number}`])]
          return `Authorization: Bearer ${token(audience, details, `user-${number}`)}`
        })
        return load(server, { ...saturated, headers })
      },
    },
  ],
}
