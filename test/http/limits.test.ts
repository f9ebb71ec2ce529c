import { readFileSync } from 'node:fs'
import t from 'tap'
import { PublishRates } from '../../src/hub/limits/publish-rate.ts'
import { limitNames } from '../../src/protocol/limits.ts'
import { formOf, formType } from '../fixtures/http.ts'
import { startHub, type TestHub } from '../fixtures/hub.ts'

const documented = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')

async function hits(hub: TestHub): Promise<Record<string, number>> {
  const text = await hub.assembly.metrics.text()
  const found = [...text.matchAll(/^mercure_limits_hit_total\{limit="(\w+)"\} (\d+)$/gm)]
  return Object.fromEntries(
    found.map(([, name, count]) => [name, Number(count)] as const).filter(([, count]) => count > 0),
  )
}

t.test('every limit is documented under its name, and none that is not', async (t) => {
  const named = [...documented.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name)

  t.strictSame(new Set(named), new Set(limitNames))
  t.equal(named.length, limitNames.length)
})

t.test(
  'the last stream that may be is taken, the next gets 429 or 503 with Retry-After',
  async (t) => {
    const cases = [
      { option: 'max_subscribers', status: 503 },
      { option: 'max_subscribers_per_token', status: 429 },
      { option: 'max_subscribers_per_address', status: 429 },
    ]
    for (const { option, status } of cases) {
      const hub = await startHub(t, { [option]: 2 })
      const token = hub.token()
      const heads = []
      for (let i = 0; i < 3; i++) heads.push((await hub.subscribe('match=a', { token })).head)

      t.strictSame(
        heads.map((head) => head.status),
        [200, 200, status],
        option,
      )
      t.equal(heads[2]?.headers['retry-after'], '5')
      t.strictSame(await hits(hub), { [option]: 1 })
    }
  },
)

t.test(
  'addresses are what a trusted proxy says, an IPv6 network of a subscriber as one',
  async (t) => {
    const hub = await startHub(t, { max_subscribers_per_address: 1 })
    const from = async (forwarded: string) =>
      (await hub.subscribe('match=a', { lines: [`X-Forwarded-For: ${forwarded}`] })).head.status

    t.equal(await from('2001:db8:1:2::1'), 200)
    t.equal(await from('2001:db8:1:2:ffff::9'), 429, 'the same /64')
    t.equal(await from('2001:DB8:1:3::1'), 200, 'another /64')
    t.equal(await from('203.0.113.1'), 200)
    t.equal(await from('::ffff:203.0.113.1'), 429, 'the same, as IPv6 spells it')
    t.equal(await from('203.0.113.1:4711'), 429, 'the same, with a port')
    t.equal(await from('1.2.3.4, 203.0.113.2'), 200, 'only the last stranger counts')
    t.equal(await from('5.6.7.8, 203.0.113.2'), 429)
    t.equal(await from('unknown'), 200, 'who cannot be told apart is the proxy itself')
    t.equal(await from('203.0.113.9, _hidden'), 429)
  },
)

t.test('a token that has published its share gets 429 and when to come back', async (t) => {
  const hub = await startHub(t, { max_publishes_per_second_per_token: 1 })
  const [token, other] = [hub.token(), hub.token({ publish: ['*'], claims: { sub: 'bob' } })]
  const batch = Array.from({ length: 600 }, () => '{"topic":"a"}').join('\n')
  const asBatch = { 'content-type': 'application/x-ndjson' }

  t.equal((await hub.publish(batch, { token, headers: asBatch })).status, 200)
  const refused = await hub.publish({ topic: 'a' }, { token })

  t.match(refused, { status: 429, text: /max_publishes_per_second_per_token/ })
  const seconds = Number(refused.headers['retry-after'])
  t.ok(seconds > 300 && seconds <= 600, `come back in ${seconds} s`)
  t.equal((await hub.publish({ topic: 'a' }, { token: other })).status, 200, 'others may')
  t.strictSame(await hits(hub), { max_publishes_per_second_per_token: 1 })
})

