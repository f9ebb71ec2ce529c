import t, { type Test } from 'tap'
import { listen, Publishers, publishTo, replayed, startHubs } from '../fixtures/cluster.ts'
import type { HubProcess } from '../fixtures/hub-process.ts'
import type { LoyalCrowd } from '../fixtures/loyal-crowd.ts'
import { RedisServer } from '../fixtures/redis.ts'

const subscribers = 300
const publishers = 16
/** A short storm; CINNABAR_LONG=1 has ten times as many deaths. */
const rounds = process.env['CINNABAR_LONG'] === '1' ? 10 : 1
const updatesBetween = 200

t.test(
  'three hubs have one sequence, and nothing acknowledged is missing or doubled, when one of them and Redis are killed',
  { timeout: 900_000 },
  async (t) => {
    const redis = await RedisServer.start(t)
    const hubs = await startHubs(t, 3, redis.url)
    const crowd = await listen(t, hubs, subscribers)

    const publishing = Publishers.at(t, hubs, publishers)
    for (let round = 0; round < rounds; round++) {
      const victim = hubs[round % 3] as HubProcess
      await publishing.more(updatesBetween)
      await victim.kill()
      await publishing.more(updatesBetween)
      await victim.start()
      await publishing.more(updatesBetween)
      await redis.kill()
      await redis.start()
    }
    await publishing.more(updatesBetween)

    await holdsOneSequence(t, hubs, crowd, await publishing.end())
  },
)

/** Every stream heard the same, each hub has it kept so, and everything acknowledged is in it once, in its publisher's order. */
async function holdsOneSequence(
  t: Test,
  hubs: readonly HubProcess[],
  crowd: LoyalCrowd,
  acknowledged: readonly string[],
): Promise<void> {
  const [first] = hubs as [HubProcess]
  t.equal((await publishTo(first, 'end')).status, 200)
  const { heard, refused } = await crowd.until((report) =>
    Object.keys(report.heard).every((data) => data.endsWith(',end')),
  )
  const kept = await Promise.all(hubs.map((hub) => replayed(t, hub, 'end')))

  const sequence = kept[0]?.join() ?? ''
  t.ok(
    kept.every((data) => data.join() === sequence),
    'each hub replays the same',
  )
  t.strictSame(Object.values(heard), [subscribers], 'every stream heard the same')
  t.ok(sequence in heard, 'which is what the hubs replay')
  t.strictSame(kept[0]?.toSorted(), [...acknowledged, 'end'].sort(), 'everything once')
  for (let publisher = 0; publisher < publishers; publisher++) {
    const isIts = (data: string) => data.startsWith(`${publisher}:`)
    t.equal(kept[0]?.filter(isIts).join(), acknowledged.filter(isIts).join(), 'in its order')
  }
  t.equal(refused, 0, 'no stream got another status than 200')
}
