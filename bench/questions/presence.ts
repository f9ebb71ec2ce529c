import { type Bench, columns } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { type Contestant, durableHub, grant, hub } from '../harness/server.ts'

const connections = 10_000
const subscriptions = { MERCURE_SUBSCRIPTIONS: '1' }
const grants = [grant('subscribe', ['*'])]

/** A hub, and the same with presence on; with a grace each arrival is looked up among those who left. */
function pair(make: typeof hub, name: string): readonly Contestant[] {
  return [
    make({ name, grants }),
    make({ name: `${name}, presence`, grants, env: subscriptions }),
    make({
      name: `${name}, presence and grace`,
      grants,
      env: { ...subscriptions, MERCURE_SUBSCRIPTION_GRACE: '5s' },
    }),
  ]
}

export const presence: Bench = {
  question:
    'What does it cost to tell who is listening? 10,000 connects with presence off and on, while somebody publishes.',
  axis: 'connections',
  figures: [
    columns.connectCpu,
    columns.memoryEach,
    { key: 'pub_p50_us', title: 'publish p50 meanwhile', unit: 'ms', factor: 0.001 },
    { key: 'pub_p99_us', title: 'publish p99 meanwhile', unit: 'ms', factor: 0.001 },
  ],
  comparedWith: 'memory',
  points: [
    {
      x: connections,
      contestants: [...pair(hub, 'memory'), ...pair(durableHub, 'durable')],
      measure: async (server) => {
        const publishing = load(server, { subscribers: 0, rate: 100, seconds: 8 })
        const connecting = await load(server, { subscribers: connections, rate: 1, seconds: 6 })
        const { pub_p50_us = 0, pub_p99_us = 0 } = await publishing
        return { ...connecting, pub_p50_us, pub_p99_us }
      },
    },
  ],
  remark: 'The publisher’s requests are part of the CPU per connect, in all of them alike.',
}
