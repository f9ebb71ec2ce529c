import t from 'tap'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { startAdmin, startHub } from '../../fixtures/hub.ts'
import { ask } from '../../fixtures/http.ts'
import { issuer, secret, signToken } from '../../fixtures/tokens.ts'
import { SseClient } from '../../fixtures/sse-client.ts'
import { until } from '../../fixtures/until.ts'

const api = '/.well-known/mercure/subscriptions'
const json = { 'content-type': 'application/json' }

function kick(admin: string, body: unknown, headers = json) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return ask(`${admin}/kick`, { method: 'POST', headers, body: text })
}

const subject = (sub: string) => ({ subscribe: ['*'], claims: { sub, jti: String(Math.random()) } })

t.test(
  'a kick by subject closes its streams and denies their tokens, and nobody else',
  async (t) => {
    const hub = await startHub(t, { subscriptions: true })
    const admin = await startAdmin(t, hub)
    const token = hub.token(subject('bob'))
    const bobs = [
      await hub.subscribe('match=a', { token }),
      await hub.subscribe('match=b', { token }),
      await hub.subscribe('match=b', { token: hub.token(subject('bob')) }),
    ]
    const alice = await hub.subscribe('match=a', { token: hub.token(subject('alice')) })
    const nobody = await hub.subscribe('match=a')

    const answer = await kick(admin, { sub: 'bob' })

    t.strictSame([answer.status, JSON.parse(answer.text)], [200, { closed: 3, unanswered: [] }])
    await Promise.all(bobs.map(({ closed }) => closed))
    t.strictSame([alice.isClosed, nobody.isClosed, hub.hub.subscriberCount], [false, false, 2])
    const path = '/.well-known/mercure?match=a'
    const refused = await hub.ask('GET', { path, token })
    t.strictSame([refused.status, refused.text], [204, ''], 'which ends an EventSource')
    const fresh = await hub.subscribe('match=a', { token: hub.token(subject('bob')) })
    t.equal(fresh.head.status, 200, 'a new token of the same subject is welcome')
    t.match(
      await hub.assembly.metrics.text(),
      /mercure_subscribers_closed_total\{reason="kicked"\} 3/,
    )
    t.strictSame(JSON.parse((await kick(admin, { sub: 'carol' })).text), {
      closed: 0,
      unanswered: [],
    })
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test('a kick by subscription closes that stream; once it has left, none', async (t) => {
  const hub = await startHub(t, { subscriptions: true })
  const admin = await startAdmin(t, hub)
  const token = hub.token(subject('bob'))
  const one = await hub.subscribe('match=a', { token })
  const listed = await hub.ask('GET', { path: api, token: hub.token() })
  const [{ id }] = (JSON.parse(listed.text) as { subscriptions: [{ id: string }] }).subscriptions
  const other = await hub.subscribe('match=a', { token: hub.token(subject('bob')) })

  t.match(JSON.parse((await kick(admin, { subscription: hub.origin + id })).text), { closed: 1 })
  await one.closed
  t.equal(other.isClosed, false)
  t.match(JSON.parse((await kick(admin, { subscription: id })).text), { closed: 0 })
  t.equal((await hub.ask('GET', { path: id, token: hub.token() })).status, 404)
})

t.test('a stream that still replays is kicked too', async (t) => {
  const hub = await startHub(t)
  const admin = await startAdmin(t, hub)
  for (let i = 0; i < 40; i++) await hub.publish({ topic: 'a', data: 'x'.repeat(500_000) })
  const client = await hub.subscribe('match=a&last_event_id=earliest', {
    token: hub.token(subject('bob')),
  })
  client.socket.pause()
  t.equal(hub.hub.stats().replaying, 1)

  t.match(JSON.parse((await kick(admin, { sub: 'bob' })).text), { closed: 1 })

  t.equal(hub.hub.subscriberCount, 0)
})

t.test('what is no kick is refused with a reason', async (t) => {
  const hub = await startHub(t)
  const admin = await startAdmin(t, hub)
  const status = async (body: unknown, headers = json) => (await kick(admin, body, headers)).status

  for (const body of [
    '{',
    '[]',
    'null',
    '"x"',
    {},
    { sub: '' },
    { sub: 1 },
    { sub: 'a', subscription: 'b' },
    { other: 'a' },
    { subscription: 'x' },
    { subscription: `${api}/exact/a` },
  ])
    t.equal(await status(body), 400, JSON.stringify(body))
  t.equal(await status({ sub: 'a' }, { 'content-type': 'text/plain' }), 415)
  t.equal(await status({ sub: 'a' }, { ...json, origin: 'https://evil.example' } as never), 403)
  t.equal((await ask(`${admin}/kick`)).status, 404)
  t.equal(await status({ sub: 'a' }, { ...json, host: 'evil.example' } as never), 421)
  t.equal(await status({ sub: 'a' }, { ...json, via: '1.1 proxy' } as never), 401, 'operators only')
})

t.test('a kick is no event and is never replayed', async (t) => {
  const hub = await startHub(t)
  const admin = await startAdmin(t, hub)
  await hub.publish({ topic: 'a', id: '1' })
  await kick(admin, { sub: 'bob' })
  await hub.publish({ topic: 'a', id: '2' })
  const token = hub.token(subject('bob'))

  const client = await hub.subscribe('match=*&last_event_id=earliest', { token })
  await until(() => client.events.length === 2)

  t.strictSame(
    client.events.map(({ id }) => id),
    ['1', '2'],
  )
  t.equal(client.isClosed, false)
})

t.test('two processes on one history: kicks, denials, the list, and a death', async (t) => {
  const folder = temporaryFolder(t)
  const env = {
    MERCURE_TRANSPORT_URL: `lmdb:${folder}`,
    MERCURE_SUBSCRIPTIONS: '1',
    MERCURE_TRUSTED_ISSUERS: issuer,
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_SUBSCRIBER_JWT_KEY: secret,
    MERCURE_RESOURCE_IDENTIFIER: 'https://hub.example/.well-known/mercure',
  }
  const sign = (options: Parameters<typeof signToken>[1]) =>
    signToken(env.MERCURE_RESOURCE_IDENTIFIER, options)
  const [one, two] = [await HubProcess.start(t, { env }), await HubProcess.start(t, { env })]
  const connect = async (hub: HubProcess, query: string, token: string) => {
    const { port, host } = new URL(hub.url)
    const client = new SseClient(Number(port))
    t.teardown(() => client.socket.destroy())
    client.send(
      `GET /.well-known/mercure?${query} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await until(() => client.hasHead)
    return client
  }
  const all = sign({ subscribe: ['*'] })
  const listed = async (hub: HubProcess) => {
    const { text } = await ask(hub.origin + api, { headers: { authorization: `Bearer ${all}` } })
    return (JSON.parse(text) as { subscriptions: { match: string }[] }).subscriptions
      .map(({ match }) => match)
      .sort()
  }
  const bob = sign(subject('bob'))
  const onOne = await connect(one, 'match=one', bob)
  const onTwo = await connect(two, 'match=two', sign(subject('bob')))
  await connect(two, 'match=alice', sign(subject('alice')))

  await until(async () => (await listed(one)).length === 3)
  t.strictSame(await listed(two), ['alice', 'one', 'two'])
  const answer = await kick(two.adminUrl, { sub: 'bob' })
  t.strictSame(JSON.parse(answer.text), { closed: 2, unanswered: [] })
  await Promise.all([onOne.closed, onTwo.closed])
  const again = await connect(two, 'match=one', bob)
  t.equal(again.head.status, 204, 'denied where it was not kicked')
  await until(async () => (await listed(one)).length === 1)

  const killed = performance.now()
  await two.kill()
  await until(async () => (await listed(one)).length === 0)
  t.ok(performance.now() - killed < 60_000)
  await two.start()
  t.equal((await connect(two, 'match=one', bob)).head.status, 204, 'also after a restart')
  t.strictSame(JSON.parse((await kick(two.adminUrl, { sub: 'x' })).text), {
    closed: 0,
    unanswered: [],
  })
})

t.test(
  'a hub that is started again ends what its predecessor left, before the first list',
  async (t) => {
    const folder = temporaryFolder(t)
    const env = {
      MERCURE_TRANSPORT_URL: `lmdb:${folder}`,
      MERCURE_SUBSCRIPTIONS: '1',
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
    }
    const hub = await HubProcess.start(t, { env })
    const { port, host } = new URL(hub.url)
    const request = (query: string) =>
      `GET /.well-known/mercure?${query} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const client = new SseClient(Number(port)).send(request('match=a&match=b'))
    await until(() => client.hasHead)
    const headers = () => ({
      authorization: `Bearer ${signToken(hub.url, { subscribe: ['*'] })}`,
    })
    const count = async () => {
      const { text } = await ask(hub.origin + api, { headers: headers() })
      return (JSON.parse(text) as { subscriptions: unknown[] }).subscriptions.length
    }
    t.equal(await count(), 2)

    await hub.kill()
    await hub.start()

    t.equal(await count(), 0)
  },
)
