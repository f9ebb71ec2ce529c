import t from 'tap'
import { startAdmin, startHub } from '../../fixtures/hub.ts'
import { until } from '../../fixtures/until.ts'

const book = (name: string) => `https://example.com/books/${name}`
const match = (topic: string) => `match=${encodeURIComponent(topic)}`

t.test('behaviour 1: who brings no credentials gets 401 and a bare challenge', async (t) => {
  const hub = await startHub(t, { anonymous: false })

  const answer = await hub.ask('GET', { path: '/.well-known/mercure?match=a' })

  t.equal(answer.status, 401)
  t.equal(
    answer.headers['www-authenticate'],
    `Bearer resource_metadata="${hub.origin}/.well-known/oauth-protected-resource/.well-known/mercure"`,
  )
  t.equal(answer.text, 'Unauthorized: this needs a token\n')
  t.equal(hub.hub.subscriberCount, 0)
})

t.test('behaviour 2: a cookie that is no token is refused', async (t) => {
  const hub = await startHub(t)

  const answer = await hub.ask('GET', {
    path: '/.well-known/mercure?match=a',
    headers: { cookie: '__Secure-mercure_access_token=garbage' },
  })

  t.equal(answer.status, 401)
  t.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token", resource_metadata=/)
  t.match(answer.text, /signed JWT in compact form/)
})

t.test(
  'behaviour 3: a token signed with another key is refused, as is a dropped cookie',
  async (t) => {
    const hub = await startHub(t, { anonymous: false })
    const path = '/.well-known/mercure?match=a'

    const foreign = await hub.ask('GET', {
      path,
      token: hub.token({ subscribe: ['*'], secret: 'x'.repeat(40) }).replaceAll('\n', ''),
    })
    const dropped = await hub.ask('GET', { path, headers: { cookie: 'other=1' } })

    t.equal(foreign.status, 401)
    t.match(foreign.headers['www-authenticate'], /error="invalid_token"/)
    t.equal(dropped.status, 401)
    t.notMatch(dropped.headers['www-authenticate'], /error=/)
  },
)

t.test('behaviour 4: a token without a signature (alg none) is refused', async (t) => {
  const hub = await startHub(t)
  const path = '/.well-known/mercure?match=a'

  const signed = await hub.ask('GET', { path, token: hub.token({ header: { alg: 'none' } }) })
  const unsigned = hub.token({ header: { alg: 'none' } }).replace(/\.[^.]*$/, '.')
  const bare = await hub.ask('GET', { path, token: unsigned })

  t.strictSame([signed.status, bare.status], [401, 401])
  t.match(signed.headers['www-authenticate'], /error="invalid_token"/)
})

t.test(
  'behaviour 6: an anonymous subscriber without a matcher gets 400 and a sentence',
  async (t) => {
    const hub = await startHub(t)

    const answer = await hub.ask('GET')

    t.equal(answer.status, 400)
    t.equal(
      answer.text,
      'Bad Request: a subscription needs at least one "match" or "match_urlpattern" parameter\n',
    )
    t.equal(answer.headers['www-authenticate'], undefined)
  },
)

t.test(
  'behaviour 9: a hub that takes no more subscribers answers 503 and when to come back',
  async (t) => {
    const hub = await startHub(t, { max_subscribers: 1 })
    await hub.subscribe('match=a')

    const answer = await hub.ask('GET', { path: '/.well-known/mercure?match=a' })

    t.equal(answer.status, 503)
    t.equal(answer.headers['retry-after'], '5')
    t.match(answer.text, /max_subscribers/)
    t.equal(hub.hub.subscriberCount, 1)
  },
)

t.test('behaviour 10: QUERY subscribes with a form in its body', async (t) => {
  const hub = await startHub(t)

  const both = await hub.subscribe(match(book('1')), { method: 'QUERY', body: match(book('2')) })
  const bodyless = await hub.subscribe(match(book('1')), { method: 'QUERY' })
  await hub.publish({ topic: book('2'), data: 'from the body' })
  await hub.publish({ topic: book('1'), data: 'from the query' })

  t.strictSame(
    (await both.until(2)).map((event) => event.data),
    ['from the body', 'from the query'],
  )
  t.strictSame(
    (await bodyless.until(1)).map((event) => event.data),
    ['from the query'],
  )
})

t.test(
  'behaviour 11: several matchers, only what matches, in order, the same for all',
  async (t) => {
    const hub = await startHub(t)
    const query = [book('1'), 'string with { brace', 'no url', book('last')].map(match).join('&')
    const streams = await Promise.all([1, 2, 3].map(() => hub.subscribe(query)))

    for (const topic of [book('1'), book('other'), 'string with { brace', 'no url', book('2')])
      await hub.publish({ topic, data: topic, id: `id of ${topic}` })
    await hub.publish({ topic: book('last'), data: 'last' })
    await Promise.all(streams.map((stream) => stream.untilData('last')))

    const updates = streams.map((stream) => stream.body.slice(stream.body.indexOf('id: id of')))
    t.strictSame(streams[0]?.data, [book('1'), 'string with { brace', 'no url', 'last'])
    t.strictSame(new Set(updates).size, 1, 'three subscribers, identical bytes')
  },
)

