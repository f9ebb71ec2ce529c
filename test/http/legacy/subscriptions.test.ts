import t, { type Test } from 'tap'
import type { Answer } from '../../fixtures/http.ts'
import { startAdmin, startHub, type TestHub } from '../../fixtures/hub.ts'
import { ask } from '../../fixtures/http.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { detail, signLegacyToken } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

const api = '/.well-known/mercure/subscriptions'
const context = 'https://mercure.rocks/'
const everything = signLegacyToken({ publish: ['*'], subscribe: ['*'] })
const usual = encodeURIComponent(`${api}/{topic}/{subscriber}`)
const modern = `match_urlpattern=${api}/:type/:match/:subscriber`
const template = 'https://example.com/books/{id}'
const book = 'https://example.com/books/1'

interface Told {
  readonly '@context'?: string
  readonly id: string
  readonly type: string
  readonly subscriber: string
  readonly topic: string
  readonly active: boolean
  readonly lastEventID?: string
  readonly payload?: unknown
}

interface List {
  readonly '@context': string
  readonly id: string
  readonly type: string
  readonly lastEventID: string
  readonly subscriptions: readonly Told[]
}

function open(t: Test, more: Readonly<Record<string, unknown>> = {}): Promise<TestHub> {
  return startHub(t, { subscriptions: true, protocol_version_compatibility: 8, ...more })
}

function get(hub: TestHub, path = api, token = everything, headers = {}): Promise<Answer> {
  return hub.ask('GET', { path, token, headers })
}

const listIn = ({ text }: Answer) => JSON.parse(text) as List
const toldBy = (client: SseClient) => client.data.map((data) => JSON.parse(data) as Told)
const starts = (client: SseClient) =>
  toldBy(client).map(({ topic, active }) => `${topic} ${active ? 'starts' : 'ends'}`)
const topicOf = (text: string) => `topic=${encodeURIComponent(text)}`

t.test(
  'behaviour 134: a 0.x watcher is told of starts and ends as plain messages, with the payload',
  async (t) => {
    const hub = await open(t)
    const granted = signLegacyToken({ subscribe: [`${api}/{topic}/{subscriber}`] })
    const watcher = await hub.subscribe(`topic=${usual}`, { token: granted })
    const stranger = await hub.subscribe(`topic=${usual}`, {
      token: signLegacyToken({ subscribe: ['x'] }),
    })
    await until(() => watcher.events.length === 2)
    const payload = { user: 'https://example.com/users/1', remoteAddr: '127.0.0.1' }

    const reader = await hub.subscribe(`${topicOf(template)}&${topicOf(book)}`, {
      token: signLegacyToken({ subscribe: [template], payload }),
    })
    await watcher.until(4)
    reader.close()
    await watcher.until(6)

    const told = toldBy(watcher).slice(2)
    const subscriber = told[0]?.subscriber ?? ''
    const path = (topic: string) =>
      `${api}/${encodeURIComponent(topic)}/${encodeURIComponent(subscriber)}`
    const document = (topic: string, active: boolean) => ({
      '@context': context,
      id: path(topic),
      type: 'Subscription',
      subscriber,
      topic,
      active,
      payload,
    })
    t.match(subscriber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4/)
    t.strictSame(told, [
      document(template, true),
      document(book, true),
      document(template, false),
      document(book, false),
    ])
    t.equal(watcher.data[2], JSON.stringify(document(template, true), null, 2), 'order and layout')
    t.notMatch(watcher.body, /^event:/m)
    t.match(watcher.events[2]?.id, /^urn:uuid:/)
    t.strictSame(stranger.events, [])
  },
)

