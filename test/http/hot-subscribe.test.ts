import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HotSubscribe } from '../../src/http/hot-subscribe.ts'
import { HubUrlResolver } from '../../src/http/request/hub-urls.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { type Closing, startHub, type Subscribing, type TestHub } from '../fixtures/hub.ts'
import { until } from '../fixtures/until.ts'

const query = 'match=https%3A//example.com/books/1'

/** The first bytes of an answer, up to the stream's cursor or the end of a refusal. */
async function opening(hub: TestHub, target: string, options: Subscribing): Promise<string> {
  const client = hub.connect()
  let text = ''
  client.socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  client.send(hub.requestFor(target, options))
  await until(
    () => /\nid: #.*\n\n/.test(text) || /\r\n\r\n[^]*\n$/.test(text) || client.socket.destroyed,
  )
  client.close()
  return text
    .replace(/date: .*/i, 'date: …')
    .replace(/retry: \d+/, 'retry: …')
    .replace(/\r\n[0-9a-f]+\r\n:/, '\r\n…\r\n:') // its length depends on the digits of the other
}

t.test('the short way and the framework’s open streams with the same bytes', async (t) => {
  const hub = await startHub(t, { cors_origins: 'https://app.example', cookie_name: 'mercure' })
  const token = hub.token()
  await hub.subscribe(query, { token }) // verified from now on
  const cases: readonly (readonly [status: number, target: string, options: Subscribing])[] = [
    [200, query, {}],
    [200, query, { token }],
    [200, `${query}&match_urlpattern=/books/:id&other=1`, { token }],
    [200, query, { lines: ['Origin: https://app.example', 'Accept: text/event-stream'] }],
    [200, query, { lines: ['Origin: https://elsewhere.example'] }],
    [200, query, { lines: [`Cookie: a=b; mercure=${token}`, 'Cache-Control: no-cache'] }],
    [400, 'match_other=a', { token }],
    [400, 'matches=a', { token }],
    [400, 'match=%ff', {}],
    [400, 'topic=a', {}],
    [401, query, { token: `${token.slice(0, -8)}AAAAAAAA` }],
    [400, query, { lines: ['Authorization: Basic abc'] }],
  ]

  for (const [status, target, options] of cases) {
    const short = await opening(hub, target, options)
    const lines = [...(options.lines ?? []), 'X-Other: 1']
    const long = await opening(hub, target, { ...options, lines })

    t.match(short, new RegExp(`^HTTP/1.1 ${status} `), target)
    t.equal(short, long)
  }
})

