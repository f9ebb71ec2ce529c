import t from 'tap'
import { ordinaryCost } from '../../../src/protocol/pattern-cost.ts'
import { compileMatcher } from '../../../src/protocol/matcher.ts'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { turns } from '../../fixtures/until.ts'

const dear = (n = 0) => `*://*/(${'.*'.repeat(340)}.{0,${9 + n}}z{0,1}q)`
const costOf = (pattern: string) =>
  compileMatcher('urlpattern', pattern, 'http://localhost/.well-known/mercure').cost
const queryOf = (patterns: readonly string[], name = 'match_urlpattern') =>
  patterns.map((pattern) => `${name}=${encodeURIComponent(pattern)}`).join('&')
const long = (n: number) => `https://example.com/${n}${'a'.repeat(4000)}`
const granting = (...patterns: string[]) =>
  patterns.map((match) => ({ match, match_type: 'urlpattern' }))

async function published(hub: TestHub): Promise<number> {
  await turns()
  return hub.assembly.log.head
}

t.test('patterns that cost more than a stream may have are refused with the figure', async (t) => {
  const hub = await startHub(t, { protocol_version_compatibility: '8' })
  const patterns = Array.from({ length: 6 }, (_, n) => dear(n))
  const cost = patterns.reduce((sum, pattern) => sum + costOf(pattern), 0)

  for (const method of ['GET', 'HEAD', 'QUERY'] as const) {
    const isQuery = method === 'QUERY'
    const query = queryOf(patterns)
    const { status, text } = await hub.ask(method, {
      path: `/.well-known/mercure${isQuery ? '' : `?${query}`}`,
      ...(isQuery ? { body: query } : {}),
      headers: isQuery ? { 'content-type': 'application/x-www-form-urlencoded' } : {},
    })
    t.equal(status, 400, method)
    if (method !== 'HEAD') t.match(text, `may cost 2000 steps`)
    if (method !== 'HEAD') t.match(text, `these cost ${cost}`)
  }
  const template = `/x${'{a}x{?b,c,d,e,f,g,h,i,j,k}'.repeat(12)}`
  const templates = Array.from({ length: 20 }, (_, n) => `${template}${n}`)
  t.equal((await hub.subscribe(queryOf(templates, 'topic'))).head.status, 400, 'URI Templates')
  t.equal(hub.hub.subscriberCount, 0)
})

t.test(
  'a hundred ordinary patterns are a stream, and a hundred such streams one address',
  async (t) => {
    const hub = await startHub(t, { max_pattern_cost_per_address: 1 })
    const patterns = Array.from(
      { length: 100 },
      (_, n) => `https://example.com/books/${n}/:id(\\d+)?`,
    )
    const elaborate = Array.from(
      { length: 100 },
      (_, n) => `https://:sub.example.com/${n}/:lang(en|fr|de)/:id{.json}?`,
    )

    for (const query of [queryOf(patterns), queryOf(elaborate)])
      for (let n = 0; n < 50; n++) {
        const body = { method: 'QUERY', body: query } as const
        t.equal((await hub.subscribe('', body)).head.status, 200)
      }
  },
)

t.test(
  'an address is charged what its patterns cost beyond the ordinary, until they close',
  async (t) => {
    const extra = costOf(dear()) - ordinaryCost
    const hub = await startHub(t, { max_pattern_cost_per_address: 2 * extra })
    const opened = [await hub.subscribe(queryOf([dear()])), await hub.subscribe(queryOf([dear(0)]))]
    t.strictSame(
      opened.map(({ head }) => head.status),
      [200, 200],
    )

    const refused = await hub.ask('GET', { path: `/.well-known/mercure?${queryOf([dear()])}` })
    t.equal(refused.status, 429)
    t.match(refused.text, `may cost ${2 * extra} steps`)
    t.match(refused.text, `would cost ${3 * extra}`)
    const other = { lines: ['X-Forwarded-For: 203.0.113.9'] }
    t.equal((await hub.subscribe(queryOf([dear()]), other)).head.status, 200, 'another address')
    t.equal(
      (await hub.subscribe('match_urlpattern=/books/:id')).head.status,
      200,
      'an ordinary one',
    )

    opened[0]?.close()
    await hub.untilSubscribers(3)
    t.equal((await hub.subscribe(queryOf([dear()]))).head.status, 200, 'once one has closed')
    t.equal((await hub.subscribe(queryOf([dear()]))).head.status, 429)
  },
)

t.test(
  'a publish whose topics take the token’s patterns too long is 413 with the figure, and stored is nothing',
  async (t) => {
    const hub = await startHub(t, { max_pattern_steps_per_request: 1e6 })
    const token = hub.token({ publish: granting(dear(1), dear(2), 'https://example.com/*') })
    const before = hub.assembly.log.head

    const form = await hub.publish({ topic: [long(1), long(2)], data: 'x' }, { token })
    const batch = await hub.publish(
      [1, 2].map((n) => JSON.stringify({ topic: long(n), data: 'x' })).join('\n'),
      { token, headers: { 'content-type': 'application/x-ndjson' } },
    )

    for (const { status, text } of [form, batch]) {
      t.equal(status, 413)
      t.match(text, /more than 1000000 steps/)
    }
    t.equal(await published(hub), before)
    const ordinary = { topic: 'https://example.com/books/1', data: 'x' }
    t.equal((await hub.publish(ordinary, { token })).status, 200)
  },
)

t.test('a subscription whose payloads take the token’s patterns too long is 413', async (t) => {
  const hub = await startHub(t, { max_pattern_steps_per_request: 1e6, subscriptions: true })
  const details = [
    {
      type: 'https://mercure.rocks/authorization-detail',
      actions: ['subscribe'],
      topics: granting(dear()),
      payload: { a: 1 },
    },
    {
      type: 'https://mercure.rocks/authorization-detail',
      actions: ['subscribe'],
      topics: [{ match: '*' }],
      payload: { b: 2 },
    },
  ]
  const token = hub.token({ claims: { authorization_details: details } })

  const refused = await hub.subscribe(queryOf([long(1), long(2)], 'match'), { token })
  t.equal(refused.head.status, 413)
  t.equal((await hub.subscribe('match=a', { token })).head.status, 200)
  const list = await hub.ask('GET', { path: '/.well-known/mercure/subscriptions', token })
  t.match(JSON.parse(list.text), { subscriptions: [{ match: 'a', payload: { b: 2 } }] })
})
