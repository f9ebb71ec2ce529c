import type { Socket } from 'node:net'
import { fetchEventSource } from '@microsoft/fetch-event-source'
import { EventSource } from 'eventsource'
import * as reconnecting from 'reconnecting-eventsource'
import t from 'tap'
import { type Closing, startHub, type TestHub } from '../../fixtures/hub.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

/** Its types take it for CommonJS; Node does not. */
const ReconnectingEventSource =
  reconnecting.default as unknown as typeof reconnecting.default.default

const compatible = { protocol_version_compatibility: 8, anonymous: false }
const book = 'https://example.com/books/1'
const subscriber = signLegacyToken({ subscribe: ['https://example.com/books/{id}'] })
const publisher = signLegacyToken({ publish: ['*'] })

/** A subscription as the pages of 0.x have it. */
function urlFor(hub: TestHub): URL {
  const url = new URL(hub.url)
  url.searchParams.append('topic', 'https://example.com/books/{id}')
  return url
}

/** Publishes what a client has to tell apart: private and public, types, several lines. */
async function publishAll(hub: TestHub): Promise<void> {
  for (const fields of [
    { topic: book, data: 'public', id: '1' },
    { topic: book, data: 'private', id: '2', private: 'on' },
    { topic: 'https://example.com/authors/1', data: 'another', id: '3' },
    { topic: book, data: 'one\ntwo', id: '4', type: 'greeting' },
  ])
    t.equal((await hub.publish(fields, { token: publisher })).status, 200)
}

const expected = [
  ['message', '1', 'public'],
  ['message', '2', 'private'],
  ['greeting', '4', 'one\ntwo'],
]

/** A hub whose streams can be cut, as a restart does; the clients come back by themselves. */
async function startCuttable(t: Closing): Promise<{ hub: TestHub; cut: () => Promise<void> }> {
  const hub = await startHub(t, compatible)
  const sockets = new Set<Socket>()
  hub.app.server.on('connection', (socket: Socket) => sockets.add(socket))
  const cut = async () => {
    for (const socket of sockets) socket.destroy()
    await hub.publish({ topic: book, data: 'meanwhile', id: '5' }, { token: publisher })
  }
  return { hub, cut }
}

t.test('eventsource of npm: events, and what was missed meanwhile', async (t) => {
  const { hub, cut } = await startCuttable(t)
  const events: string[][] = []
  const source = new EventSource(urlFor(hub), {
    fetch: (input, init) =>
      fetch(input, {
        ...init,
        headers: { ...init.headers, Authorization: `Bearer ${subscriber}` },
      }),
  })
  t.teardown(() => source.close())
  for (const type of ['message', 'greeting'])
    source.addEventListener(type, ({ lastEventId, data }) =>
      events.push([type, lastEventId, String(data)]),
    )
  await hub.untilSubscribers(1)

  await publishAll(hub)
  await until(() => events.length === 3)
  await cut()
  await until(() => events.length === 4)

  t.strictSame(events, [...expected, ['message', '5', 'meanwhile']])
})

t.test('the token in the query, as pages without a cookie have it', async (t) => {
  const hub = await startHub(t, compatible)
  const url = urlFor(hub)
  url.searchParams.append('authorization', subscriber)
  const events: string[] = []
  const source = new EventSource(url)
  t.teardown(() => source.close())
  source.onmessage = ({ data }) => events.push(String(data))
  await hub.untilSubscribers(1)

  await publishAll(hub)
  await until(() => events.length === 2)

  t.strictSame(events, ['public', 'private'])
})

t.test('reconnecting-eventsource: it sends the cursor as lastEventId', async (t) => {
  const { hub, cut } = await startCuttable(t)
  const url = urlFor(hub)
  url.searchParams.append('authorization', subscriber)
  const events: string[][] = []
  const source = new ReconnectingEventSource(url.href, {
    max_retry_time: 50,
    eventSourceClass: EventSource as never,
  })
  t.teardown(() => source.close())
  for (const type of ['message', 'greeting'])
    source.addEventListener(type, (event: MessageEvent) =>
      events.push([type, event.lastEventId, String(event.data)]),
    )
  await hub.untilSubscribers(1)

  await publishAll(hub)
  await until(() => events.length === 3)
  await cut()
  await until(() => events.length === 4)

  t.strictSame(events, [...expected, ['message', '5', 'meanwhile']])
})

