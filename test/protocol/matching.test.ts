import t from 'tap'
import { Grants } from '../../src/protocol/grants.ts'
import { compileMatcher, type MatchType } from '../../src/protocol/matcher.ts'
import { Topic } from '../../src/protocol/topic.ts'
import { startHub } from '../fixtures/hub.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'

const selects = (type: MatchType, pattern: string, topic: string) =>
  compileMatcher(type, pattern, hubUrl).matches(new Topic(topic))

t.test(
  'behaviour 40: exact is byte for byte; * selects everything, whatever the type',
  async (t) => {
    t.ok(selects('exact', 'https://e.com/a', 'https://e.com/a'))
    for (const topic of [
      'https://E.com/a',
      'https://e.com/A',
      'https://e.com/a/',
      'https://e.com/a?',
    ])
      t.notOk(selects('exact', 'https://e.com/a', topic), topic)
    t.notOk(selects('exact', 'https://e.com/{id}', 'https://e.com/1'))
    t.ok(selects('exact', 'https://e.com/{id}', 'https://e.com/{id}'))
    t.notOk(selects('exact', '\u00e9', 'e\u0301'), 'nothing is normalised')
    for (const type of ['exact', 'urlpattern'] as const)
      for (const topic of ['a', 'http://[nope', 'urn:x']) t.ok(selects(type, '*', topic))
  },
)

t.test('behaviour 41: groups and wildcards; hosts without case, paths with', async (t) => {
  const book = 'https://example.com/books/:id'
  for (const topic of [
    'https://example.com/books/1',
    'https://EXAMPLE.com/books/1?x=1',
    'https://example.com/books/42#f',
  ])
    t.ok(selects('urlpattern', book, topic), topic)
  for (const topic of [
    'https://example.com/books/42/',
    'https://example.com/BOOKS/42',
    'https://example.com/books/',
    'http://example.com/books/1',
    'urn:books:1',
    'http://[nope',
  ])
    t.notOk(selects('urlpattern', book, topic), topic)
  t.ok(selects('urlpattern', 'https://example.com/*', 'https://example.com/a/b/c'))
  t.ok(selects('urlpattern', 'https://example.com/:a/x/:b', 'https://example.com/1/x/2'))
  t.notOk(selects('urlpattern', 'https://example.com/:a/x/:b', 'https://example.com/1/y/2'))
})

t.test('behaviour 42: relative patterns and topics share the hub as base', async (t) => {
  t.ok(selects('urlpattern', '/books/:id', '/books/1'))
  t.ok(selects('urlpattern', 'books/:id', '/.well-known/books/1'))
  t.notOk(selects('urlpattern', '/books/:id', 'https://foreign.example/books/1'))
  t.notOk(
    selects(
      'urlpattern',
      '/.well-known/mercure/subscriptions/*',
      '/.well-known/mercure/subscriptions',
    ),
  )
})

t.test('behaviour 43: a relative pattern selects absolute topics on the hub', async (t) => {
  t.ok(selects('urlpattern', '/books/:id', 'https://hub.example/books/1'))
  t.notOk(selects('urlpattern', '/books/:id', 'http://hub.example/books/1'))
  t.ok(selects('urlpattern', 'https://hub.example/books/:id', '/books/1'))
})

t.test('behaviour 44: what is a pattern, and what is none', async (t) => {
  for (const pattern of [
    'https://e.com/:id',
    '*://e.com/*',
    '/a/:b',
    '*',
    'urn\\:x\\:*',
    'https://e.com/{a}?',
  ])
    t.ok(compileMatcher('urlpattern', pattern, hubUrl), pattern)
  for (const pattern of ['{unclosed', '/(unclosed', 'https://e.com/[('])
    t.throws(
      () => compileMatcher('urlpattern', pattern, hubUrl),
      { code: 'invalid_matcher' },
      pattern,
    )
})

t.test('behaviour 48: the hub’s whole URL as identifier is the base', async (t) => {
  const hub = await startHub(t, { resource_identifier: hubUrl })
  const stream = await hub.subscribe('match_urlpattern=/books/:id')
  const token = hub.token({ publish: ['*'], claims: { aud: hubUrl } })

  await hub.publish({ topic: `${hub.origin}/books/1`, data: 'where it listens' }, { token })
  await hub.publish({ topic: 'https://hub.example/books/1', data: 'who it is' }, { token })

  t.strictSame(
    (await stream.until(1)).map((event) => event.data),
    ['who it is'],
  )
})

t.test('behaviour 40, 41 and 43 on the wire: one stream, several matchers', async (t) => {
  const hub = await startHub(t)
  const stream = await hub.subscribe(
    `match=exact&match_urlpattern=${encodeURIComponent('https://e.com/:a')}&match_urlpattern=/r/:x&match=end`,
  )
  const topics = [
    'exact',
    'Exact',
    'https://e.com/1',
    'https://e.com/1/2',
    '/r/1',
    `${hub.origin}/r/2`,
    'https://x/r/3',
  ]

  for (const topic of topics) await hub.publish({ topic: ['urn:x', topic], data: topic })
  await hub.publish({ topic: 'end', data: 'end' })
  await stream.untilData('end')

  t.strictSame(stream.data, ['exact', 'https://e.com/1', '/r/1', `${hub.origin}/r/2`, 'end'])
})

const grants = (...details: [action: 'publish' | 'subscribe', ...topics: string[]][]) =>
  new Grants(
    details.map(([action, ...topics]) => ({
      actions: new Set([action]),
      topics: topics.map((topic) =>
        compileMatcher(topic.includes(':') ? 'urlpattern' : 'exact', topic, hubUrl),
      ),
    })),
  )
const topics = (...values: string[]) => values.map((value) => new Topic(value))

t.test(
  'behaviour 47: a matcher without a grant lets public updates through, private ones not',
  async (t) => {
    const hub = await startHub(t)
    const stream = await hub.subscribe('match=a', { token: hub.token({ subscribe: ['b'] }) })

    await hub.publish({ topic: 'a', data: 'private', private: 'on' })
    await hub.publish({ topic: ['a', 'b'], data: 'granted by its alternate', private: 'on' })
    await hub.publish({ topic: 'a', data: 'public' })

    t.strictSame(
      (await stream.until(2)).map((event) => event.data),
      ['granted by its alternate', 'public'],
    )
  },
)

t.test('behaviour 73: publishing needs a grant for all topics, receiving for any', async (t) => {
  const some = grants(['publish', 'a', '/p/:x'], ['subscribe', 'b'])

  t.ok(some.mayPublish(topics('a', '/p/1')))
  t.notOk(some.mayPublish(topics('a', 'b')))
  t.ok(some.mayReceive(topics('a', 'b')))
  t.notOk(some.mayReceive(topics('a', '/p/1')))
})

t.test('behaviour 102: a grant of * covers every topic', async (t) => {
  const all = grants(['publish', '*'], ['subscribe', '*'])

  t.ok(all.mayPublish(topics('a', 'http://[nope', '/x')))
  t.ok(all.mayReceive(topics('anything')))
  t.notOk(Grants.none.mayPublish(topics('a')))
  t.notOk(Grants.none.mayReceive(topics('a')))
})

t.test('grants that let the same through have the same key, whatever their order', async (t) => {
  t.equal(
    grants(['subscribe', 'a', 'b']).key,
    grants(['subscribe', 'b'], ['subscribe', 'a', 'b']).key,
  )
  t.equal(grants(['subscribe', 'a', '*']).key, grants(['subscribe', '*']).key)
  t.not(grants(['subscribe', 'a']).key, grants(['publish', 'a']).key)
})
