import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { formType } from '../../fixtures/http.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'

const hubPath = '/.well-known/mercure'
const api = `${hubPath}/subscriptions`
const hub = await startHub(t, { subscriptions: true, protocol_version_compatibility: 8 })

/** `match=a` and other fields, so many in all. */
const fields = (count: number, other = '&x') => `match=a${other.repeat(count - 1)}`

/** Status and sentence of a QUERY. */
async function query(body: string, at: TestHub = hub): Promise<[number, string]> {
  const client = await at.subscribe('', { method: 'QUERY', body })
  client.close()
  if (client.head.status === 200) return [200, '']
  const { status, text } = await at.ask('QUERY', { headers: formType, body })
  return [status, text]
}

t.test('a subscription has 128 fields at most, whatever stands in them', async (t) => {
  const tooMany = /at most 128 fields/
  const get = async (target: string, token?: string) =>
    hub.ask('HEAD', { path: target, token }).then(({ status }) => status)

  t.equal((await query(fields(128)))[0], 200)
  for (const other of ['&x', '&+', '&%ff', '&=', '&match=%00'])
    t.match(await query(fields(129, other)), [400, tooMany], other)
  t.equal(await get(`${hubPath}?${fields(128)}`), 200)
  t.equal(await get(`${hubPath}?${fields(129)}`), 400)
  t.equal(await get(`${hubPath}?${fields(20_000)}`), 400)
  t.equal(await get(`${hubPath}?${fields(129).replace('match', 'topic')}`), 400, 'of 0.x too')
  t.match(await query(`${'+&'.repeat(200_000)}match=a`), [400, tooMany])
  t.match(await query(`match=a${'&'.repeat(129)}`), [400, tooMany], 'empty ones are looked at too')
})

t.test('each half of a QUERY has its fields, and the body 512 KiB', async (t) => {
  const small = await startHub(t, { max_request_body_size: '64KiB' })
  const padded = (bytes: number) => 'match=a&x='.padEnd(bytes, 'x')

  t.equal((await query(padded(512 * 1024)))[0], 200)
  t.match(await query(padded(512 * 1024 + 1)), [413, /524288 bytes/])
  t.match(await query('+&'.repeat(524_287)), [413, /524288 bytes/])
  t.equal((await query(padded(64 * 1024), small))[0], 200)
  t.match(await query(padded(64 * 1024 + 1), small), [413, /max_request_body_size/])
})

t.test('an update has 2048 fields at most, and those that count among them', async (t) => {
  const statusOf = async (body: string, token?: string) => {
    const { status, text } = await hub.publish(body, { token })
    return [status, text]
  }

  t.match(await statusOf(`topic=a${'&x'.repeat(2047)}`), [200])
  for (const other of ['&x', '&&', '&%ff', '&topic=b'])
    t.match(await statusOf(`topic=a${other.repeat(2048)}`), [413, /at most 2048 fields/], other)
  t.match(await statusOf('+&'.repeat(524_287)), [413, /at most 2048 fields/])
  const legacy = signLegacyToken({ publish: ['*'] })
  t.match(await statusOf(`topic=a${'&x'.repeat(2048)}`, legacy), [400])
  const large = `topic=a&data=${'%C3%A9+'.repeat(140_000)}`
  t.match(await statusOf(large), [200], 'while one field may be as large as the body')
})

t.test('lists of subscriptions have 128 parameters at most', async (t) => {
  const legacy = signLegacyToken({ subscribe: ['*', `${api}{?x*}`] })
  const ask = (count: number, token: string) =>
    hub.ask('GET', { path: `${api}?x${'&x'.repeat(count - 1)}`, token })

  for (const token of [hub.token(), legacy]) {
    t.equal((await ask(128, token)).status, 200)
    t.equal((await ask(129, token)).status, 400)
    t.equal((await ask(20_000, token)).status, 400)
  }
})

t.test('a Cookie field has 512 cookies at most before the one that counts', async (t) => {
  const token = hub.token()
  const cookies = (others: number) =>
    `${'a;'.repeat(others)} __Secure-mercure_access_token=${token}`
  const ask = (others: number) =>
    hub.ask('GET', { path: api, headers: { cookie: cookies(others) } })

  t.equal((await ask(511)).status, 200)
  t.match(await ask(512), { status: 400, text: /512 cookies/ })
  t.equal((await ask(20_000)).status, 400)
})

t.test('a line of a batch has 2048 values at most, however it is nested', async (t) => {
  const post = (body: string) =>
    hub.publish(body, { headers: { 'content-type': 'application/x-ndjson' } })
  const topics = (count: number) => `{"topic":[${'"a",'.repeat(count)}"a"]}`
  const members = (count: number) =>
    `{"topic":"a"${Array.from({ length: count }, (_, n) => `,"${n}":0`).join('')}}`

  t.equal((await post(topics(999))).status, 200)
  t.match(await post(topics(1000)), { status: 413, text: /line 1: .*1000 topics/ })
  t.match(await post(topics(200_000)), { status: 413, text: /line 1: .*2048 values/ })
  t.match(await post(`{"topic":"a"}\n${members(90_000)}`), { status: 413, text: /line 2: / })
  t.match(await post(`{"topic":"a","x":${'['.repeat(400_000)}`), { status: 413 })
  t.match(await post(`{"topic":"a","x":${'['.repeat(33)}${']'.repeat(33)}}`), { status: 400 })
  t.equal(
    (await post(`{"topic":"a","data":${JSON.stringify('[,"\\{:'.repeat(50_000))}}`)).status,
    200,
  )
})

t.test('a batch has at most a thousand more empty lines than updates', async (t) => {
  const post = (body: string) =>
    hub.publish(body, { headers: { 'content-type': 'application/x-ndjson' } })

  t.equal((await post(`${'\n'.repeat(1000)}{"topic":"a"}`)).status, 200)
  t.equal((await post('{"topic":"a"}\r\n\r\n'.repeat(2000))).status, 200)
  t.match(await post(`${'\n'.repeat(1001)}{"topic":"a"}`), { status: 413, text: /1000 more/ })
  t.equal((await post('\n'.repeat(1_000_000))).status, 413)
})

t.test('the JSON of a token is bounded before it is read', async (t) => {
  const deep = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown
  const roomy = await startHub(t, { max_header_size: '256KiB' })
  const statusOf = async (claims: Record<string, unknown>) =>
    (await roomy.ask('GET', { path: `${hubPath}?match=a`, token: roomy.token({ claims }) })).status
  const values = (count: number) => Array.from({ length: count }, () => 1)

  t.equal(await statusOf({ x: deep(65), exp: 1 }), 401)
  t.equal(await statusOf({ x: deep(1_000) }), 401)
  t.equal(await statusOf({ x: values(20_001) }), 401)
  const stream = await roomy.subscribe('match=a', {
    token: roomy.token({ claims: { x: [deep(60), values(19_000)] } }),
  })
  t.equal(stream.head.status, 200)
})
