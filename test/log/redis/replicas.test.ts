import t, { type Test } from 'tap'
import { RedisLog, type RedisOptions } from '../../../src/log/redis/redis-log.ts'
import { RedisServer, startReplica } from '../../fixtures/redis.ts'
import { until } from '../../fixtures/until.ts'
import { readAll, unlimited } from '../contract.ts'
import { outcome } from './outcome.ts'

t.jobs = 4 // they wait, mostly

async function open(t: Test, url: string, options: RedisOptions = {}) {
  const log = await RedisLog.open(url, unlimited, options)
  t.teardown(() => log.close())
  return log
}

t.test(
  'what is acknowledged is on a replica, and without one nothing is',
  { buffered: true },
  async (t) => {
    const primary = await RedisServer.start(t)
    const warnings: string[] = []
    const log = await open(t, `${primary.url}?replicas=1`, {
      onWarning: (sentence) => warnings.push(sentence),
    })

    t.match(warnings, [/0 replicas are connected, and replicas=1/])
    t.equal(await outcome(log, 'alone'), 'unavailable')
    const replica = await startReplica(t, primary)
    await until(() => log.health().ok)
    for (let n = 0; n < 20; n++) {
      t.equal(await outcome(log, `u${n}`), 'stored')
      t.ok(await replica.client.hexists('{mercure}:ids', `u${n}`), 'the replica has it by then')
    }
  },
)

t.test(
  'a replica that falls silent holds up acknowledgements, none is false',
  { buffered: true },
  async (t) => {
    const primary = await RedisServer.start(t)
    const replica = await startReplica(t, primary)
    const log = await open(t, primary.url)
    t.equal(await outcome(log, 'a'), 'stored')

    replica.signal('SIGSTOP')
    t.equal(await outcome(log, 'b'), 'unavailable')
    t.match(log.health(), { ok: false })
    replica.signal('SIGCONT')
    await until(() => log.health().ok)
    t.equal(await outcome(log, 'c'), 'stored')

    const found = (await readAll(log)).map((entry) => entry.update.id)
    t.strictSame(found, ['a', 'b', 'c'], 'nobody was told about b, and it is there once')
  },
)

t.test(
  'a primary that lost its replica is not believed at once, and later with a warning',
  { buffered: true },
  async (t) => {
    const primary = await RedisServer.start(t)
    const replica = await startReplica(t, primary)
    const warnings: string[] = []
    const log = await open(t, primary.url, { onWarning: (sentence) => warnings.push(sentence) })
    t.equal(await outcome(log, 'a'), 'stored')

    await replica.kill()
    t.equal(await outcome(log, 'b'), 'unavailable')
    await until(() => warnings.length > 0)
    t.match(warnings, [/no replica is connected any more/])
    await until(() => log.health().ok)
    t.equal(await outcome(log, 'c'), 'stored')
  },
)

t.test(
  'a server that becomes a replica refuses, and takes updates again as a primary',
  { buffered: true },
  async (t) => {
    const other = await RedisServer.start(t)
    const server = await RedisServer.start(t)
    const log = await open(t, server.url)
    t.equal(await outcome(log, 'a'), 'stored')

    await server.client.call('REPLICAOF', '127.0.0.1', other.port)
    t.equal(await outcome(log, 'b'), 'unavailable')
    t.match(log.health(), { ok: false })
    await server.client.call('REPLICAOF', 'NO', 'ONE')

    await until(async () => (await outcome(log, 'c')) === 'stored')
    await until(() => log.health().ok)
  },
)