t.test('a bucket refills steadily, holds one second, and a batch leaves a debt', async (t) => {
  const rates = new PublishRates(10)
  const taken = (nowMs: number) => {
    let count = 0
    while (rates.take('a', nowMs) === undefined) count++
    return count
  }

  t.equal(taken(0), 10)
  t.equal(taken(99), 0)
  t.equal(taken(100), 1)
  t.equal(taken(60_000), 10, 'never more than one second saves up')
  rates.charge('a', 90, 61_000)
  t.match(rates.take('a', 61_000), { code: 'too_many_publishes', retryAfterSeconds: 9 })
  t.equal(taken(69_200), 2)
  t.equal(rates.size, 1)
  rates.take('b', 80_000)
  t.equal(rates.size, 1, 'full buckets are forgotten')
  rates.limit(0)
  t.equal(rates.take('b', 80_000), undefined)
})

t.test('topics, matchers and bodies: n is taken, n + 1 is refused and counted', async (t) => {
  const hub = await startHub(t, { max_request_body_size: '4KiB' })
  const topics = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`)
  const big = await startHub(t)
  const get = async (query: string) => (await hub.subscribe(query)).head.status
  const matches = (count: number) =>
    topics(count)
      .map((topic) => `match=${topic}`)
      .join('&')
  const body = (bytes: number) => 'topic=a&data='.padEnd(bytes, 'x')

  t.equal((await big.publish({ topic: topics(1_000) })).status, 200)
  t.equal((await big.publish({ topic: topics(1_001) })).status, 413)
  t.equal((await big.publish({ topic: 'x'.repeat(4_096) })).status, 200)
  t.equal((await big.publish({ topic: 'x'.repeat(4_097) })).status, 413)
  t.strictSame(await hits(big), { topics: 1, topic_size: 1 })
  t.equal(await get(matches(100)), 200)
  t.equal(await get(matches(101)), 400)
  t.equal(await get(`match=${'x'.repeat(4_096)}`), 200)
  t.equal(await get(`match=${'x'.repeat(4_097)}`), 400)
  t.equal((await hub.publish(body(4_096))).status, 200)
  t.equal((await hub.publish(body(4_097))).status, 413)
  t.equal(await get('match_urlpattern=/:a((a{999}){999})'), 400, 'a pattern has a cap')
  t.strictSame(await hits(hub), { matchers: 1, topic_size: 1, max_request_body_size: 1 })
})

t.test(
  'a head that is too large or too slow is refused, and so is a connection that says nothing',
  async (t) => {
    const hub = await startHub(t, {
      max_header_size: '2KiB',
      header_timeout: '1s',
      request_timeout: '2s',
      keep_alive_timeout: '1s',
    })
    const large = hub.connect().send(`GET / HTTP/1.1\r\nX: ${'x'.repeat(3_000)}\r\n\r\n`)
    t.equal((await large.untilHead()).status, 431)

    const silent = hub.connect()
    const slow = hub.connect().send('GET / HTTP/1.1\r\nHost: localhost\r\n')
    const token = hub.token()
    const dripping = hub
      .connect()
      .send(
        `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${formType['content-type']}\r\nContent-Length: 1000\r\n\r\ntopic=`,
      )
    t.equal((await slow.untilHead()).status, 408)
    await Promise.all([silent.closed, dripping.closed])

    const idle = hub.connect().send('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.equal((await idle.untilHead()).status, 200)
    await idle.closed
    const stream = await hub.subscribe('match=a')
    await hub.publish(formOf({ topic: 'a', data: 'streams are not cut' }))
    await stream.until(1)
    const { max_header_size, header_timeout = 0 } = await hits(hub)
    t.equal(max_header_size, 1)
    t.ok(header_timeout >= 2)
  },
)
