import t from 'tap'
import { listen, portOf, publishTo, replayed, startHub } from '../fixtures/cluster.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { until } from '../fixtures/until.ts'

const subscribers = 10

interface Fault {
  readonly name: string
  readonly begin: (redis: RedisServer) => unknown
  readonly end: (redis: RedisServer) => unknown
}

const faults: readonly Fault[] = [
  {
    name: 'is killed',
    begin: (redis) => redis.kill(),
    end: (redis) => redis.start(),
  },
  {
    name: 'is stopped, and says nothing',
    begin: (redis) => redis.signal('SIGSTOP'),
    end: (redis) => redis.signal('SIGCONT'),
  },
  {
    name: 'holds up its clients',
    begin: ({ client }) => client.call('CLIENT', 'PAUSE', 10_000, 'ALL'),
    end: () => {}, // by itself: it would not listen
  },
  {
    name: 'becomes a replica',
    begin: ({ client }) => client.call('REPLICAOF', '127.0.0.1', 1),
    end: ({ client }) => client.call('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'has no memory left',
    begin: ({ client }) => client.config('SET', 'maxmemory', '1'),
    end: ({ client }) => client.config('SET', 'maxmemory', '0'),
  },
  {
    name: 'holds something else at a key',
    begin: ({ client }) => client.set('{mercure}:names', 'of somebody else'),
    end: ({ client }) => client.del('{mercure}:names'),
  },
]

t.jobs = 4 // they wait, mostly

for (const { name, begin, end } of faults)
  t.test(
    `while Redis ${name}, publishers get 503 in time, streams stay, and it all comes back`,
    { buffered: true },
    async (t) => {
      const redis = await RedisServer.start(t)
      const hub = await startHub(t, redis.url)
      const crowd = await listen(t, [hub], subscribers)
      const isReady = async () => (await fetch(`${hub.adminUrl}/health/ready`)).status === 200
      t.equal((await publishTo(hub, 'before')).status, 200)
      t.ok(await isReady())

      await begin(redis)
      const startedMs = performance.now()
      const answer = await publishTo(hub, 'meanwhile')
      const tookMs = performance.now() - startedMs
      t.equal(answer.status, 503)
      t.match(answer.headers, { 'retry-after': /^\d+$/ })
      t.ok(tookMs < 9_000, `answered after ${Math.round(tookMs)} ms`)
      await until(async () => !(await isReady()))
      t.equal((await fetch(`${hub.adminUrl}/health/live`)).status, 200)

      await end(redis)
      await until(isReady)
      t.equal((await publishTo(hub, 'meanwhile')).status, 200, 'the same key again')
      t.equal((await publishTo(hub, 'after')).status, 200)

      const { heard, connected } = await crowd.until((report) =>
        Object.keys(report.heard).every((data) => data.endsWith('after')),
      )
      t.strictSame(heard, { 'before,meanwhile,after': subscribers }, 'in order, once')
      t.strictSame(await replayed(t, hub, 'after'), ['before', 'meanwhile', 'after'])
      t.equal(connected, subscribers)
      t.equal(hub.log.filter((line) => line['msg'] === 'stream closed').length, 0)
      const told = (text: string) => hub.log.filter(({ msg }) => String(msg).includes(text)).length
      t.equal(told('the history in Redis cannot be used'), 1, 'one line, however long it lasts')
      t.equal(told('the history in Redis can be used again'), 1)
    },
  )

t.test(
  'nobody notices that scripts are flushed and connections killed',
  { buffered: true },
  async (t) => {
    const redis = await RedisServer.start(t)
    const hub = await startHub(t, redis.url)
    const crowd = await listen(t, [hub], subscribers)
    const sent = Array.from({ length: 40 }, (_, n) => `u${n}`)

    for (const [n, data] of sent.entries()) {
      if (n % 4 === 0) await redis.client.script('FLUSH')
      if (n % 4 === 2) await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      t.equal((await publishTo(hub, data)).status, 200)
    }

    const { heard } = await crowd.until((report) =>
      Object.keys(report.heard).every((data) => data.endsWith('u39')),
    )
    t.strictSame(heard, { [sent.join()]: subscribers })
  },
)

t.test(
  'a hub waits for a Redis that starts later, and ends with a sentence when none does',
  { buffered: true },
  async (t) => {
    const redis = await RedisServer.make(t)
    const starting = startHub(t, redis.url)
    await redis.start()
    const hub = await starting
    t.equal((await publishTo(hub, 'a')).status, 200)
    t.ok(portOf(hub) > 0)
    await redis.kill()

    await t.rejects(startHub(t, redis.url), {
      message: /the hub ended with 1[^]*transport_url: cannot use Redis: nothing listens there/,
    })
  },
)
