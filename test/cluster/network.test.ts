import t from 'tap'
import { listen, Publishers, publishTo, replayed, startHubs } from '../fixtures/cluster.ts'
import type { HubProcess } from '../fixtures/hub-process.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { seeded } from '../fixtures/until.ts'

const subscribers = 60
const publishers = 8
/** A short storm; CINNABAR_LONG=1 has one of a minute, CINNABAR_SEED another one. */
const stormMs = process.env['CINNABAR_LONG'] === '1' ? 60_000 : 8_000
const seed = Number(process.env['CINNABAR_SEED'] ?? 1)

t.test(
  'a network that cuts, holds up, half closes and swallows changes nothing that is heard',
  { timeout: 300_000 },
  async (t) => {
    const redis = await RedisServer.start(t)
    const networks = await Promise.all([0, 1].map(() => TcpProxy.start(t, redis.port)))
    const [[first], [second]] = (await Promise.all(
      networks.map(({ port }) => startHubs(t, 1, `redis://127.0.0.1:${port}/0`)),
    )) as [[HubProcess], [HubProcess]]
    const hubs = [first, second]
    const crowd = await listen(t, hubs, subscribers)
    const random = seeded(seed)
    const counts = { cut: 0, hold: 0, halfClose: 0, deafen: 0 }

    const publishing = Publishers.at(t, hubs, publishers)
    for (const endMs = performance.now() + stormMs; performance.now() < endMs;) {
      const network = networks[random() < 0.5 ? 0 : 1] as TcpProxy
      const fault = random()
      const name =
        fault < 0.4 ? 'cut' : fault < 0.7 ? 'hold' : fault < 0.85 ? 'halfClose' : 'deafen'
      counts[name]++
      if (name === 'hold') network.hold(0.5, 50 + 1_000 * random(), random)
      else network[name](0.5, random)
      await new Promise((resolve) => setTimeout(resolve, 50 + 300 * random()))
    }
    const acknowledged = await publishing.end()
    let status = 0
    while (status !== 200) ({ status } = await publishTo(first, 'end'))

    t.comment(`seed ${seed}: ${JSON.stringify(counts)}, ${acknowledged.length} acknowledged`)
    const { heard, refused } = await crowd.until((report) =>
      Object.keys(report.heard).every((data) => data.endsWith(',end')),
    )
    const kept = await Promise.all(hubs.map((hub) => replayed(t, hub, 'end')))
    t.strictSame(kept[0], kept[1], 'both hubs replay the same')
    t.strictSame(Object.values(heard), [subscribers], 'every stream heard the same')
    t.ok((kept[0]?.join() ?? '') in heard, 'which is what the hubs replay')
    t.strictSame(kept[0]?.toSorted(), [...acknowledged, 'end'].sort(), 'everything once')
    for (let publisher = 0; publisher < publishers; publisher++) {
      const isIts = (data: string) => data.startsWith(`${publisher}:`)
      t.equal(kept[0]?.filter(isIts).join(), acknowledged.filter(isIts).join(), 'in its order')
    }
    t.equal(refused, 0, 'no stream got another status than 200')
  },
)
