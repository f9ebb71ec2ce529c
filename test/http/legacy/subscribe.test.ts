import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'

const compatible = { protocol_version_compatibility: 8 }
const everything = signLegacyToken({ publish: ['*'], subscribe: ['*'] })
const topic = (selector: string) => `topic=${encodeURIComponent(selector)}`
const book = (name: string) => `https://example.com/books/${name}`

async function statusOf(hub: TestHub, query: string, token?: string): Promise<number> {
  const client = await hub.subscribe(query, { token })
  client.close()
  return client.head.status
}

t.test('behaviours 35 and 36: each topic is a selector, beside the matchers of 1.0', async (t) => {
  const hub = await startHub(t, compatible)
  const pattern = encodeURIComponent('https://example.com/authors/:id')
  const client = await hub.subscribe(
    `${topic(book('{id}'))}&match_urlpattern=${pattern}&${topic('a')}&match=b`,
  )

  for (const one of [book('1'), 'https://example.com/authors/1', 'a', 'b', book('1/2'), 'end', 'c'])
    await hub.publish({ topic: one, data: one })
  await hub.publish({ topic: 'b', data: 'last' })

  await client.untilData('last')
  t.strictSame(client.data, [book('1'), 'https://example.com/authors/1', 'a', 'b', 'last'])
})

t.test('behaviours 37 and 45: a selector is a topic, a URI Template or *', async (t) => {
  const hub = await startHub(t, compatible)
  const received = async (selector: string, topics: readonly string[]) => {
    const client = await hub.subscribe(`${topic(selector)}&${topic('end')}`)
    for (const one of topics) await hub.publish({ topic: one, data: one })
    await hub.publish({ topic: 'end', data: 'end' })
    await client.untilData('end')
    client.close()
    return client.data.slice(0, -1)
  }

  t.strictSame(await received(book('{id}'), [book('1'), book('1/2'), book('{id}'), book('')]), [
    book('1'),
    book('{id}'),
    book(''),
  ])
  t.strictSame(await received('{broken', ['{broken', 'broken']), ['{broken'])
  t.strictSame(await received('not a URL', ['not a URL', 'not']), ['not a URL'])
  t.strictSame(await received('*', ['a', book('2')]), ['a', book('2')])
  t.strictSame(await received('a\u0000b', ['a', 'b']), [])
})

t.test('behaviour 46: a private update comes by a grant for its alternate topic', async (t) => {
  const hub = await startHub(t, { ...compatible, anonymous: false })
  const userOf = (name: string) => `https://example.com/users/${name}/{?topic}`
  const alternate = `https://example.com/users/foo/?topic=${encodeURIComponent(book('1'))}`
  const [foo, bar] = await Promise.all(
    ['foo', 'bar'].map((name) =>
      hub.subscribe(topic(book('{id}')), { token: signLegacyToken({ subscribe: [userOf(name)] }) }),
    ),
  )

  await hub.publish({ topic: [book('1'), alternate], private: 'on', data: 'secret' })
  await hub.publish({ topic: book('1'), data: 'public' })

  await Promise.all([foo?.untilData('public'), bar?.untilData('public')])
  t.strictSame(foo?.data, ['secret', 'public'])
  t.strictSame(bar?.data, ['public'])
})

t.test('behaviour 7: with 0.x, 100 selectors are fine, 101 are 400, none are too', async (t) => {
  const hub = await startHub(t, compatible)
  const selectors = (count: number) => Array.from({ length: count }, () => topic('a')).join('&')

  t.equal(await statusOf(hub, selectors(100)), 200)
  t.equal(await statusOf(hub, selectors(101)), 400)
  t.equal(
    await statusOf(hub, `${selectors(60)}&${selectors(41).replaceAll('topic', 'match')}`),
    400,
  )
  t.equal(await statusOf(hub, '', everything), 400)
  t.equal(await statusOf(hub, topic('a'.repeat(4096))), 200)
  t.equal(await statusOf(hub, topic('a'.repeat(4097))), 400)
})

t.test(
  'without credentials, or with bad ones, a 0.x request is 401 without a challenge',
  async (t) => {
    const hub = await startHub(t, { ...compatible, anonymous: false })
    const path = `/.well-known/mercure?${topic('a')}`
    const requests = [
      { path },
      { path, headers: { authorization: 'Bearer x' } },
      { path, headers: { authorization: 'Basic abcdef' } },
      { path, token: 'x'.repeat(60) },
      { path: `${path}&authorization=short` },
      { path: `${path}&authorization=${everything}&authorization=${everything}` },
      {
        path: `/.well-known/mercure?${topic('a')}`,
        token: signLegacyToken({}, { secret: 'other' }),
      },
      { path: '/.well-known/mercure?match=a', token: signLegacyToken({}, { secret: 'other' }) },
      { path, headers: { cookie: 'mercureAuthorization=garbage' } },
    ]

    for (const { path, ...asking } of requests) {
      const answer = await hub.ask('GET', { path, ...asking })
      t.equal(answer.status, 401, JSON.stringify(asking))
      t.match(answer.text, /^Unauthorized: /)
      t.equal(answer.headers['www-authenticate'], undefined)
    }
  },
)

