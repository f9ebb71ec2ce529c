import Fastify from 'fastify'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createHub } from '../../src/index.ts'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { startHub } from '../fixtures/hub.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'

const hubPath = '/.well-known/mercure'
const options = {
  transport_url: 'memory:',
  anonymous: true,
  trusted_issuers: issuer,
  publisher_jwt_key: secret,
  subscriber_jwt_key: secret,
}

function openStream(t: Test, port: number, query: string, version = '1.1'): SseClient {
  const client = new SseClient(port)
  t.teardown(() => client.close())
  return client.send(`GET ${hubPath}?${query} HTTP/${version}\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
}

t.test(
  'a hub on a user’s own server publishes without a token, beside routes of the user’s',
  async (t) => {
    const app = Fastify()
    const hub = await createHub(options)
    await app.register(hub.plugin)
    app.get('/', async () => ({ hello: 'world' }))
    app.post('/json', async (request) => request.body)
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    const { port } = app.server.address() as AddressInfo
    const stream = openStream(t, port, 'match=https://example.com/books/1')
    await stream.untilHead()

    const id = await hub.publish({
      topic: 'https://example.com/books/1',
      data: 'hello',
      type: 'test',
      retry: 5,
    })

    t.match(id, /^urn:uuid:/)
    t.strictSame(await stream.until(1), [{ id, type: 'test', data: 'hello' }])
    t.match(stream.body, /retry: 5\ndata: hello\nid: urn:uuid/)
    const own = await ask(`http://127.0.0.1:${port}/`)
    t.match(
      [own.status, own.text, own.headers['x-frame-options']],
      [200, '{"hello":"world"}', undefined],
    )
    const json = await ask(`http://127.0.0.1:${port}/json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
    })
    t.equal(json.text, '{"a":1}', 'the user’s parsers are untouched')
    t.equal((await ask(`http://127.0.0.1:${port}${hubPath}`)).status, 400)
  },
)

t.test('what an embedding program publishes obeys the same rules as a POST', async (t) => {
  const hub = await createHub(options)
  t.teardown(() => hub.close())

  for (const [update, code] of [
    [{ topic: [] }, 'invalid_update'],
    [{ topic: '*' }, 'invalid_update'],
    [{ topic: '/.well-known/mercure/x' }, 'invalid_update'],
    [{ topic: 'a', id: 'x\ny' }, 'invalid_update'],
    [{ topic: 'a', retry: 1.5 }, 'invalid_update'],
    [{ topic: 'a', retry: -1 }, 'invalid_update'],
    [{ topic: 'x'.repeat(4097) }, 'too_large'],
  ] as const)
    await t.rejects(
      hub.publish(update),
      { name: 'HubError', code },
      JSON.stringify(update).slice(0, 60),
    )
  t.equal(await hub.publish({ topic: ['a', 'b'], id: 'mine', private: true }), 'mine')
})

t.test('closing the user’s server lets the streams go, and does not wait for them', async (t) => {
  const app = Fastify()
  const hub = await createHub(options)
  await app.register(hub.plugin)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const stream = openStream(t, port, 'match=a')
  await stream.untilHead()

  await app.close()

  t.equal(await stream.closed, 'end')
  await t.rejects(hub.publish({ topic: 'a' }), { code: 'unavailable' })
  await hub.close() // twice is harmless
})

t.test(
  'over HTTP/2 streams flow, publishes are answered and a closed stream is noticed',
  async (t) => {
    const app = Fastify({ http2: true })
    const hub = await createHub({ ...options, max_request_body_size: '1KiB' })
    await app.register(hub.plugin)
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const session = connect(`http://127.0.0.1:${port}`)
    t.teardown(async () => {
      session.destroy()
      await app.close()
    })
    const warnings: string[] = []
    const warned = (warning: Error) => warnings.push(warning.message)
    process.on('warning', warned)
    t.teardown(() => process.off('warning', warned))

    const stream = session.request({ ':path': `${hubPath}?match=a&cursor_lines=1` })
    const head = await new Promise<Record<string, unknown>>((resolve) =>
      stream.once('response', resolve),
    )
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const published = await h2Post(session, port, formOf({ topic: 'a', data: 'over h2', id: 'i' }))
    while (!text.includes('over h2')) await new Promise((resolve) => stream.once('data', resolve))
    const large = await h2Post(session, port, formOf({ topic: 'a', data: 'x'.repeat(5000) }))

    t.match(head, {
      ':status': 200,
      'content-type': 'text/event-stream',
      'x-frame-options': 'DENY',
    })
    t.match(text, /^:\nretry: \d+\nid: #[0-9a-f]{12}\.0\n\ndata: over h2\nid: i\n\n$/)
    t.strictSame([published, large], [200, 413])
    t.strictSame(warnings, [])
    const ended = new Promise((resolve) => stream.once('close', resolve))
    stream.close()
    await ended
    t.equal(await hub.publish({ topic: 'a', id: 'after' }), 'after')
  },
)

function h2Post(session: ReturnType<typeof connect>, port: number, body: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const authorization = `Bearer ${signToken(`http://127.0.0.1:${port}${hubPath}`, { publish: ['*'] })}`
    const request = session.request({
      ':method': 'POST',
      ':path': hubPath,
      ...formType,
      authorization,
    })
    request.once('response', (headers) => resolve(headers[':status']))
    request.once('error', reject)
    request.resume().end(body)
  })
}

t.test('over HTTP/2 a stream that ends, ends without an error', async (t) => {
  const app = Fastify({ http2: true })
  const hub = await createHub({ ...options, write_timeout: '3s' })
  await app.register(hub.plugin)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const session = connect(`http://127.0.0.1:${port}`)
  t.teardown(async () => {
    session.destroy()
    await app.close()
  })
  const exp = Math.floor(Date.now() / 1000) + 2
  const audience = `http://127.0.0.1:${port}${hubPath}`
  const token = signToken(audience, { subscribe: ['*'], claims: { exp } })
  const endOf = async (fields: Record<string, string>) => {
    const stream = session.request({ ':path': `${hubPath}?match=a&cursor_lines=1`, ...fields })
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    stream.on('error', (error) => (text += String(error)))
    await new Promise((resolve) => stream.once('close', resolve))
    return [stream.rstCode, text]
  }

  const [rotated, expired] = await Promise.all([
    endOf({}),
    endOf({ authorization: `Bearer ${token}` }),
  ])

  t.match(rotated, [0, /\nretry: \d+\nid: #[0-9a-f]{12}\.0\n\n$/])
  t.match(expired, [0, /^:\nretry: \d+\nid: #[0-9a-f]{12}\.0\n\nid: #[0-9a-f]{12}\.0\n\n$/])
})

t.test('an HTTP/1.0 proxy gets the stream as it is, without chunks', async (t) => {
  const hub = await startHub(t)
  const stream = await hub.subscribe('match=a', { version: '1.0' })

  await hub.publish({ topic: 'a', data: 'é\n🚲' })
  await stream.until(1)

  t.equal(stream.head.headers['transfer-encoding'], undefined)
  t.match(
    stream.body,
    /^:\nretry: \d+\nid: #[0-9a-f]{12}\.0\n\ndata: é\ndata: 🚲\nid: urn:uuid:[-0-9a-f]+\n\n$/,
  )
  await hub.hub.close()
  t.equal(await stream.closed, 'end')
})