t.test('behaviour 12: private updates are filtered by grant', async (t) => {
  const hub = await startHub(t)
  const query = 'match=*'
  const granted = await hub.subscribe(query, { token: hub.token({ subscribe: [book('1')] }) })
  const other = await hub.subscribe(query, { token: hub.token({ subscribe: [book('2')] }) })
  const anonymous = await hub.subscribe(query)

  await hub.publish({
    topic: book('1'),
    data: 'secret',
    private: 'on',
    id: 'a',
    type: 'test',
    retry: '1',
  })
  await hub.publish({ topic: book('1'), data: 'public' })
  for (const stream of [granted, other, anonymous]) await stream.untilData('public')

  t.match(granted.body, 'event: test\nretry: 1\nid: a\ndata: secret\n\n')
  t.strictSame(granted.data, ['secret', 'public'])
  t.strictSame(other.data, ['public'])
  t.strictSame(anonymous.data, ['public'])
})

t.test('behaviour 13: a grant of * delivers every private update', async (t) => {
  const hub = await startHub(t, { anonymous: false })
  const stream = await hub.subscribe('match=*', { token: hub.token({ subscribe: ['*'] }) })

  await hub.publish({ topic: book('1'), data: 'one', private: 'on' })
  await hub.publish({ topic: 'urn:x', data: 'two', private: 'on' })

  t.strictSame(
    (await stream.until(2)).map((event) => event.data),
    ['one', 'two'],
  )
})

t.test('behaviour 14: a client that closes is taken out of everything', async (t) => {
  const hub = await startHub(t)
  const stream = await hub.subscribe(`${match(book('1'))}&match_urlpattern=/a/:b`)
  t.match(hub.hub.stats(), { members: 1, cohorts: 1, topics: 1, patterns: 1 })

  stream.close()
  await hub.untilSubscribers(0)

  t.match(hub.hub.stats(), { members: 0, cohorts: 0, topics: 0, patterns: 0, replaying: 0 })
  t.strictSame(hub.hub.verify(), [])
  t.strictSame(await hub.closes(), { peer: 1 })
})

t.test('behaviour 20: shutting down ends the streams, cleanly', async (t) => {
  const hub = await startHub(t, { write_timeout: '0' })
  const stream = await hub.subscribe('match=a')

  await hub.hub.close()

  t.equal(await stream.closed, 'end')
  t.ok(stream.isComplete, 'the body ends with its last chunk')
  t.strictSame(await hub.closes(), { drained: 1 })
})

t.test(
  'behaviour 19: with a write timeout, shutting down drains over the time it is given',
  async (t) => {
    const hub = await startHub(t, { write_timeout: '600s' })
    const streams = await Promise.all([1, 2, 3, 4].map(() => hub.subscribe('match=a')))

    const closing = hub.hub.close(400)
    await until(() => hub.hub.subscriberCount === 3)
    const refused = await hub.ask('GET', { path: '/.well-known/mercure?match=a' })
    const stillOpen = streams.filter((stream) => !stream.isClosed).length
    await closing

    t.ok(stillOpen > 0, 'the others live on for a while')
    t.equal(refused.status, 503)
    t.match(refused.text, /shutting down/)
    for (const stream of streams) t.equal(await stream.closed, 'end')
    t.strictSame(await hub.closes(), { drained: 4 })
  },
)

t.test(
  'behaviour 21: stopping ends streams whose status stays 200, and closing twice is harmless',
  async (t) => {
    const hub = await startHub(t)
    const stream = await hub.subscribe('match=a')

    await Promise.all([hub.hub.close(), hub.hub.close()])
    await hub.hub.close()
    await stream.closed

    t.equal(stream.head.status, 200)
    t.strictSame(await hub.closes(), { drained: 1 })
  },
)

t.test('behaviour 22: neither tokens nor payloads reach the metrics', async (t) => {
  const hub = await startHub(t)
  const admin = await startAdmin(t, hub)
  const token = hub.token()
  const stream = await hub.subscribe('match=topic-of-mine', { token })
  await hub.publish({ topic: 'topic-of-mine', data: 'payload-of-mine' })
  await stream.until(1)

  const metrics = await (await fetch(`${admin}/metrics`)).text()

  t.match(metrics, 'mercure_subscribers_connected 1')
  t.match(metrics, 'mercure_updates_total 1')
  for (const secret of ['payload-of-mine', 'topic-of-mine', token])
    t.notOk(metrics.includes(secret))
})

t.test('behaviour 23: the head and first bytes are flushed before any update', async (t) => {
  const hub = await startHub(t)

  const stream = await hub.subscribe('match=a')
  await stream.when(({ cursors }) => cursors.length > 0)

  t.match(stream.head.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'private, no-cache, no-store, must-revalidate, max-age=0',
    expires: '0',
    pragma: 'no-cache',
    'x-accel-buffering': 'no',
  })
  t.equal(stream.head.headers['mercure-last-event-id'], undefined)
  t.equal(stream.head.headers['content-length'], undefined)
  t.match(stream.body, /^:\nretry: \d+\nid: #[0-9a-f]{12}\.0\n\n$/)
})