/** A server that has the short way only, and answers 299 to what it leaves. */
async function shortWayOf(t: Closing, hub: TestHub, { before = () => {} } = {}) {
  const options = hub.assembly.plugin
  const hot: HotSubscribe = new HotSubscribe(options, new HubUrlResolver(options), (_, response) =>
    response.writeHead(299).end(),
  )
  const server = createServer((request, response) => {
    before()
    if (!hot.take(request, response)) response.writeHead(299).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const clients: SseClient[] = []
  t.teardown(() => {
    for (const client of clients) client.close()
    server.close()
  })
  const statusOf = async (target: string, options: Subscribing = {}) => {
    const client = new SseClient((server.address() as AddressInfo).port)
    clients.push(client)
    client.send(hub.requestFor(target, options))
    await client.untilHead()
    return client.head.status
  }
  return { hot, statusOf }
}

t.test(
  'takes the usual subscribers, and leaves every other request to the framework',
  async (t) => {
    const hub = await startHub(t, { max_subscribers: 9 })
    const { hot, statusOf } = await shortWayOf(t, hub)
    const token = hub.token()
    await hub.subscribe(query, { token })
    const left = 299

    t.equal(await statusOf(query), 200)
    t.equal(await statusOf(query, { token }), 200)
    t.equal(await statusOf('match_urlpattern=/books/:id'), 200)
    t.equal(
      await statusOf(query, {
        lines: [
          'Accept: text/event-stream',
          'Cookie: a=b',
          'Origin: https://app.example',
          'Sec-Fetch-Mode: cors',
          'Connection: keep-alive',
        ],
      }),
      200,
    )
    for (const [target, options] of [
      ['', {}],
      ['match_other=a', {}],
      ['topic=a', {}],
      [`${query}&last_event_id=earliest`, {}],
      [`${query}&last%5Fevent_id=earliest`, {}],
      [`${query}&x=${'x'.repeat(600)}&matching=1`, {}],
      [query, { lastEventId: 'earliest' }],
      [query, { version: '1.0' }],
      [query, { method: 'QUERY', body: query }],
      [query, { token: hub.token({ subscribe: ['never verified'] }) }],
      [query, { lines: ['Host: 127.0.0.1'] }],
      [query, { lines: ['Connection: close'] }],
      [query, { lines: ['Authorization: Basic abc'] }],
      [query, { lines: ['X-Other: 1'] }],
      [query, { lines: ['Content-Length: 0'] }],
    ] satisfies readonly (readonly [string, Subscribing])[])
      t.equal(await statusOf(target, options), left, `${target} ${JSON.stringify(options)}`)
    await hub.untilSubscribers(5)
    for (let n = 5; n < 9; n++) t.equal(await statusOf(query), 200)
    t.equal(await statusOf(query), left, 'more than max_subscribers')
    hot.close()
    t.equal(await statusOf(query), left)
  },
)

t.test('who waits for a turn gets it, unless something has changed meanwhile', async (t) => {
  const hub = await startHub(t)
  const token = hub.token()
  await hub.subscribe(query, { token })
  let change = async () => {}
  const { statusOf } = await shortWayOf(t, hub, {
    before: () => {
      while (hub.hub.pacing.enterNow()); // the turn is full
      void change()
    },
  })

  t.equal(await statusOf(query, { token }), 200)
  t.equal(hub.hub.subscriberCount, 2)

  // Its token is to be verified anew, with keys that are new: that is not done here.
  change = () => hub.assembly.renew(hub.settings)
  t.equal(await statusOf(query, { token }), 299)

  change = () => hub.hub.close()
  t.equal(await statusOf(query, { token }), 299)
})

t.test('limits, kicks and expiries hold for who takes the short way', async (t) => {
  const hub = await startHub(t, {
    max_subscribers_per_token: 2,
    max_subscribers_per_address: 3,
    anonymous: true,
  })
  const token = hub.token({ subscribe: ['*'], claims: { sub: 'somebody', jti: 'one' } })
  const statusOf = async (options: Subscribing = {}) =>
    (await hub.subscribe(query, options)).head.status

  t.strictSame(
    [
      await statusOf({ token }),
      await statusOf({ token }),
      await statusOf({ token }),
      await statusOf(),
      await statusOf(),
    ],
    [200, 200, 429, 200, 429],
  )
  t.strictSame(hub.hub.seatCounts(), { tokens: 1, addresses: 1 })

  await hub.hub.kicks.kick({ sub: 'somebody' })
  await hub.untilSubscribers(1)

  t.equal(await statusOf({ token }), 204)
  t.strictSame(hub.hub.seatCounts(), { tokens: 0, addresses: 1 })
})

t.test('a token counts until its keys change', async (t) => {
  const hub = await startHub(t, { anonymous: false })
  const token = hub.token()
  const bothWays = async () => [
    (await hub.subscribe(query, { token })).head.status,
    (await hub.subscribe(query, { token, lines: ['X-Other: 1'] })).head.status,
  ]
  t.strictSame(await bothWays(), [200, 200])

  await hub.assembly.renew(hub.settings)
  t.strictSame(await bothWays(), [200, 200], 'the same keys, read again')

  const { settings } = await startHub(t, { subscriber_jwt_key: 'another secret'.repeat(3) })
  await hub.assembly.renew({ ...hub.settings, issuers: settings.issuers })
  t.strictSame(await bothWays(), [401, 401], 'another key')
})

t.test('a request behind a stream on the same connection is not executed', async (t) => {
  const hub = await startHub(t)
  const token = hub.token()
  await hub.publish({ topic: 'a', data: 'before' }, { token })
  const body = 'topic=a&data=unanswerable'
  const publishing =
    `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`

  const client = hub
    .connect()
    .send(hub.requestFor('match=a') + publishing + hub.requestFor('match=a'))
  await client.when(({ cursors }) => cursors.length > 0)
  await hub.publish({ topic: 'a', data: 'after' }, { token })
  await client.until(1)

  t.strictSame(client.data, ['after'])
  t.equal(hub.assembly.log.head, 2)
  t.equal(hub.hub.subscriberCount, 1)
})
