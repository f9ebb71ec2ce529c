import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ask } from '../fixtures/http.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { playgroundToken, publishTo } from '../fixtures/playground.ts'
import { issuer, signToken } from '../fixtures/tokens.ts'

const hub = await HubProcess.start(t, {
  args: ['--playground'],
  env: { MERCURE_SUBSCRIPTIONS: '0' },
})
const folder = `${hub.url}/debug/`
const topic = 'https://example.com/books/7'

async function post(
  name: string,
  question: unknown,
  token = '',
  headers: Record<string, string> = {},
) {
  const answer = await ask(folder + name, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof question === 'string' ? question : JSON.stringify(question),
  })
  return {
    ...answer,
    json: answer.status === 200 ? (JSON.parse(answer.text) as unknown) : undefined,
  }
}

t.test('match asks the hub’s own matchers, each by itself', async (t) => {
  const matchers = [
    { type: 'exact', pattern: topic },
    { type: 'exact', pattern: '*' },
    { type: 'urlpattern', pattern: 'https://example.com/books/:id' },
    { type: 'urlpattern', pattern: '/books/:id' },
    { type: 'selector', pattern: 'https://example.com/{kind}/7' },
    { type: 'exact', pattern: '' },
  ]

  const { json, headers } = await post('match', { topic, matchers })

  t.strictSame(json, {
    results: [
      { matches: true },
      { matches: true },
      { matches: true },
      { matches: false },
      { matches: true },
      { problem: 'a matcher must not be empty' },
    ],
  })
  t.equal(headers['cache-control'], 'no-store')
  const broken = await post('match', {
    topic,
    matchers: [{ type: 'urlpattern', pattern: 'https://[' }],
  })
  t.match(broken.json, { results: [{ problem: /pattern/i }] })
})

t.test('explain says for a publisher and a subscriber what `cinnabar explain` says', async (t) => {
  const token = playgroundToken(hub.url, { subscribe: [topic] })
  const question = {
    topics: [topic],
    matchers: [{ type: 'exact', pattern: topic }],
    isPrivate: true,
  }

  const { json } = await post('explain', question, token)

  t.match(json, {
    publisher: {
      isAllowed: false,
      says: /^the token does not grant publishing to every topic of the update: /,
    },
    subscriber: {
      isAllowed: true,
      says: 'the token would receive this update',
      token: { protocol: '1.0', claims: { iss: 'https://localhost' } },
      grants: [{ actions: ['subscribe'], type: 'exact', pattern: topic, covers: ['yes'] }],
    },
  })
  t.notMatch(JSON.stringify(json), token.split('.')[2] ?? '-')
})

t.test(
  'a token that is refused is an answer, not a refusal, and is not counted as one',
  async (t) => {
    const before = await refused()

    const { status, json } = await post(
      'explain',
      {},
      playgroundToken('https://elsewhere.example/'),
    )

    t.equal(status, 200)
    t.match(json, { subscriber: { isAllowed: false, says: /for another audience/ } })
    t.equal(await refused(), before)
  },
)

async function refused(): Promise<string> {
  const { text } = await ask(`${hub.adminUrl}/metrics`)
  return text
    .split('\n')
    .filter((line) => /refus|rejected|token/.test(line) && !line.startsWith('#'))
    .join('\n')
}

t.test(
  'events tells topics, time and private mark to whom the update may reach, in the same words as of one that is not kept',
  async (t) => {
    const before = Date.now()
    const open = await publishTo(hub, { topic, data: 'for all' })
    const hidden = await publishTo(hub, { topic, data: 'for one', private: 'on' })
    const ids = [open, hidden, 'urn:example:unknown']
    const about = (token: string) => post('events', { ids }, token)

    const anonymous = await about('')
    const stranger = await about(playgroundToken(hub.url, { subscribe: ['urn:x'] }))
    const granted = await about(playgroundToken(hub.url, { subscribe: [topic] }))

    t.match(anonymous.json, { events: [{ id: open, topics: [topic], isPrivate: false }] })
    t.strictSame(anonymous.json, stranger.json)
    const { events } = granted.json as { events: readonly { id: string; sentMs: number }[] }
    t.strictSame(
      events.map(({ id }) => id),
      [open, hidden],
    )
    t.ok(events.every(({ sentMs }) => sentMs >= before && sentMs <= Date.now()))
    t.notMatch(granted.text, /for (all|one)/)
  },
)

