import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import {
  type ConfigError,
  createHub,
  type EmbeddedHub,
  type EmbeddingOptions,
  type Gap,
} from '../../src/index.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const options: EmbeddingOptions = {
  transport_url: 'memory:',
  anonymous: true,
  subscriptions: true,
  trusted_issuers: [issuer],
  publisher_jwt_key: secret,
  subscriber_jwt_key: secret,
}

async function open(t: Test, more: EmbeddingOptions = {}): Promise<EmbeddedHub> {
  const hub = await createHub({ ...options, ...more })
  t.teardown(() => hub.close())
  return hub
}

async function listOf(hub: EmbeddedHub): Promise<unknown[]> {
  const found = []
  for await (const subscription of hub.subscriptions()) found.push(subscription)
  return found
}

t.test('a program hears what it and others publish, private updates too', async (t) => {
  const hub = await open(t)
  const stream = await hub
    .subscribe({ match: 'a', urlPattern: 'https://example.com/books/:id' })
    .open()

  const ids = await hub.publishBatch([
    { topic: 'a', data: 'one', type: 'named' },
    { topic: 'elsewhere', data: 'not for it' },
    { topic: ['x', 'https://example.com/books/1'], data: 'two\nlines', private: true },
  ])
  const heard = []
  for await (const event of stream) if (heard.push(event) === 2) break

  t.strictSame(heard, [
    { id: ids[0], type: 'named', data: 'one' },
    { id: ids[2], type: 'message', data: 'two\nlines' },
  ])
  t.equal(stream.lastEventId, ids[2])
  t.equal(stream.reason, 'aborted')
  t.equal((await hub.health()).ready.isOk, true)
  t.match(await hub.metrics.text(), /^mercure_subscribers_connected 0$/m)
})

t.test('a program goes on after its cursor, and is told what is not kept', async (t) => {
  const hub = await open(t, { history_size: 2 })
  const ids = await hub.publishBatch([1, 2, 3].map((n) => ({ topic: 'a', data: `${n}` })))
  const gaps: Gap[] = []
  const read = async (lastEventId: string, count: number) => {
    const heard = []
    const stream = hub.subscribe({ match: '*', lastEventId, onGap: (gap) => gaps.push(gap) })
    for await (const { data } of stream) if (heard.push(data) === count) break
    return heard
  }

  t.strictSame(await read(ids[1] ?? '', 1), ['3'])
  t.strictSame(gaps, [])
  t.strictSame((await read('unknown', 1)).length, 1)
  t.strictSame(gaps, [{ requested: 'unknown', resumedAfter: 'earliest' }])
})

t.test(
  'a program that reads slowly misses nothing: the rest is read from the history',
  async (t) => {
    const hub = await open(t, { subscriber_buffer: '4KiB' })
    const stream = await hub.subscribe({ match: 'a' }).open()
    const sent = Array.from({ length: 50 }, (_, n) => `${n} ${'x'.repeat(500)}`)
    for (const data of sent) await hub.publish({ topic: 'a', data })

    const heard = []
    for await (const { data } of stream) if (heard.push(data) === sent.length) break

    t.strictSame(heard, sent)
  },
)

t.test('a stream outlives its rotation, and ends with its signal or with the hub', async (t) => {
  const hub = await open(t, { write_timeout: '1s' })
  const abort = new AbortController()
  const aborted = hub.subscribe({ match: 'a', signal: abort.signal })
  const drained = hub.subscribe({ match: 'a' })
  const heard: string[][] = [[], []]
  const both = [aborted, drained].map(async (stream, index) => {
    for await (const { data } of stream) heard[index]?.push(data)
  })
  await until(async () => /reason="rotated"\} [2-9]/.test(await hub.metrics.text()))

  await hub.publish({ topic: 'a', data: 'after the rotation' })
  await until(() => heard.every(({ length }) => length > 0))
  abort.abort()
  await hub.close()
  await Promise.all(both)

  t.strictSame(heard, [['after the rotation'], ['after the rotation']])
  t.strictSame([aborted.reason, drained.reason], ['aborted', 'drained'])
  await t.rejects(hub.subscribe({ match: 'a' }).open(), { code: 'unavailable' })
})