t.test(
  'behaviour 136: each protocol’s watchers hear of the other’s subscriptions, in their own words',
  async (t) => {
    const hub = await open(t)
    const old = await hub.subscribe(`topic=${usual}`, { token: everything })
    const all = await hub.subscribe('topic=*', { token: everything })
    const rest = await hub.subscribe(topicOf('{+any}'), { token: everything })
    const young = await hub.subscribe(modern, { token: hub.token() })
    const any = await hub.subscribe('match=*', { token: hub.token() })
    const clients = [old, all, rest, young, any]

    const one = await hub.subscribe(`${topicOf(template)}&topic=a`, { token: everything })
    const other = await hub.subscribe('match=b&match_urlpattern=/c/:d', { token: hub.token() })
    await hub.hub.presence?.settled()
    one.close()
    other.close()
    const ours = (client: SseClient) =>
      client.events
        .map(({ type, data }) => {
          const { topic, match } = JSON.parse(data) as { topic?: string; match?: string }
          return { type, topic, match }
        })
        .filter(({ topic, match }) => [template, 'a', 'b', '/c/:d'].includes(topic ?? match ?? ''))
    await Promise.all(clients.map((client) => client.when(() => ours(client).length === 6)))
    await hub.publish({ topic: 'end', data: '{}' })
    await Promise.all([all, rest, any].map((client) => client.untilData('{}')))

    const [fromOld, fromAll, fromRest, fromYoung, fromAny] = clients.map(ours)
    const selectors = (events: ReturnType<typeof ours> = []) =>
      events.map(({ type, topic }) => `${type} ${topic}`).sort()
    const matchers = (events: ReturnType<typeof ours> = []) =>
      events.map(({ type, match }) => `${type} ${match}`).sort()
    const twice = (words: readonly string[]) => words.flatMap((word) => [word, word]).sort()
    t.strictSame(selectors(fromOld), twice([` ${template}`, ' a', ' b']))
    t.strictSame(selectors(fromAll), selectors(fromOld), 'once each, though every topic is wanted')
    t.strictSame(selectors(fromRest), selectors(fromOld))
    t.strictSame(matchers(fromYoung), twice(['mercure a', 'mercure b', 'mercure /c/:d']))
    t.strictSame(matchers(fromAny), matchers(fromYoung))
  },
)

t.test(
  'behaviours 130 and 131: the lists and the document of 0.x, and nothing of 1.0 in them',
  async (t) => {
    const hub = await open(t)
    t.strictSame(listIn(await get(hub)), {
      '@context': context,
      id: api,
      type: 'Subscriptions',
      lastEventID: 'earliest',
      subscriptions: [],
    })
    const payload = ['any', 'JSON']
    const token = signLegacyToken({ payload })
    await hub.subscribe(`${topicOf(template)}&topic=a`, { token })
    await hub.subscribe('match=a&match_urlpattern=/b/:c')

    const answer = await get(hub, `${api}?all`)
    const list = listIn(answer)
    const single = await get(hub, list.subscriptions[0]?.id)

    t.equal(answer.headers['content-type'], 'application/ld+json')
    t.equal(answer.headers.link, undefined)
    t.equal(answer.text, JSON.stringify(list, null, 2), 'printed as hubs of 0.x print it')
    t.strictSame(Object.keys(list), ['@context', 'id', 'type', 'lastEventID', 'subscriptions'])
    t.equal(list.id, `${api}?all`)
    t.strictSame(list.subscriptions.map(({ topic }) => topic).sort(), ['a', 'a', template])
    t.ok(list.subscriptions.every((one) => one['@context'] === undefined))
    t.strictSame(
      list.subscriptions.filter((one) => one.payload !== undefined).map(({ topic }) => topic),
      ['a', template],
      'one payload for all of a token’s subscriptions',
    )
    const [first] = list.subscriptions
    t.strictSame(Object.entries(JSON.parse(single.text) as Told), [
      ['@context', context],
      ...Object.entries(first ?? {}).filter(([name]) => name !== 'payload'),
      ['lastEventID', list.lastEventID],
      ...Object.entries(first ?? {}).filter(([name]) => name === 'payload'),
    ])
    const ofTemplate = listIn(await get(hub, `${api}/${encodeURIComponent(template)}`))
    t.strictSame(
      ofTemplate.subscriptions.map(({ topic }) => topic),
      [template],
    )
    t.equal(listIn(await get(hub, `${api}/a`)).subscriptions.length, 2)
    t.strictSame(listIn(await get(hub, `${api}/unknown`)).subscriptions, [])
    const missing = [`${api}/a/urn%3Auuid%3A0`, `${api}/exact/a/b`, `${api}/`, `${api}/a/`]
    for (const path of missing) t.equal((await get(hub, path)).status, 404, path)
    t.equal((await get(hub, `${api}/%zz`)).status, 400)
    const head = await hub.ask('HEAD', { path: api, token: everything })
    t.strictSame(
      [head.status, head.text, head.headers['content-type']],
      [200, '', 'application/ld+json'],
    )
    const young = await hub.ask('GET', { path: api, token: hub.token() })
    t.strictSame(
      (JSON.parse(young.text) as { subscriptions: { match: string }[] }).subscriptions
        .map(({ match }) => match)
        .sort(),
      ['/b/:c', 'a', 'a'],
      'a 1.0 token gets the list of 1.0, without templates',
    )
    const count = await hub.ask('HEAD', { path: api, token: hub.token() })
    t.equal(count.headers['mercure-subscription-count'], '3')
  },
)

