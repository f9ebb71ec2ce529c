import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'

const compatible = { protocol_version_compatibility: 8 }
const books = ['https://example.com/books/{id}']
const book = (name: string) => `https://example.com/books/${name}`

t.test('a 0.x token publishes what its selectors cover, and gets the id', async (t) => {
  const hub = await startHub(t, compatible)
  const token = signLegacyToken({ publish: books })

  const answer = await hub.publish({ topic: book('1'), id: 'x', data: 'd' }, { token })
  const made = await hub.publish({ topic: book('1') }, { token })

  t.equal(answer.status, 200)
  t.equal(answer.text, 'x')
  t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
  t.match(made.text, /^urn:uuid:[\da-f-]{36}$/)
})

t.test('whatever a 0.x publisher may not is 401, without a challenge', async (t) => {
  const hub = await startHub(t, compatible)
  const update = { topic: book('1') }
  const refused = [
    [update, signLegacyToken({ publish: ['https://example.com/other'] })],
    [{ topic: [book('1'), 'https://example.com/other'] }, signLegacyToken({ publish: books })],
    [update, signLegacyToken({ publish: [] })],
    [update, signLegacyToken({ publish: null })],
    [update, signLegacyToken({ subscribe: ['*'] })],
    [update, signLegacyToken(undefined)],
    [update, signLegacyToken({ publish: ['*'] }, { claims: { exp: 1 } })],
    [update, signLegacyToken({ publish: '*' })],
  ] as const

  for (const [fields, token] of refused) {
    const answer = await hub.publish(fields, { token })
    t.equal(answer.status, 401)
    t.match(answer.text, /^Unauthorized: /)
    t.equal(answer.headers['www-authenticate'], undefined)
  }
})

t.test('a POST without a token that can be read is one of 1.0', async (t) => {
  const hub = await startHub(t, compatible)

  const bare = await hub.ask('POST', { path: '/.well-known/mercure?topic=a' })
  const malformed = await hub.publish({ topic: 'a' }, { headers: { authorization: 'Bearer x' } })

  t.equal(bare.status, 401)
  t.match(bare.headers['www-authenticate'], /^Bearer resource_metadata/)
  t.equal(malformed.status, 400)
})

t.test('behaviour 58: with compatibility 7 any publisher may publish public updates', async (t) => {
  const seven = await startHub(t, { protocol_version_compatibility: 7 })
  const eight = await startHub(t, compatible)
  const tokens = [{ publish: [] }, {}, { publish: ['https://example.com/other'] }].map((claim) =>
    signLegacyToken(claim),
  )

  for (const token of tokens) {
    t.equal((await seven.publish({ topic: book('1') }, { token })).status, 200)
    t.equal((await seven.publish({ topic: book('1'), private: '' }, { token })).status, 401)
    t.equal((await eight.publish({ topic: book('1') }, { token })).status, 401)
  }
  const modern = seven.token({ subscribe: ['*'] })
  t.equal((await seven.publish({ topic: book('1') }, { token: modern })).status, 403)
})

t.test('behaviour 65: a reserved topic is 403 to a 0.x publisher', async (t) => {
  const hub = await startHub(t, compatible)
  const token = signLegacyToken({ publish: ['*'] })
  const statusOf = async (topic: string, by?: string) =>
    (await hub.publish({ topic }, { token: by })).status

  for (const topic of ['/.well-known/mercure', '/.well-known/mercure/x', `${hub.url}/%78`])
    t.strictSame([await statusOf(topic, token), await statusOf(topic)], [403, 400], topic)
  t.equal(await statusOf('https://example.com/.well-known/mercure-dashboard', token), 200)
})

t.test('what an update may be is the same for all; only statuses are of 0.x', async (t) => {
  const hub = await startHub(t, { ...compatible, max_request_body_size: '64KB' })
  const token = signLegacyToken({ publish: ['*'] })
  const topics = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`)
  const statusOf = async (fields: Record<string, string | string[]>) =>
    (await hub.publish(fields, { token })).status

  t.equal(await statusOf({ topic: topics(1000) }), 200)
  t.equal(await statusOf({ topic: topics(1001) }), 400)
  t.equal(await statusOf({ data: 'no topic' }), 400)
  t.equal(await statusOf({ topic: '*' }), 400)
  t.equal(await statusOf({ topic: 'a', retry: 'invalid' }), 400)
  t.equal(await statusOf({ topic: 'a', id: 'a\nb' }), 400)
  t.equal(await statusOf({ topic: 'a', type: 'a\rb' }), 400)
  t.equal(await statusOf({ topic: 'a', data: 'x'.repeat(70_000) }), 400)
})

t.test('without compatibility a 0.x token is 401', async (t) => {
  const hub = await startHub(t)

  const answer = await hub.publish({ topic: 'a' }, { token: signLegacyToken({ publish: ['*'] }) })

  t.equal(answer.status, 401)
  t.match(answer.headers['www-authenticate'], /error="invalid_token"/)
  t.match(answer.text, /protocol_version_compatibility/)
})