t.test('@microsoft/fetch-event-source: events, and what was missed meanwhile', async (t) => {
  const { hub, cut } = await startCuttable(t)
  const stop = new AbortController()
  const events: string[][] = []
  pretendToBeAPage(t)
  const ended = fetchEventSource(urlFor(hub).href, {
    headers: { Authorization: `Bearer ${subscriber}` },
    openWhenHidden: true,
    signal: stop.signal,
    fetch,
    onmessage: ({ event, id, data }) =>
      void (data !== '' && events.push([event === '' ? 'message' : event, id, data])),
    onclose: () => {
      throw new Error('come back') // its way of asking for another connection
    },
    onerror: () => 10,
  })
  await hub.untilSubscribers(1)

  await publishAll(hub)
  await until(() => events.length === 3)
  await cut()
  await until(() => events.length === 4)
  stop.abort()
  await ended

  t.strictSame(events, [...expected, ['message', '5', 'meanwhile']])
})

/** The library asks `window` for its timers, and `document` whether the page is hidden. */
function pretendToBeAPage(t: { teardown(fn: () => void): void }): void {
  const page = { setTimeout, clearTimeout, fetch }
  Object.assign(globalThis, { window: page, document: { hidden: false, removeEventListener() {} } })
  t.teardown(() => {
    Reflect.deleteProperty(globalThis, 'window')
    Reflect.deleteProperty(globalThis, 'document')
  })
}

/** Bodies as PHP's components write them: their order of fields, and urlencode's escapes. */
const requests = {
  'Symfony’s component, as its README publishes':
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1.jsonld&data=Hi+from+Symfony%21',
  'Symfony’s component, as its own tests expect it':
    'topic=https%3A%2F%2Fdemo.mercure.rocks%2Fdemo%2Fbooks%2F1.jsonld&data=Hi+from+Symfony%21&private=on&id=id&retry=3',
  'Symfony’s component, with everything there is':
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=https%3A%2F%2Fexample.com%2Falternate+topic' +
    '&data=%7B%22status%22%3A%22OutOfStock%22%7D&private=on&id=urn%3Ax&type=stock&retry=10',
  'API Platform, a resource for its owner':
    'topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=https%3A%2F%2Fexample.com%2Fusers%2Ffoo%2F%3Ftopic%3Dhttps%253A%252F%252Fexample.com%252Fbooks%252F1' +
    '&data=%7B%22%40id%22%3A%22%5C%2Fbooks%5C%2F1%22%2C%22title%22%3A%22%C3%89t%C3%A9%22%7D&private=on',
  'Laravel’s broadcaster':
    'topic=http%3A%2F%2Fexample%2Fnews-items&data=%7B%22event%22%3A%22App%5C%5CEvents%5C%5CNewsItemCreated%22%2C%22data%22%3A%7B%22title%22%3A%22a%22%7D%7D',
}

for (const [name, body] of Object.entries(requests))
  t.test(`the request of ${name}, byte for byte`, async (t) => {
    const hub = await startHub(t, compatible)
    const stream = await hub.subscribe('topic=*', { token: signLegacyToken({ subscribe: ['*'] }) })
    const client = hub.connect()

    client.send(
      [
        'POST /.well-known/mercure HTTP/1.1',
        `Host: 127.0.0.1:${hub.port}`,
        'Content-Type: application/x-www-form-urlencoded',
        `Authorization: Bearer ${publisher}`,
        'Accept: */*',
        'User-Agent: Symfony HttpClient (Curl)',
        'Accept-Encoding: gzip',
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    )
    const head = await client.untilHead()
    const [event] = await stream.until(1)

    const fields = new URLSearchParams(body)
    t.equal(head.status, 200)
    t.equal(event?.data, fields.get('data'))
    t.equal(event?.type, fields.get('type') ?? '')
    t.equal(event?.id, fields.get('id') ?? client.body)
    if (fields.has('retry')) t.ok(stream.retries.includes(Number(fields.get('retry'))))
  })

t.test('the cookie that Symfony sets for the page that asks for it', async (t) => {
  const hub = await startHub(t, compatible)

  const stream = await hub.subscribe(`topic=${encodeURIComponent(book)}`, {
    lines: [`Cookie: PHPSESSID=1; mercureAuthorization=${subscriber}`, 'Accept: text/event-stream'],
  })
  await publishAll(hub)

  await stream.until(3)
  t.strictSame(stream.data, ['public', 'private', 'one\ntwo'])
})