t.test('behaviour 127: the whole URL must be granted, and every refusal is 401', async (t) => {
  const hub = await open(t)
  await hub.subscribe('topic=a')
  const [one] = listIn(await get(hub)).subscriptions
  const statusOf = async (path: string, ...subscribe: string[]) => {
    const answer = await get(hub, path, signLegacyToken({ subscribe }))
    if (answer.status === 401) t.equal(answer.headers['www-authenticate'], undefined)
    return answer.status
  }

  t.equal(await statusOf(api, 'x'), 401)
  t.equal(await statusOf(`${api}/a/none`, 'x'), 401, 'before it is looked for')
  t.equal(await statusOf(api, api), 200)
  t.equal(await statusOf(`${api}?a=b`, api), 401)
  t.equal(await statusOf(`${api}?a=b`, `${api}{?filter}`), 200)
  for (const path of [api, `${api}/a`, one?.id ?? ''])
    t.equal(await statusOf(path, `${api}{/topic}{/subscriber}`), 200, path)
  t.equal(await statusOf(`${api}/a`, `${api}/{topic}/{subscriber}`), 401)
  t.equal((await get(hub, api, signLegacyToken({}, { secret: 'another' }))).status, 401)
  t.equal((await hub.ask('GET', { path: api })).status, 401, 'anonymous subscribers or not')
  const granted = signLegacyToken({ subscribe: [api] })
  const byQuery = await hub.ask('GET', { path: `${api}?authorization=${granted}` })
  t.strictSame([byQuery.status, listIn(byQuery).id], [200, api], 'a token is no part of a URL')
  const cookie = `mercureAuthorization=${granted}`
  t.equal((await hub.ask('GET', { path: api, headers: { cookie } })).status, 200)
})

t.test('behaviour 129: the tag is the bare cursor, and the same again is 304', async (t) => {
  const hub = await open(t)
  await hub.publish({ topic: 'x', id: 'a "quoted" é' })

  const answer = await get(hub)
  const again = await get(hub, api, everything, { 'if-none-match': answer.headers.etag })
  await hub.publish({ topic: 'x', id: 'b' })
  const changed = await get(hub, api, everything, { 'if-none-match': answer.headers.etag })

  t.equal(Buffer.from(String(answer.headers.etag), 'latin1').toString(), 'a "quoted" é')
  t.equal(listIn(answer).lastEventID, 'a "quoted" é')
  t.strictSame([again.status, again.text], [304, ''])
  t.strictSame([changed.status, changed.headers.etag, listIn(changed).lastEventID], [200, 'b', 'b'])
})

t.test('behaviour 132: the payload of an entry, else the one of the token', async (t) => {
  const hub = await open(t)
  const token = signLegacyToken({
    subscribe: [{ match: 'a', payload: { own: true } }, { match: 'b' }, 'c', '{x}d'],
    payload: { shared: true },
  })
  await hub.subscribe('topic=a&topic=b&topic=c&topic=zd&topic=e', { token })
  const details = [{ ...detail('subscribe', ['a']), payload: { detail: 1 } }]
  await hub.subscribe('match=f&match=a', {
    token: hub.token({ claims: { authorization_details: details, mercure: { payload: 1 } } }),
  })

  const { subscriptions } = listIn(await get(hub))

  const told = subscriptions.map(({ topic, payload }) => [topic, payload] as const)
  const text = (one: unknown) => JSON.stringify(one)
  t.strictSame(
    told.toSorted((one, other) => (text(one) < text(other) ? -1 : 1)),
    [
      ['a', { detail: 1 }],
      ['a', { own: true }],
      ['b', { shared: true }],
      ['c', { shared: true }],
      ['e', { shared: true }],
      ['f', undefined],
      ['zd', { shared: true }],
    ],
  )
})