t.test('what is published between a rotation and the next look is not missed', async (t) => {
  const hub = await open(t, { write_timeout: '1s' })
  const stream = await hub.subscribe({ match: 'a' }).open() // and has heard nothing yet
  await until(async () => /reason="rotated"\} 1$/m.test(await hub.metrics.text()))

  await hub.publish({ topic: 'a', data: 'meanwhile' })
  const heard = []
  for await (const { data } of stream) if (heard.push(data) === 1) break

  t.strictSame(heard, ['meanwhile'])
})

t.test(
  'a stream takes one place, and gives it back when it is closed while it opens',
  async (t) => {
    const hub = await open(t, { max_subscribers: 1 })
    const stream = hub.subscribe({ match: 'a' })
    await Promise.all([stream.open(), stream.open()])
    t.match(await hub.metrics.text(), /^mercure_subscribers_connected 1$/m)
    stream.close()

    const closed = hub.subscribe({ match: 'a' })
    const opening = closed.open()
    closed.close()
    await opening

    t.match(await hub.metrics.text(), /^mercure_subscribers_connected 0$/m)
    await hub.subscribe({ match: 'a' }).open()
  },
)

t.test('kick, list and reload work as they do for an operator', async (t) => {
  const hub = await open(t)
  const app = Fastify()
  await app.register(hub.plugin)
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/.well-known/mercure`
  const token = signToken(url, { subscribe: ['*'], claims: { sub: 'reader' } })
  const client = new SseClient(port)
  t.teardown(() => client.close())
  client.send(
    `GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  )
  await client.untilHead()

  const listed = await listOf(hub)
  const kicked = await hub.kick({ sub: 'reader' })
  const reloaded = await hub.reload({ ...options, max_subscribers: 1, heartbeat: '7s' })

  t.match(listed, [{ type: 'subscription', match: 'a', match_type: 'exact', active: true }])
  t.equal(kicked.closed, 1)
  t.equal(await client.closed, 'end')
  t.strictSame(reloaded, { taken: ['max_subscribers'], needsRestart: ['heartbeat'] })
  await hub.subscribe({ match: 'a' }).open()
  await t.rejects(hub.subscribe({ match: 'a' }).open(), {
    code: 'unavailable',
    message: /max_subscribers/,
  })
  await t.rejects(async () => listOf(await open(t, { subscriptions: false })), {
    code: 'not_found',
  })
})

t.test('options are refused in the words of the program that gave them', async (t) => {
  const untyped = {
    transport_url: 'memory:',
    port: 3000,
    heartbeat: '4O s',
    anonymus: true,
  } as object

  await t.rejects(createHub(untyped), {
    name: 'ConfigError',
    message: /^port: the server that embeds the hub decides it/,
  })
  const problems = await createHub({ ...untyped, port: undefined } as object).catch(
    (error: ConfigError) => error.problems,
  )
  t.match(problems, [
    /^createHub:anonymus: unknown key.*anonymous/,
    /^heartbeat: expected .*got "4O s" \(from createHub:heartbeat\)$/,
  ])
  await t.rejects(createHub({ transport_url: 'memory:' }), { message: /expected a key, a JWK Set/ })
})

t.test('warnings and lines of the log reach the program', async (t) => {
  const warnings: string[] = []
  const lines: string[] = []
  const take = (level: string) => (_fields: object, message?: string) =>
    void lines.push(`${level} ${message}`)
  const logger = {
    debug: take('debug'),
    info: take('info'),
    warn: take('warn'),
    error: take('error'),
  }

  await open(t, {
    public_urls: [],
    resource_identifier: 'http://hub.example',
    logger,
    onWarning: (sentence) => warnings.push(sentence),
  })

  t.match(warnings.join('\n'), /resource_identifier: http:\/\/hub.example is not https/)
  t.match(lines.join('\n'), /^warn resource_identifier/m)
})
