import t from 'tap'
import { startHubs } from '../fixtures/cluster.ts'
import { type HubProcess, temporaryFolder, type Test } from '../fixtures/hub-process.ts'
import {
  arrivals,
  connect,
  everything,
  inTime,
  kick,
  listed,
  seenBy,
  tokenOf,
} from '../fixtures/presence.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { until } from '../fixtures/until.ts'

const histories = {
  'one lmdb file': async (t: Test) => `lmdb:${temporaryFolder(t)}`,
  redis: async (t: Test) => (await RedisServer.start(t)).url,
}

const presence = { MERCURE_SUBSCRIPTIONS: '1' }
const matchesAt = async ({ origin }: HubProcess) =>
  (await listed(origin)).map(({ match }) => match).toSorted()

for (const [name, historyOf] of Object.entries(histories)) {
  t.test(`two hubs on ${name}: a kick through one closes the streams of both`, async (t) => {
    const [one, two] = (await startHubs(t, 2, await historyOf(t), presence)) as [
      HubProcess,
      HubProcess,
    ]
    const token = tokenOf('bob')
    const bobs = [
      await connect(t, one.origin, 'match=a', { token }),
      await connect(t, two.origin, 'match=b', { sub: 'bob' }),
    ]
    const [alice, carol] = [
      await connect(t, two.origin, 'match=alice', { sub: 'alice' }),
      await connect(t, one.origin, 'match=carol', { sub: 'carol' }),
    ]
    await until(async () => (await listed(one.origin)).length === 4)
    await until(async () => (await listed(two.origin)).length === 4)
    const [subscription] = await listed(two.origin, '?topic=alice')

    const bySubject = await kick(two, { sub: 'bob' })
    t.strictSame(JSON.parse(bySubject.text), { closed: 2, unanswered: [] })
    await Promise.all(bobs.map(({ closed }) => closed))
    t.equal((await connect(t, two.origin, 'match=a', { token })).head.status, 204)
    t.equal((await connect(t, one.origin, 'match=a', { token })).head.status, 204)

    const byUrl = await kick(one, { subscription: subscription?.id })
    t.strictSame(JSON.parse(byUrl.text), { closed: 1, unanswered: [] })
    await alice.closed
    t.strictSame(JSON.parse((await kick(one, { subscription: subscription?.id })).text), {
      closed: 0,
      unanswered: [],
    })
    t.equal((await kick(two, { subscription: 'x' })).status, 400)
    t.equal(carol.isClosed, false)
    await until(async () => (await matchesAt(two)).join() === 'carol')
  })

  t.test(`two hubs on ${name}: an arrival is told and listed at both before its 200`, async (t) => {
    const hubs = await startHubs(t, 2, await historyOf(t), presence)

    t.strictSame(await arrivals(t, hubs, 20), inTime(2, 20))
  })

  t.test(`two hubs on ${name}: what a killed hub left ends, each once`, async (t) => {
    const [one, two] = (await startHubs(t, 2, await historyOf(t), presence)) as [
      HubProcess,
      HubProcess,
    ]
    const watcher = await connect(t, one.origin, everything, { sub: 'watcher' })
    for (let i = 0; i < 10; i++) await connect(t, two.origin, `match=t${i}`)
    await until(() => seenBy(watcher).length === 11)
    t.equal((await listed(one.origin)).length, 11)

    await two.kill()
    await until(async () => (await listed(one.origin)).length === 1)
    await connect(t, one.origin, 'match=last')
    await until(() => seenBy(watcher).includes('last true'))

    const ends = seenBy(watcher).filter((event) => event.endsWith('false'))
    t.strictSame(
      ends.toSorted(),
      Array.from({ length: 10 }, (_, i) => `t${i} false`),
    )
  })

  t.test(`two hubs on ${name}: a hub that was taken for dead has its streams back`, async (t) => {
    const [one, two] = (await startHubs(t, 2, await historyOf(t), presence)) as [
      HubProcess,
      HubProcess,
    ]
    const watcher = await connect(t, one.origin, everything, { sub: 'watcher' })
    const stream = await connect(t, two.origin, 'match=a')
    await connect(t, two.origin, 'match=b')
    await until(() => seenBy(watcher).length === 3)

    two.signal('SIGSTOP')
    await until(() => seenBy(watcher).length === 5)
    t.equal((await listed(one.origin)).length, 1, 'a lease that is over ends them')
    two.signal('SIGCONT')
    await until(() => seenBy(watcher).length === 7)

    t.strictSame(await matchesAt(one), await matchesAt(two))
    t.equal((await listed(two.origin)).length, 3)
    t.strictSame(seenBy(watcher).slice(1), [
      'a true',
      'b true',
      ...seenBy(watcher).slice(3, 5),
      ...seenBy(watcher).slice(5, 7),
    ])
    t.strictSame(seenBy(watcher).slice(3, 5).toSorted(), ['a false', 'b false'])
    t.strictSame(seenBy(watcher).slice(5, 7).toSorted(), ['a true', 'b true'])
    stream.reset()
    await until(() => seenBy(watcher).length === 8)
    t.equal(seenBy(watcher)[7], 'a false')
  })
}

t.test('while Redis says nothing a stream opens all the same, and is told of later', async (t) => {
  const redis = await RedisServer.start(t)
  const [hub] = (await startHubs(t, 1, redis.url, presence)) as [HubProcess]
  const watcher = await connect(t, hub.origin, everything)
  await until(() => watcher.events.length === 1)

  redis.signal('SIGSTOP')
  const newcomer = await connect(t, hub.origin, 'match=patient')
  const seenMeanwhile = seenBy(watcher).length
  redis.signal('SIGCONT')

  t.strictSame([newcomer.head.status, seenMeanwhile], [200, 1])
  await until(() => seenBy(watcher).includes('patient true'))
  await until(async () => (await matchesAt(hub)).includes('patient'))
})
