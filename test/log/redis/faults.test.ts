import t, { type Test } from 'tap'
import type { Retention } from '../../../src/log/log.ts'
import { RedisLog, type RedisOptions } from '../../../src/log/redis/redis-log.ts'
import { RedisServer } from '../../fixtures/redis.ts'
import { until } from '../../fixtures/until.ts'
import { readAll, unlimited, update } from '../contract.ts'
import { outcome } from './outcome.ts'

async function open(
  t: Test,
  url: string,
  retention: Partial<Retention> = {},
  options: RedisOptions = {},
) {
  const log = await RedisLog.open(url, { ...unlimited, ...retention }, options)
  t.teardown(() => log.close())
  return log
}

const ids = async (log: RedisLog) => (await readAll(log)).map((entry) => entry.update.id)

t.test(
  'a Redis that is paused or stopped refuses in time, and stores again by itself',
  async (t) => {
    const server = await RedisServer.start(t)
    const log = await open(t, server.url)
    await log.append([update('a')])

    server.signal('SIGSTOP')
    t.equal(await outcome(log, 'b'), 'unavailable')
    t.match(log.health(), { ok: false })
    server.signal('SIGCONT')
    await until(() => log.health().ok)

    t.equal(await outcome(log, 'c'), 'stored')
    const found = await ids(log)
    t.strictSame(
      found.filter((id) => id !== 'b'),
      ['a', 'c'],
    )
    t.ok(found.filter((id) => id === 'b').length <= 1, 'what was sent again is stored once at most')
  },
)

t.test('a Redis that is killed comes back with everything acknowledged', async (t) => {
  const server = await RedisServer.start(t)
  const troubles: string[] = []
  let recovered = 0
  const log = await open(
    t,
    server.url,
    {},
    { onTrouble: (problem) => troubles.push(problem), onRecovered: () => recovered++ },
  )
  const acknowledged: string[] = []
  let isOver = false
  const publishing = Promise.all(
    Array.from({ length: 16 }, async (_, writer) => {
      for (let n = 0; !isOver; n++) {
        const id = `w${writer}-${n}`
        if ((await outcome(log, id)) === 'stored') acknowledged.push(id)
      }
    }),
  )
  await until(() => acknowledged.length > 100)
  await server.kill()
  await until(() => !log.health().ok)
  await server.start()
  const before = acknowledged.length
  await until(() => acknowledged.length > before + 100)
  isOver = true
  await publishing

  await until(() => log.health().ok)
  const found = await ids(log)
  t.strictSame(
    acknowledged.filter((id) => !found.includes(id)),
    [],
  )
  t.equal(new Set(found).size, found.length, 'nothing twice')
  t.ok(troubles.length > 0 && recovered === 1)
})

t.test('a Redis without memory refuses, tells, and takes updates again by itself', async (t) => {
  const server = await RedisServer.start(t)
  const log = await open(t, server.url)
  await log.append([update('a')])

  await server.client.config('SET', 'maxmemory', '1')
  t.equal(await outcome(log, 'b'), 'unavailable')
  t.match(log.health(), { ok: false })
  await server.client.config('SET', 'maxmemory', '0')
  await until(() => log.health().ok)

  t.equal(await outcome(log, 'c'), 'stored')
  t.strictSame(await ids(log), ['a', 'c'])
})

t.test('scripts that were flushed are loaded again', async (t) => {
  const server = await RedisServer.start(t)
  const log = await open(t, server.url)
  await log.append([update('a')])

  await server.client.script('FLUSH')

  t.equal(await outcome(log, 'b'), 'stored')
  t.strictSame(await ids(log), ['a', 'b'])
})

t.test('a key of another type refuses before anything is written', async (t) => {
  const server = await RedisServer.start(t)
  const log = await open(t, server.url)
  await server.client.set('{mercure}:marks', 'somebody else')

  t.equal(await outcome(log, 'a'), 'unavailable')
  t.equal(await server.client.xlen('{mercure}:log'), 0)
  await server.client.del('{mercure}:marks')
  await until(() => log.health().ok)
  t.equal(await outcome(log, 'b'), 'stored')

  await server.client.set('{other}:log', 'somebody else')
  await t.rejects(RedisLog.open(`${server.url}?prefix=other`, unlimited), {
    message: /transport_url: cannot use Redis: a key of the history holds something else/,
  })
})

t.test('connections that are killed are made again, without a gap or a repetition', async (t) => {
  const server = await RedisServer.start(t)
  const log = await open(t, server.url)
  const killing = (async () => {
    for (let i = 0; i < 10; i++) {
      await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })()
  const wanted = Array.from({ length: 300 }, (_, n) => `e${n}`)
  for (const id of wanted) t.equal(await outcome(log, id), 'stored')
  await killing

  await until(() => log.head === 300)
  t.strictSame(await ids(log), wanted)
  t.equal(log.stats().resets, 0)
})
