import t, { type Test } from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { detail } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

const api = '/.well-known/mercure/subscriptions'
const everything = 'match_urlpattern=/.well-known/mercure/subscriptions/:type/:match/:subscriber'

interface Listed {
  readonly id: string
  readonly type: string
  readonly subscriber: string
  readonly match: string
  readonly match_type: string
  readonly active: boolean
  readonly payload?: unknown
}

async function list(hub: TestHub, query = ''): Promise<readonly Listed[]> {
  const { text } = await hub.ask('GET', { path: api + query, token: hub.token() })
  return (JSON.parse(text) as { subscriptions: Listed[] }).subscriptions
}

function seen(client: SseClient): string[] {
  return client.events.map(({ type, data }) => {
    const { match, active } = JSON.parse(data) as Listed
    return `${type} ${match} ${active}`
  })
}

const lastEventIdOf = (link: unknown) => /last-event-id="([^"]*)"/.exec(String(link))?.[1] ?? ''

function open(t: Test, more: Readonly<Record<string, unknown>> = {}): Promise<TestHub> {
  return startHub(t, { subscriptions: true, ...more })
}

t.test(
  'behaviours 132, 134, 135 and 136: who subscribes and leaves is told, with the payload, to those who may know',
  async (t) => {
    const hub = await open(t)
    const watcher = await hub.subscribe(everything, { token: hub.token() })
    const stranger = await hub.subscribe(everything, { token: hub.token({ subscribe: ['x'] }) })
    const token = hub.token({
      claims: {
        authorization_details: [
          { ...detail('subscribe', ['other']), payload: { no: 1 } },
          { ...detail('subscribe', ['https://example.com/a']), payload: { user: 'me' } },
          { ...detail('subscribe', ['*']), payload: { late: 1 } },
        ],
      },
    })
    await until(() => watcher.events.length >= 2)
    const before = watcher.events.length

    const reader = await hub.subscribe('match=https://example.com/a&match_urlpattern=/b/:c', {
      token,
    })
    await until(() => watcher.events.length >= before + 2)
    reader.socket.destroy()
    await until(() => watcher.events.length >= before + 4)

    const events = watcher.events.slice(before)
    t.strictSame(seen(watcher).slice(before), [
      'mercure https://example.com/a true',
      'mercure /b/:c true',
      'mercure https://example.com/a false',
      'mercure /b/:c false',
    ])
    const [started, pattern, ended] = events.map(({ data }) => JSON.parse(data) as Listed)
    const subscriber = started?.subscriber ?? ''
    t.match(subscriber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4/)
    t.strictSame(started, {
      id: `${api}/exact/https%3A%2F%2Fexample.com%2Fa/${encodeURIComponent(subscriber)}`,
      type: 'subscription',
      subscriber,
      match: 'https://example.com/a',
      match_type: 'exact',
      active: true,
      payload: { user: 'me' },
    })
    t.strictSame([pattern?.subscriber, pattern?.match_type], [subscriber, 'urlpattern'])
    t.strictSame({ ...ended, active: true }, started)
    t.match(seen(watcher)[0], /^mercure .* true$/, 'it heard of its own arrival')
    t.strictSame(stranger.events, [])
  },
)

t.test(
  'behaviours 127, 128, 130 and 131: the list, a matcher and one subscription, for whom the token grants the path',
  async (t) => {
    const hub = await open(t)
    await hub.subscribe('match=a', { token: hub.token() })
    await hub.subscribe('match=a&match_urlpattern=/b/:c')
    const all = await list(hub)
    const [one] = all.filter(({ match }) => match === 'a')

    t.strictSame(all.map(({ match }) => match).sort(), ['/b/:c', 'a', 'a'])
    t.ok(all.every(({ active, type }) => active && type === 'subscription'))
    const matcher = await hub.ask('GET', { path: `${api}/exact/a`, token: hub.token() })
    t.match(JSON.parse(matcher.text), { id: `${api}/exact/a`, type: 'subscriptions' })
    t.equal((JSON.parse(matcher.text) as { subscriptions: unknown[] }).subscriptions.length, 2)
    const single = await hub.ask('GET', { path: one?.id ?? '', token: hub.token() })
    t.strictSame(JSON.parse(single.text), one)
    t.equal(single.headers['content-type'], 'application/json')

    const status = async (path: string, token?: string, method = 'GET') =>
      (await hub.ask(method, { path, token })).status
    t.equal(await status(api), 401, 'also when anonymous subscribers are welcome')
    t.equal(await status(api, hub.token({ subscribe: ['x'] })), 403)
    t.equal(await status(`${api}?foo=bar`, hub.token({ subscribe: [api] })), 200)
    t.equal(await status(`${api}/exact/a`, hub.token({ subscribe: [api] })), 403)
    t.equal(await status(`${api}/exact/a/urn%3Auuid%3A0`, hub.token()), 404)
    t.equal(await status(`${api}/exact/a/b/c`, hub.token()), 404)
    t.equal(await status(`${api}/exact`, hub.token()), 404)
    t.equal(await status(`${api}/regexp/a`, hub.token()), 400)
    t.equal(await status(`${api}/exact/%zz`, hub.token()), 400)
    t.equal(await status(`${api}/exact/a`, hub.token(), 'DELETE'), 405)
    const long = 'x'.repeat(4_000)
    t.equal(await status(`${api}/exact/${long}`, hub.token()), 200)
  },
)

