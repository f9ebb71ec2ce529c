import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'

const hub = await startHub(t)
const enc = encodeURIComponent

/** The status of a subscription, and the sentence when it is refused. HEAD is GET without the stream. */
async function refusal(query: string): Promise<[status: number, sentence: string]> {
  const { status, text } = await hub.ask('GET', { path: `/.well-known/mercure?${query}` })
  return [status, text]
}

async function status(query: string): Promise<number> {
  return (await hub.ask('HEAD', { path: `/.well-known/mercure?${query}` })).status
}

const many = (count: number, name = 'match') =>
  Array.from({ length: count }, (_, i) => `${name}=t${i}`).join('&')

t.test('behaviour 24: a bare match is exact, also with an empty value or none', async (t) => {
  const stream = await hub.subscribe('match=a&match=B&match')

  for (const topic of ['A', 'b', 'a', 'B']) await hub.publish({ topic, data: topic })

  t.strictSame(
    (await stream.until(2)).map((event) => event.data),
    ['a', 'B'],
  )
  stream.close()
})

t.test('behaviour 25: match_exact says the same explicitly', async (t) => {
  const stream = await hub.subscribe('match_exact=a&match_exact=B')

  for (const topic of ['A', 'b', 'a', 'B']) await hub.publish({ topic, data: topic })

  t.strictSame(
    (await stream.until(2)).map((event) => event.data),
    ['a', 'B'],
  )
  stream.close()
})

t.test('behaviour 26: match_urlpattern is a URL Pattern', async (t) => {
  const stream = await hub.subscribe(`match_urlpattern=${enc('https://example.com/books/:id')}`)

  for (const name of ['books/1/2', 'books/', 'books/1'])
    await hub.publish({ topic: `https://example.com/${name}`, data: name })

  t.strictSame(
    (await stream.until(1)).map((event) => event.data),
    ['books/1'],
  )
  stream.close()
})

t.test(
  'behaviour 27: names are case-sensitive, and all that begins like match is reserved',
  async (t) => {
    const names = [
      ...['MATCH', 'Match', 'matchurlpattern', 'MATCHURLPATTERN', 'match_exactly', 'matchRegexp'],
      ...['match_', 'match[]', 'matches', 'mAtCh_exact', '%4Datch', 'match_URLPattern'],
    ]
    for (const name of names) {
      const [code, sentence] = await refusal(`match=fine&${name}=x`)
      t.equal(code, 400, name)
      t.match(sentence, /known are match, match_exact and match_urlpattern/)
    }
    t.equal(await status('%6D%61tch=x'), 200, 'compared after decoding')
  },
)

t.test('behaviour 28: topic is refused, and the sentence names the option', async (t) => {
  for (const query of ['topic=a', 'match=a&topic=b', 'topic']) {
    const [code, sentence] = await refusal(query)
    t.equal(code, 400, query)
    t.match(sentence, /protocol_version_compatibility/)
  }
})