t.test('behaviour 133: a segment is escaped as forms are, and read as both', async (t) => {
  const hub = await open(t)
  const watcher = await hub.subscribe(`topic=${usual}`, { token: everything })
  await watcher.until(1)
  const text = 'a b/c?d=é&100%+~'

  await hub.subscribe(topicOf(text))
  await watcher.until(2)

  const told = toldBy(watcher)[1]
  const id = `${api}/a+b%2Fc%3Fd%3D%C3%A9%26100%25%2B~/${encodeURIComponent(told?.subscriber ?? '')}`
  t.strictSame([told?.topic, told?.id], [text, id])
  t.match(JSON.parse((await get(hub, id)).text), { topic: text, id })
  t.match(JSON.parse((await get(hub, id.replace('+', '%20'))).text), { topic: text, id })
})

t.test('list, then follow: nothing is missed, nothing told twice', async (t) => {
  const hub = await open(t)
  const streams = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      hub.subscribe(index % 2 === 0 ? topicOf(`https://example.com/${index}/{id}`) : 'topic=a'),
    ),
  )
  const { subscriptions, lastEventID } = listIn(await get(hub))
  for (const stream of streams.slice(0, 5)) stream.close()
  await hub.subscribe('match=new')
  const watcher = await hub.subscribe(
    `topic=${usual}&lastEventID=${encodeURIComponent(lastEventID)}`,
    { token: everything },
  )
  await watcher.until(7)

  const known = new Set(subscriptions.map(({ id }) => id))
  t.equal(known.size, 20)
  for (const { id, active } of toldBy(watcher)) {
    t.equal(known.has(id), !active, 'a start is new, an end is known')
    if (active) known.add(id)
    else known.delete(id)
  }
  t.strictSame(
    [...known].sort(),
    listIn(await get(hub))
      .subscriptions.map(({ id }) => id)
      .sort(),
  )
  t.strictSame(starts(watcher).slice(-2), ['new starts', `${decodeURIComponent(usual)} starts`])
})

t.test('without compatibility events and list are those of 1.0 alone', async (t) => {
  const hub = await startHub(t, { subscriptions: true })
  const watcher = await hub.subscribe('match=*', { token: hub.token() })
  await hub.subscribe('match=a')
  await hub.hub.presence?.settled()
  await hub.publish({ topic: 'x', data: 'end' })
  await watcher.untilData('end')

  t.strictSame(
    watcher.events.map(({ type }) => type),
    ['mercure', 'mercure', ''],
  )
  t.equal((await get(hub)).status, 401)
})

t.test('a stream of 0.x is kicked by the URL that either list tells', async (t) => {
  const hub = await open(t)
  const admin = await startAdmin(t, hub)
  const kick = async (subscription: string | undefined) => {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ subscription })
    return JSON.parse((await ask(`${admin}/kick`, { method: 'POST', headers, body })).text) as {
      closed: number
    }
  }
  const streams = [
    await hub.subscribe(topicOf(template)),
    await hub.subscribe('topic=a b'),
    await hub.subscribe('match=c'),
  ]
  const { subscriptions } = listIn(await get(hub))

  for (const { id } of subscriptions) t.match(await kick(hub.origin + id), { closed: 1 }, id)
  await Promise.all(streams.map(({ closed }) => closed))
  t.match(await kick(`${api}/a/urn%3Auuid%3A0`), { closed: 0 })

  const endless = signLegacyToken({ subscribe: ['d'] })
  await hub.subscribe('topic=d', { token: endless })
  const [last] = listIn(await get(hub)).subscriptions
  t.match(await kick(last?.id), { closed: 1 })
  t.equal((await hub.subscribe('topic=d', { token: endless })).head.status, 204, 'denied for ever')
})
