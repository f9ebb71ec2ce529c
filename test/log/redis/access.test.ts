import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RedisLog, type RedisOptions } from '../../../src/log/redis/redis-log.ts'
import { freePort } from '../../fixtures/free-port.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { RedisServer, startCluster } from '../../fixtures/redis.ts'
import { until } from '../../fixtures/until.ts'
import { readAll, unlimited, update } from '../contract.ts'

async function open(t: Test, url: string, options: RedisOptions = {}) {
  const log = await RedisLog.open(url, { ...unlimited, maxEntries: 5 }, options)
  t.teardown(() => log.close())
  return log
}

const ids = async (log: RedisLog) => (await readAll(log)).map((entry) => entry.update.id)

/** Where Redis is, and what a hub that is not let in is told. */
function refused(t: Test, url: string, message: RegExp) {
  const started = performance.now()
  return t.rejects(RedisLog.open(url, unlimited), { message }).then(() => {
    t.ok(performance.now() - started < 8_000, 'at once, not when waiting is over')
  })
}

t.jobs = 4

t.test(
  'TLS: who is not trusted is refused, with the CA it is encrypted',
  { buffered: true },
  async (t) => {
    const folder = temporaryFolder(t)
    const [key, ca] = [join(folder, 'key.pem'), join(folder, 'ca.pem')]
    const names = ['-subj', '/CN=redis.example', '-addext', 'subjectAltName=DNS:redis.example']
    spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, '-keyout', key, '-out', ca]) // prettier-ignore
    const tlsPort = await freePort()
    const files = ['--tls-cert-file', ca, '--tls-key-file', key, '--tls-ca-cert-file', ca]
    await RedisServer.start(t, {
      args: ['--tls-port', String(tlsPort), ...files, '--tls-auth-clients', 'optional'],
    })
    const at = `rediss://127.0.0.1:${tlsPort}/0`

    const log = await open(t, `${at}?ca=${ca}&servername=redis.example`)
    await log.append([update('a')])
    t.strictSame(await ids(log), ['a'])

    const within = { startWithinMs: 2_000 }
    await t.rejects(RedisLog.open(`${at}?servername=redis.example`, unlimited, within), {
      message: /transport_url: cannot use Redis: TLS with it fails/,
    })
    await t.rejects(RedisLog.open(`${at}?ca=${ca}&servername=other.example`, unlimited, within), {
      message: /transport_url: cannot use Redis: TLS with it fails/,
    })
  },
)

/** As docs/cluster.md lists them. */
const rights =
  '~{mercure}:* -@all +eval +evalsha +script|load +role +info +config|get +ping +wait +select ' +
  '+type +time +get +set +pexpire +del +hget +hmget +hset +hsetnx +hdel +hlen +xadd +xread +xrange +xrevrange +xlen +xdel +xtrim +zadd +zrem +zcard +zrangebyscore +zrangebylex +rpush +lpop +lindex'

t.test('a Cluster asks for two rights more', { buffered: true }, async (t) => {
  const nodes = await startCluster(t)
  const grant = (more: string) =>
    Promise.all(nodes.map(({ client }) => client.call('ACL', 'SETUSER', 'hub', 'on', '>secret', ...rights.split(' '), ...more.split(' ')))) // prettier-ignore
  const url = `redis+cluster://hub:secret@127.0.0.1:${nodes[0]?.port}`

  await grant('+cluster|slots')
  await refused(t, url, /'cluster\|keyslot'/)
  await grant('+cluster|slots +cluster|keyslot')
  const log = await open(t, url)
  t.match(await log.append([update('a')]), { outcome: 'stored' })
  t.strictSame(await ids(log), ['a'])
  t.match(log.health(), { ok: true })
})

t.test(
  'a user needs the rights that docs/cluster.md lists, and no others',
  { buffered: true },
  async (t) => {
    const server = await RedisServer.start(t)
    await server.client.call('ACL', 'SETUSER', 'hub', 'on', '>secret', ...rights.split(' ')) // prettier-ignore
    const warnings: string[] = []
    const url = `redis://hub:secret@127.0.0.1:${server.port}/0`
    const log = await open(t, url, { onWarning: (sentence) => warnings.push(sentence) })

    for (let n = 0; n < 20; n++)
      await log.append([update(`u${n}`)], {
        once: { key: `k${n}`, fingerprint: 'f', windowMs: 1 },
        marks: [{ name: `m${n}`, from: undefined, to: 'x' }],
      })
    await log.append([], { marks: [{ name: 'm0', from: 'x', to: undefined }] })
    await log.append([update('u0')], { kind: 'presence' })
    t.equal((await log.marks('m', '', 100)).marks.length, 19)
    await until(() => log.stats().entries <= 5)
    await until(() => log.stats().onceKeys === 0)
    await log.locate('u19')

    t.match(log.health(), { ok: true })
    t.strictSame(warnings, [])
    await server.client.call('ACL', 'SETUSER', 'hub', '-xadd')
    await t.rejects(log.append([update('b')]), { code: 'unavailable' })
    t.match(log.health(), { ok: false })
    await refused(t, `${url}?prefix=another`, /its user may not run the commands or use the keys/)
  },
)