t.test('behaviour 29: a pattern that is none is refused without the compiler’s text', async (t) => {
  for (const pattern of ['{unclosed', '/(unclosed', 'https://example.com/[(', '/:a/:a', '/(?=x)']) {
    const [code, sentence] = await refusal(`match=fine&match_urlpattern=${enc(pattern)}`)
    t.equal(code, 400, pattern)
    t.match(sentence, /^Bad Request: .+\n$/)
    t.notMatch(sentence, /Error|\.ts|at \w+ \(|invalid regular expression/i)
  }
})

t.test(
  'behaviour 30: control and formatting characters and invalid UTF-8 are refused',
  async (t) => {
    const bytes = [
      '%00',
      '%0A',
      '%0D',
      '%7F',
      '%C2%85',
      '%E2%80%8B',
      '%F3%A0%80%81',
      '%FF',
      '%ED%A0%80',
    ]
    for (const byte of bytes)
      for (const name of ['match', 'match_exact', 'match_urlpattern'])
        t.equal(await status(`${name}=a${byte}b`), 400, `${name} with ${byte}`)
    t.match((await refusal('match=a%00'))[1], /control or formatting characters/)
    t.match((await refusal('match=a%FF'))[1], /not UTF-8/)
    t.equal(await status('match=%F0%9F%9A%B2%20%C2%A0%E2%80%A8'), 200)
  },
)

t.test('behaviour 31: 100 matchers and 4096 bytes are fine, one more is not', async (t) => {
  t.equal(await status(many(100)), 200)
  t.strictSame(await refusal(many(101)), [
    400,
    'Bad Request: a subscription may have at most 100 matchers\n',
  ])
  t.equal(
    await status(`${many(50)}&${many(25, 'match_exact')}&${many(25, 'match_urlpattern')}`),
    200,
  )
  t.equal(
    await status(`${many(50)}&${many(25, 'match_exact')}&${many(26, 'match_urlpattern')}`),
    400,
  )
  for (const name of ['match', 'match_exact', 'match_urlpattern']) {
    t.equal(await status(`${name}=/${'x'.repeat(4095)}`), 200)
    t.equal(await status(`${name}=/${'x'.repeat(4096)}`), 400)
  }
  t.equal(await status(`match=${enc('é'.repeat(2048))}`), 200, 'bytes, not characters')
  t.equal(await status(`match=${enc('é'.repeat(2048))}x`), 400)
  t.match((await refusal(`match=${'x'.repeat(4097)}`))[1], /at most 4096 bytes/)
})

t.test('behaviour 7: the 101st matcher is refused in the union of query and body', async (t) => {
  const query = (body: string) =>
    hub.ask('QUERY', { path: `/.well-known/mercure?${many(60)}`, body }).then((a) => a.status)

  t.equal(await query(many(41)), 400)
  t.equal(hub.hub.subscriberCount, 0)
})

t.test('behaviour 32: a relative pattern is fine', async (t) => {
  const stream = await hub.subscribe('match_urlpattern=books/:id&match=/control')

  await hub.publish({ topic: '/.well-known/books/1', data: 'resolved' })
  await hub.publish({ topic: 'books/2', data: 'relative' })
  await hub.publish({ topic: '/books/3', data: 'elsewhere' })
  await hub.publish({ topic: '/control', data: 'end' })

  t.strictSame(
    (await stream.until(3)).map((event) => event.data),
    ['resolved', 'relative', 'end'],
  )
  stream.close()
})

t.test('behaviour 33: unrelated parameters alone are no subscription', async (t) => {
  const [code, sentence] = await refusal('foo=bar&last_event_id=x&mat=1&topics=2')

  t.equal(code, 400)
  t.match(sentence, /needs at least one "match"/)
})

t.test('behaviour 34: other parameters are no matchers', async (t) => {
  t.equal(await status('match=x&authorization=y&last_event_id=z&lastEventID=1&foo&=&=x'), 200)
})

t.test('the query is parsed by the WHATWG rules: + ; and a stray % survive', async (t) => {
  const cases: [query: string, topic: string][] = [
    ['match=a+b', 'a b'],
    ['match=a;b', 'a;b'],
    ['match=50%', '50%'],
    ['match=%zz%2', '%zz%2'],
    ['match=a=b', 'a=b'],
    ['match=a?b#', 'a?b#'],
    ['x&match=%26', '&'],
  ]
  for (const [query, topic] of cases) {
    const stream = await hub.subscribe(query)
    await hub.publish({ topic, data: query })
    t.strictSame(
      (await stream.until(1)).map((event) => event.data),
      [query],
    )
    stream.close()
  }
})

t.test('raw UTF-8 bytes in the body of a QUERY are what they say', async (t) => {
  const stream = await hub.subscribe('', { method: 'QUERY', body: 'match=שלום' })

  await hub.publish({ topic: 'שלום', data: 'raw' })

  t.strictSame(
    (await stream.until(1)).map((event) => event.data),
    ['raw'],
  )
  stream.close()
})