t.test('events refuses a wrong token like the hub does', async (t) => {
  const { status, text } = await post('events', { ids: [] }, 'x'.repeat(60))

  t.strictSame(
    [status, text],
    [401, 'Unauthorized: the token is not a signed JWT in compact form\n'],
  )
})

t.test('what is no question is refused with what was wrong', async (t) => {
  const many = Array.from({ length: 101 }, () => 'x')
  const refusals: readonly (readonly [string, unknown, number, string])[] = [
    ['match', { topic: 1, matchers: [] }, 400, 'topic: expected a string'],
    [
      'match',
      { topic, matchers: [{ type: 'glob', pattern: '*' }] },
      400,
      'matchers: expected a list of objects',
    ],
    ['match', { topic, matchers: many }, 400, 'matchers: expected a list of at most 100'],
    ['explain', { topics: [1] }, 400, 'topics: expected a list of strings'],
    ['explain', { isPrivate: 'on' }, 400, 'isPrivate: expected true or false'],
    ['events', { ids: many }, 400, 'ids: expected a list of at most 100'],
    ['events', '[]', 400, 'expected a JSON object'],
    ['events', '{', 400, 'the request is malformed'],
    ['match', { topic: 'x'.repeat(70_000) }, 413, 'a question has at most 65536 bytes'],
  ]

  for (const [name, question, status, words] of refusals) {
    const answer = await post(name, question)
    t.strictSame([answer.status, answer.text.includes(words)], [status, true], answer.text)
  }
})

t.test('a page of another origin can neither ask nor read', async (t) => {
  const form = await post('match', 'topic=a', '', { 'content-type': 'text/plain' })
  const preflight = await ask(`${folder}match`, {
    method: 'OPTIONS',
    headers: { origin: 'http://localhost:8080', 'access-control-request-method': 'POST' },
  })
  const asked = await post('match', { topic, matchers: [] }, '', {
    origin: 'http://localhost:8080',
  })
  const misdirected = await post('match', { topic, matchers: [] }, '', { host: 'evil.example' })

  t.strictSame([form.status, preflight.status, misdirected.status], [415, 404, 421])
  t.strictSame(
    Object.keys(asked.headers).filter((name) => name.startsWith('access-control-')),
    [],
  )
})

t.test('sixteen questions are answered at once, and the next is told to come later', async (t) => {
  const held: ServerResponse[] = []
  const keys = createServer((_request, response) => void held.push(response))
  keys.listen(0, '127.0.0.1')
  await once(keys, 'listening')
  t.teardown(() => keys.close())
  const { port } = keys.address() as AddressInfo
  const slow = await HubProcess.start(t, {
    env: {
      MERCURE_DEBUGGER: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_SUBSCRIBER_JWKS_URI: `http://127.0.0.1:${port}/`,
      MERCURE_PUBLISHER_JWKS_URI: `http://127.0.0.1:${port}/`,
    },
  })
  const token = signToken(slow.url, { header: { alg: 'ES256' } })
  const asked = Array.from({ length: 17 }, () =>
    ask(`${slow.url}/debug/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{}',
    }),
  )

  const first = await Promise.race(asked)

  t.strictSame(
    [first.status, first.text],
    [503, 'Service Unavailable: the hub answers as many questions as it does at once\n'],
  )
  for (const response of held) response.end('{"keys":[]}')
  keys.on('request', (_request, response: ServerResponse) => response.end('{"keys":[]}'))
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort((a, b) => a - b)
  t.strictSame(statuses, [...Array.from({ length: 16 }, () => 200), 503])
})