t.test(
  'a wrong password, one that is missing, and an unknown user are told at once',
  { buffered: true },
  async (t) => {
    const server = await RedisServer.start(t)
    await server.client.config('SET', 'requirepass', 'right')
    const at = `127.0.0.1:${server.port}/0`

    await refused(t, `redis://:wrong@${at}`, /transport_url: cannot use Redis: user or password is wrong/) // prettier-ignore
    await refused(t, `redis://nobody:right@${at}`, /user or password is wrong/)
    await refused(t, `redis://${at}`, /it wants a password, and the URL has none/)
    const log = await open(t, `redis://:right@${at}`)
    t.match(await log.append([update('a')]), { outcome: 'stored' })
  },
)

t.test('hubs with another prefix or database are strangers', { buffered: true }, async (t) => {
  const server = await RedisServer.start(t)
  const at = `redis://127.0.0.1:${server.port}`
  const urls = [`${at}/0`, `${at}/0?prefix=other`, `${at}/3`]
  const logs = await Promise.all(urls.map((url) => open(t, url)))

  for (const [index, log] of logs.entries())
    for (let n = 0; n <= index; n++)
      await log.append([update(`${index}-${n}`)], {
        marks: [{ name: `${index}-${n}`, from: undefined, to: 'x' }],
      })

  for (const [index, log] of logs.entries()) {
    const own = Array.from({ length: index + 1 }, (_, n) => `${index}-${n}`)
    t.strictSame(await ids(log), own)
    t.strictSame(
      (await log.marks('', '', 10)).marks.map(({ name }) => name),
      own,
    )
  }
  t.equal(new Set(logs.map((log) => log.epoch)).size, 3)
  await refused(t, `${at}/99`, /it has no database of that number/)
})

t.test(
  'a Redis that is too old, or too old for wait=aof, is told at once',
  { buffered: true },
  async (t) => {
    const server = await RedisServer.start(t)
    const [, version = ''] = /redis_version:(\S+)/.exec(await server.client.info('server')) ?? []
    if (Number.parseFloat(version) < 7.2)
      await refused(t, `${server.url}?wait=aof`, /wait=aof needs Redis 7.2, Valkey 7.2 or later/)

    const info = '# Server\r\nredis_version:6.2.7\r\nrun_id:abc\r\n'
    const old = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        const commands = bytes.toString().match(/\*\d+\r\n\$\d+\r\n\w+/g) ?? []
        for (const command of commands)
          if (/role$/i.test(command)) socket.write('*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n')
          else if (/info$/i.test(command)) socket.write(`$${info.length}\r\n${info}\r\n`)
          else socket.write('+OK\r\n')
      })
    }).listen(0, '127.0.0.1')
    await once(old, 'listening')
    t.teardown(() => old.close())
    const { port } = old.address() as AddressInfo
    await refused(t, `redis://127.0.0.1:${port}/0`, /it is too old: Redis 7, Valkey 7.2 or later is needed \(VERSION 6.2.7\)/) // prettier-ignore
  },
)

t.test('a Redis that is not there is waited for, and then named', { buffered: true }, async (t) => {
  const server = await RedisServer.make(t)
  const opening = open(t, server.url)
  await server.start()
  await opening

  await server.kill()
  await t.rejects(RedisLog.open(server.url, unlimited, { startWithinMs: 1_500 }), {
    message: /transport_url: cannot use Redis: nothing listens there/,
  })
})

t.test('settings that may lose updates are told at the start', { buffered: true }, async (t) => {
  const told = async (options: Parameters<typeof RedisServer.start>[1], query = '') => {
    const server = await RedisServer.start(t, options)
    const warnings: string[] = []
    await open(t, `${server.url}${query}`, { onWarning: (sentence) => warnings.push(sentence) })
    return warnings.join('\n')
  }

  t.equal(await told({}), '')
  t.match(await told({ appendfsync: 'no' }), /persistence is off/)
  t.match(
    await told({ appendfsync: 'everysec', args: ['--maxmemory-policy', 'allkeys-lru'] }),
    /appendfsync is everysec[^]*maxmemory-policy is allkeys-lru/,
  )
  t.match(await told({}, '?replicas=1'), /0 replicas are connected, and replicas=1/)
})
