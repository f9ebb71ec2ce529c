import { EventSource } from 'eventsource'
import { createServer, connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { ask } from '../../fixtures/http.ts'
import { HubProcess, temporaryFolder, type Test } from '../../fixtures/hub-process.ts'
import { issuer, secret, signToken } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

const api = '/.well-known/mercure/subscriptions'
const everything = `match_urlpattern=${encodeURIComponent(`${api}/:type/:match/:subscriber`)}`
const audience = 'https://hub.example/.well-known/mercure'

const environment = (more: Readonly<Record<string, string>>) => ({
  MERCURE_SUBSCRIPTIONS: '1',
  MERCURE_SUBSCRIPTION_GRACE: '30s', // who comes back as somebody else is told at once
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
  MERCURE_RESOURCE_IDENTIFIER: audience,
  ...more,
})

const tokenOf = (sub: string) => signToken(audience, { subscribe: ['*'], claims: { sub } })

/** One address for several hubs: each connection goes to the next of them that is there. */
async function inTurn(t: Test, origins: () => readonly string[]): Promise<string> {
  let turn = 0
  const server = createServer((client) => {
    const hubs = origins()
    const { port } = new URL(hubs[turn++ % hubs.length] ?? '')
    const hub = connect(Number(port), '127.0.0.1')
    client.pipe(hub).pipe(client)
    for (const [one, other] of [
      [client, hub],
      [hub, client],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A native client: it remembers its cursor and comes back by itself. */
function open(t: Test, origin: string, query: string, sub: string) {
  const events: { readonly match: string; readonly active: boolean; readonly id: string }[] = []
  let opened = 0
  const source = new EventSource(`${origin}/.well-known/mercure?${query}`, {
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${tokenOf(sub)}` },
      }),
  })
  source.addEventListener('open', () => opened++)
  source.addEventListener('mercure', ({ data }) => events.push(JSON.parse(data as string) as never))
  t.teardown(() => source.close())
  return { source, events, opened: () => opened }
}

async function listed(origin: string, filter = ''): Promise<readonly { readonly id: string }[]> {
  const headers = { authorization: `Bearer ${tokenOf('operator')}` }
  const { text } = await ask(`${origin}${api}${filter}`, { headers })
  return (JSON.parse(text) as { subscriptions: { id: string }[] }).subscriptions
}

/** Streams that rotate every second, three of them of one subject, while somebody watches. */
async function rotate(t: Test & Pick<typeof tap, 'strictSame' | 'equal' | 'ok'>, origin: string) {
  const watcher = open(t, origin, everything, 'watcher')
  await until(() => watcher.events.length === 1)
  const streams = [
    ...['bob', 'bob', 'bob', 'carol'].map((sub) => open(t, origin, 'match=chat', sub)),
    open(t, origin, 'match=news', 'bob'),
  ]
  await until(() => watcher.events.length === 6)
  const before = (await listed(origin)).map(({ id }) => id).toSorted()

  await until(() => streams.every((stream) => stream.opened() >= 3))
  await until(() => watcher.opened() >= 3)

  t.strictSame((await listed(origin)).map(({ id }) => id).toSorted(), before)
  t.equal(watcher.events.length, 6, 'nobody was told to have come or gone')
}

const tap = t

t.test('rotation never flaps within the grace: one process', async (t) => {
  const env = environment({ MERCURE_WRITE_TIMEOUT: '1s' })
  const hub = await HubProcess.start(t, { env })
  await rotate(t, hub.origin)
})

t.test('rotation never flaps within the grace: two workers', async (t) => {
  const env = environment({
    MERCURE_WRITE_TIMEOUT: '1s',
    MERCURE_WORKERS: '2',
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
  })
  const hub = await HubProcess.start(t, { env })
  await rotate(t, hub.origin)
})

t.test('rotation never flaps within the grace: two hubs on one history', async (t) => {
  const env = environment({
    MERCURE_WRITE_TIMEOUT: '1s',
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
  })
  const hubs = [await HubProcess.start(t, { env }), await HubProcess.start(t, { env })]
  await rotate(t, await inTurn(t, () => hubs.map(({ origin }) => origin)))
})

t.test('a rolling update tells nobody who comes back to the other hub in time', async (t) => {
  const env = environment({
    MERCURE_SUBSCRIPTION_GRACE: '1m',
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
  })
  const [one, two] = [await HubProcess.start(t, { env }), await HubProcess.start(t, { env })]
  const live = [one]
  const origin = await inTurn(t, () => live.map((hub) => hub.origin))
  const watcher = open(t, two.origin, everything, 'watcher')
  const stream = open(t, origin, 'match=chat', 'bob')
  await until(() => watcher.events.length === 2)
  const before = await listed(two.origin, '?sub=bob')

  live[0] = two
  await one.stop()
  await until(() => stream.opened() === 2)

  t.strictSame(await listed(two.origin, '?sub=bob'), before)
  t.equal(watcher.events.length, 2, 'nobody was told to have come or gone')
})

t.test('who does not come back ends, by the hub that is left', async (t) => {
  const env = environment({
    MERCURE_SUBSCRIPTION_GRACE: '1s',
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
  })
  const [one, two] = [await HubProcess.start(t, { env }), await HubProcess.start(t, { env })]
  const watcher = open(t, two.origin, everything, 'watcher')
  const leaver = open(t, one.origin, 'match=chat', 'carol')
  await until(() => watcher.events.length === 2)

  await one.stop()
  leaver.source.close()
  await until(() => watcher.events.length === 3)

  t.match(watcher.events[2], { match: 'chat', active: false })
  t.strictSame(await listed(two.origin, '?sub=carol'), [])
})

t.test('who comes back to a hub that was killed and started again never left', async (t) => {
  const env = environment({
    MERCURE_SUBSCRIPTION_GRACE: '1m',
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
  })
  const hub = await HubProcess.start(t, { env })
  const stream = open(t, hub.origin, 'match=chat', 'bob')
  await until(() => stream.opened() === 1)
  await until(async () => (await listed(hub.origin)).length === 1)
  const before = await listed(hub.origin)

  await hub.kill()
  await hub.start()
  t.strictSame(await listed(hub.origin), before)
  await until(() => stream.opened() === 2)

  t.strictSame(await listed(hub.origin), before)
})
