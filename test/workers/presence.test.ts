import t from 'tap'
import { resource } from '../fixtures/cluster.ts'
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
import { until } from '../fixtures/until.ts'
import { WorkersHub } from '../fixtures/workers.ts'

const env = { MERCURE_SUBSCRIPTIONS: '1', MERCURE_RESOURCE_IDENTIFIER: resource }

t.test('workers have one list, and a kick closes the streams of all', async (t) => {
  const { hub } = await WorkersHub.start(t, 2, env)
  const token = tokenOf('bob')
  const bobs = await Promise.all(
    Array.from({ length: 8 }, (_, i) => connect(t, hub.origin, `match=t${i}`, { token })),
  )
  const alice = await connect(t, hub.origin, 'match=alice', { sub: 'alice' })
  await until(async () => (await listed(hub.origin)).length === 9)

  const answer = await kick(hub, { sub: 'bob' })

  t.strictSame(JSON.parse(answer.text), { closed: 8, unanswered: [] })
  await Promise.all(bobs.map(({ closed }) => closed))
  for (let i = 0; i < 4; i++)
    t.equal((await connect(t, hub.origin, 'match=a', { token })).head.status, 204)
  // A stream ends first, and what the list says of it right after.
  await until(async () => (await listed(hub.origin)).length === 1)
  const [subscription] = await listed(hub.origin)
  t.strictSame(JSON.parse((await kick(hub, { subscription: subscription?.id })).text), {
    closed: 1,
    unanswered: [],
  })
  await alice.closed
  t.strictSame(JSON.parse((await kick(hub, { sub: 'bob' })).text), { closed: 0, unanswered: [] })
  t.equal((await kick(hub, { sub: 1 })).status, 400)
})

t.test('an arrival is told and listed before its 200, whichever worker it came to', async (t) => {
  const { hub } = await WorkersHub.start(t, 2, env)
  const both = [hub, hub] // connections go to the workers in turn

  t.strictSame(await arrivals(t, both, 20), inTime(2, 20))
})

t.test('what a killed worker left ends, each once', async (t) => {
  const workers = await WorkersHub.start(t, 2, env)
  const { hub } = workers
  const watchers = [
    await connect(t, hub.origin, everything, { sub: 'w' }),
    await connect(t, hub.origin, everything, { sub: 'w' }),
  ]
  const streams = await Promise.all(
    Array.from({ length: 10 }, (_, i) => connect(t, hub.origin, `match=t${i}`)),
  )
  await until(async () => (await listed(hub.origin)).length === 12)

  await workers.replace(workers.workers()[0] ?? 0)
  await until(async () => (await listed(hub.origin)).length < 12)
  await until(() => watchers.filter(({ isClosed }) => isClosed).length === 1)
  const gone = streams.flatMap(({ isClosed }, i) => (isClosed ? [`t${i} false`] : []))
  const watcher = watchers.find(({ isClosed }) => !isClosed)
  await until(
    () => seenBy(watcher as never).filter((event) => /t\d false/.test(event)).length >= gone.length,
  )
  await connect(t, hub.origin, 'match=last')
  await until(() => seenBy(watcher as never).includes('last true'))

  // Connections of the list's requests count while they are open: a stream or two may go the other way.
  t.ok(gone.length >= 3 && gone.length <= 7, `${gone.length} of 10 streams were its own`)
  t.strictSame(
    seenBy(watcher as never)
      .filter((event) => /^t\d false/.test(event))
      .toSorted(),
    gone,
  )
})