t.test(
  'behaviour 129: an answer that did not change is 304, its cursor is the newest id',
  async (t) => {
    const hub = await open(t)
    const ask = (headers = {}) => hub.ask('GET', { path: api, token: hub.token(), headers })
    const empty = await ask()
    t.equal(empty.headers.etag, '"earliest"')
    await hub.publish({ topic: 'x', id: 'a "quoted" é' })

    const answer = await ask()
    const again = await ask({ 'if-none-match': `"other", W/${answer.headers.etag}` })

    t.equal(answer.headers.etag, '"a%20%22quoted%22%20%C3%A9"')
    t.match(String(answer.headers.link), 'last-event-id="a \\"quoted\\"')
    t.strictSame([again.status, again.text], [304, ''])
    await hub.publish({ topic: 'x', id: 'b' })
    await hub.publish({ topic: 'x', id: 'a' })
    await hub.publish({ topic: 'x', id: 'b' })
    t.match(lastEventIdOf((await ask()).headers.link), /^#/, 'an id used twice is no cursor')
    t.equal((await ask({ 'if-none-match': answer.headers.etag })).status, 200)
    t.equal(
      (
        await hub.ask('GET', {
          path: `${api}/exact/x/y`,
          token: hub.token(),
          headers: { 'if-none-match': '*' },
        })
      ).status,
      404,
    )
  },
)

t.test('the list is counted, filtered and read in pages', async (t) => {
  const hub = await open(t)
  const bob = hub.token({ subscribe: ['*'], claims: { sub: 'bob' } })
  for (let i = 0; i < 5; i++) await hub.subscribe(`match=https://example.com/${i}`)
  await hub.subscribe('match_urlpattern=https://example.com/:n', { token: bob })

  const head = await hub.ask('HEAD', { path: `${api}?limit=2`, token: hub.token() })
  t.strictSame([head.status, head.text, head.headers['mercure-subscription-count']], [200, '', '6'])
  t.strictSame((await list(hub, '?topic=https://example.com/3')).map(({ match }) => match).sort(), [
    'https://example.com/3',
    'https://example.com/:n',
  ])
  t.strictSame(
    (await list(hub, '?sub=bob')).map(({ match }) => match),
    ['https://example.com/:n'],
  )

  const ids: string[] = []
  let pages = 0
  let path: string | undefined = `${api}?limit=4`
  while (path !== undefined) {
    const page = await hub.ask('GET', { path, token: hub.token() })
    ids.push(
      ...(JSON.parse(page.text) as { subscriptions: Listed[] }).subscriptions.map(({ id }) => id),
    )
    path = /<([^>]*)>; rel="next"/.exec(String(page.headers.link))?.[1]
    pages++
  }
  t.strictSame([pages, ids.length, new Set(ids).size], [2, 6, 6])
  t.equal((await hub.ask('GET', { path: `${api}?limit=0`, token: hub.token() })).status, 400)
})

t.test('list, then follow: nothing is missed, nothing told twice', async (t) => {
  const hub = await open(t)
  const streams = await Promise.all(
    Array.from({ length: 20 }, (_, i) => hub.subscribe(`match=topic-${i}`)),
  )
  const answer = await hub.ask('GET', { path: api, token: hub.token() })
  const listed = (JSON.parse(answer.text) as { subscriptions: Listed[] }).subscriptions
  for (const stream of streams.slice(0, 5)) stream.socket.destroy()
  await hub.subscribe('match=new')
  const watcher = await hub.subscribe(everything, {
    token: hub.token(),
    lastEventId: lastEventIdOf(answer.headers.link),
  })
  await until(() => watcher.events.length >= 7)

  const known = new Set(listed.map(({ id }) => id))
  t.equal(known.size, 20)
  for (const { data } of watcher.events) {
    const { id, active } = JSON.parse(data) as Listed
    t.equal(known.has(id), !active, 'a start is new, an end is known')
    if (active) known.add(id)
    else known.delete(id)
  }
  t.strictSame([...known].sort(), (await list(hub)).map(({ id }) => id).sort())
})

t.test('with a grace, who comes back as the same subject never left', async (t) => {
  const hub = await open(t, { subscription_grace: '10s' })
  const watcher = await hub.subscribe(everything, { token: hub.token() })
  const token = hub.token({ subscribe: ['*'], claims: { sub: 'bob' } })
  const first = await hub.subscribe('match=a', { token })
  const [before] = await list(hub, '?sub=bob')
  first.socket.destroy()
  await until(() => hub.hub.subscriberCount === 1)
  const second = await hub.subscribe('match=a', { token })
  const third = await hub.subscribe('match=a', { token })
  const [again, other] = await list(hub, '?sub=bob')
  const anonymous = await hub.subscribe('match=b')
  anonymous.socket.destroy()
  await until(() => seen(watcher).includes('mercure b false'))

  t.ok([again?.id, other?.id].includes(before?.id), 'it keeps its id')
  t.not(again?.id, other?.id, 'a second stream is another subscription')
  t.strictSame(seen(watcher).slice(1), [
    'mercure a true',
    'mercure a true',
    'mercure b true',
    'mercure b false',
  ])
  second.socket.destroy()
  third.socket.destroy()
})

t.test('a grace that is over ends the subscription', async (t) => {
  const hub = await open(t, { subscription_grace: '100ms' })
  const stream = await hub.subscribe('match=a', { token: hub.token() })
  t.equal((await list(hub)).length, 1)

  stream.socket.destroy()

  await until(async () => (await list(hub)).length === 0)
  t.equal(hub.hub.presence?.size, 0)
})

t.test('with presence off there is no list, no event and no lease', async (t) => {
  const hub = await startHub(t, { subscriptions: false })
  const watcher = await hub.subscribe(everything, { token: hub.token() })
  await hub.subscribe('match=a')
  await hub.publish({ topic: '/x' })

  t.equal((await hub.ask('GET', { path: api, token: hub.token() })).status, 404)
  t.strictSame(watcher.events, [])
  t.match(hub.assembly.log.stats(), { notices: 0, marks: 1 })
})