t.test('a request of 1.0 keeps its statuses and challenges beside them', async (t) => {
  const hub = await startHub(t, { ...compatible, anonymous: false })

  const missing = await hub.ask('GET', { path: '/.well-known/mercure?match=a' })
  const both = await hub.ask('GET', { path: `/.well-known/mercure?match=a&${topic('a')}` })
  const malformed = await hub.ask('GET', {
    path: '/.well-known/mercure?match=a',
    headers: { authorization: 'Bearer x' },
  })
  const forged = await hub.ask('GET', {
    path: `/.well-known/mercure?${topic('a')}`,
    token: hub.token({ secret: 'x'.repeat(40) }),
  })

  t.strictSame(
    [missing, both, malformed, forged].map(({ status }) => status),
    [401, 401, 400, 401],
  )
  for (const { headers } of [missing, both, malformed, forged])
    t.match(headers['www-authenticate'], /^Bearer .*resource_metadata=/)
})

t.test('the cursor has all its old names, and its old answer', async (t) => {
  const hub = await startHub(t, compatible)
  for (const id of ['1', '2', '3']) await hub.publish({ topic: 'a', id, data: id })

  for (const name of ['lastEventID', 'Last-Event-ID', 'lastEventId', 'last_event_id']) {
    const client = await hub.subscribe(`${topic('a')}&${name}=1`)
    await client.untilData('3')
    t.strictSame(client.data, ['2', '3'], name)
    t.equal(client.head.headers['last-event-id'], '1')
    t.equal(client.head.headers['mercure-last-event-id'], '1')
    client.close()
  }
  const both = await hub.subscribe(`${topic('a')}&lastEventID=2`, { lastEventId: '1' })
  await both.untilData('3')
  t.strictSame(both.data, ['2', '3'], 'the header is first')

  const unknown = await hub.subscribe(`${topic('a')}&lastEventID=unknown`)
  await unknown.untilData('3')
  t.equal(unknown.head.headers['last-event-id'], 'earliest')
  t.strictSame(
    unknown.events.map(({ type }) => type),
    ['', '', ''],
    'no gap event',
  )

  const empty = await hub.subscribe(`${topic('a')}&lastEventID=`)
  t.equal(empty.head.headers['last-event-id'], undefined)
  t.not(empty.head.headers['mercure-last-event-id'], undefined)

  const modern = await hub.subscribe('match=a&lastEventID=1')
  await modern.untilData('3')
  t.equal(modern.head.headers['last-event-id'], undefined)
  t.equal(modern.head.headers['mercure-last-event-id'], '1')
})

t.test(
  'a 0.x stream carries comments, reconnection times and updates, and nothing else',
  async (t) => {
    const hub = await startHub(t, { ...compatible, heartbeat: '20ms' })
    const client = await hub.subscribe(topic('a'))
    await client.when(({ comments }) => comments > 3)

    await hub.publish({ topic: 'a', id: 'x', type: 'greeting', retry: '7', data: 'one\ntwo' })
    await client.until(1)
    await hub.hub.close()
    await client.closed

    t.match(
      client.body,
      /^:\nretry: \d+\n:\n(:\n)+event: greeting\nretry: 7\nid: x\ndata: one\ndata: two\n\n(:\n)+$/,
    )
    t.strictSame(client.cursors, [])
  },
)

t.test(
  'without compatibility topic is 400, naming the option, and old names mean nothing',
  async (t) => {
    const hub = await startHub(t)
    await hub.publish({ topic: 'a', id: '1', data: '1' })

    const answer = await hub.ask('GET', { path: `/.well-known/mercure?${topic('a')}` })
    t.equal(answer.status, 400)
    t.match(answer.text, /protocol_version_compatibility/)
    const stream = await hub.subscribe('match=a&lastEventID=earliest')
    t.equal(stream.head.headers['mercure-last-event-id'], undefined)
  },
)

t.test('pages on other origins may read the old answer too', async (t) => {
  const hub = await startHub(t, { ...compatible, cors_origins: 'https://app.example' })

  const stream = await hub.subscribe(topic('a'), { lines: ['Origin: https://app.example'] })

  t.equal(
    stream.head.headers['access-control-expose-headers'],
    'Link, Mercure-Last-Event-ID, Mercure-Subscription-Count, Last-Event-ID',
  )
})
