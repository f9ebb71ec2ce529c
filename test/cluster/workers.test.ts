import t, { type Test } from 'tap'
import { listen, portOf, Publishers, publishTo, replayed, startHub } from '../fixtures/cluster.ts'
import type { HubProcess } from '../fixtures/hub-process.ts'
import { temporaryFolder } from '../fixtures/hub-process.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { childrenOf, isRunning } from '../fixtures/workers.ts'
import { until } from '../fixtures/until.ts'

const twoWorkers = { MERCURE_WORKERS: '2' }

t.test('workers of two machines are one hub, also when one of them is killed', async (t) => {
  const redis = await RedisServer.start(t)
  const hubs = [
    await startHub(t, redis.url, twoWorkers),
    await startHub(t, redis.url, twoWorkers),
  ] as const
  const crowd = await listen(t, hubs, 100)

  const publishing = Publishers.at(t, hubs, 8)
  await publishing.more(100)
  const [victim = 0] = childrenOf(hubs[0].pid ?? 0)
  process.kill(victim, 'SIGKILL')
  await until(() => !isRunning(victim) && childrenOf(hubs[0].pid ?? 0).length === 2)
  await publishing.more(200)
  const acknowledged = await publishing.end()
  await publishTo(hubs[1], 'end')

  const { heard, refused } = await crowd.until((report) =>
    Object.keys(report.heard).every((data) => data.endsWith(',end')),
  )
  const kept = await Promise.all(hubs.map((hub) => replayed(t, hub, 'end')))
  t.strictSame(kept[0]?.toSorted(), [...acknowledged, 'end'].sort())
  t.equal(kept[1]?.join(), kept[0]?.join())
  t.strictSame(heard, { [kept[0]?.join() ?? '']: 100 })
  t.equal(refused, 0)
})

for (const [title, open] of [
  ['two hubs on Redis', (t) => startPair(t, {})],
  ['two hubs of two workers on Redis', (t) => startPair(t, twoWorkers)],
  [
    'two workers on one file',
    async (t) => [await startHub(t, `lmdb:${temporaryFolder(t)}`, twoWorkers)],
  ],
] satisfies [string, (t: Test) => Promise<HubProcess[]>][])
  t.test(`a key makes a publish happen once: ${title}`, async (t) => {
    const hubs = await open(t)
    const each = (send: (hub: HubProcess) => ReturnType<typeof publishTo>) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => send(hubs[n % hubs.length] as HubProcess)))

    const first = await publishTo(hubs[0] as HubProcess, 'paid', { key: 'order 1' })
    const repeated = await each((hub) => publishTo(hub, 'paid', { key: 'order 1' }))
    const changed = await each((hub) => publishTo(hub, 'paid twice', { key: 'order 1' }))
    const atOnce = await each((hub) => publishTo(hub, 'shipped', { key: 'order 2' }))
    await publishTo(hubs[0] as HubProcess, 'end')

    t.equal(first.status, 200)
    t.strictSame(
      new Set(repeated.map(({ status, text }) => `${status} ${text}`)),
      new Set([`200 ${first.text}`]),
    )
    t.strictSame(new Set(changed.map(({ status }) => status)), new Set([422]))
    t.equal(
      new Set(atOnce.map(({ status, text }) => `${status} ${text}`)).size,
      1,
      'one id for all',
    )
    for (const hub of hubs)
      t.strictSame(await replayed(t, hub, 'end'), ['paid', 'shipped', 'end'], `${portOf(hub)}`)
  })

async function startPair(t: Test, env: Readonly<Record<string, string>>): Promise<HubProcess[]> {
  const redis = await RedisServer.start(t)
  return Promise.all([startHub(t, redis.url, env), startHub(t, redis.url, env)])
}
