import { readdirSync } from 'node:fs'
import t from 'tap'
import { startHub, type TestHub } from '../fixtures/hub.ts'
import { formOf, formType } from '../fixtures/http.ts'
import type { SseClient } from '../fixtures/sse-client.ts'
import { turns, until } from '../fixtures/until.ts'

const openFiles = () => readdirSync('/proc/self/fd').length
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
const endings: ((client: SseClient) => void)[] = [
  (client) => client.reset(),
  (client) => client.close(),
  (client) => client.halfClose(),
]

/** What a vanished client must not change. */
async function traces(hub: TestHub) {
  await until(async () => hub.clientCount + (await hub.connections()) === 0)
  await hub.untilSubscribers(0)
  return {
    files: openFiles(),
    timers: timers(),
    stats: { ...hub.hub.stats(), matchCacheEntries: 0 },
    faults: hub.hub.verify(),
    listeners: process.eventNames().map((name) => process.listenerCount(name)),
  }
}

/** Once no more files and timers are there than before: some belong to the test's own last questions. */
async function tracesLike(hub: TestHub, before: Awaited<ReturnType<typeof traces>>) {
  const { files, timers: timersBefore } = before
  const now = await traces(hub)
  await until(() => openFiles() <= files && timers() <= timersBefore)
  return { ...now, files, timers: timersBefore }
}

async function warmedUp(hub: TestHub) {
  const stream = await hub.subscribe('match=a', { token: hub.token() })
  await hub.publish({ topic: 'a' })
  await stream.until(1)
  stream.reset()
  await stream.closed
  await until(async () => (await hub.connections()) === 0)
  await new Promise((resolve) => setTimeout(resolve, 100))
  return traces(hub)
}

t.test('a client that vanishes at any byte of a subscription leaves nothing behind', async (t) => {
  const hub = await startHub(t)
  const before = await warmedUp(hub)
  const request = Buffer.from(
    hub.requestFor('match=a&match_urlpattern=/b/:c&last_event_id=earliest', {
      token: hub.token({ subscribe: ['a'] }),
    }),
  )

  for (let length = 0; length <= request.length; length++) {
    const client = hub.connect()
    client.send(request.subarray(0, length))
    endings[length % 3]?.(client)
    if (length % 50 === 0) await turns(10)
  }

  t.strictSame(await tracesLike(hub, before), before)
})

t.test(
  'a client that vanishes at any byte of a publish leaves nothing behind, and publishes nothing',
  async (t) => {
    const hub = await startHub(t)
    const before = await warmedUp(hub)
    const head = hub.assembly.log.head
    const body = formOf({ topic: 'a', data: 'x'.repeat(100) })
    const request = Buffer.from(
      `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.token()}\r\nContent-Type: ${formType['content-type']}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )

    for (let length = 0; length < request.length; length++) {
      const client = hub.connect()
      client.send(request.subarray(0, length))
      endings[length % 3]?.(client)
      if (length % 50 === 0) await turns(10)
    }

    t.strictSame(await tracesLike(hub, before), before)
    t.equal(hub.assembly.log.head, head)
  },
)

t.test('the same holds for a QUERY, byte by byte once the hub has read them', async (t) => {
  const hub = await startHub(t)
  const before = await warmedUp(hub)
  const request = Buffer.from(
    hub.requestFor('match=x', {
      method: 'QUERY',
      body: 'match=a&match=b&last_event_id=gone',
      token: hub.token(),
    }),
  )

  for (let length = 1; length <= request.length; length += 7) {
    const client = hub.connect()
    client.send(request.subarray(0, length))
    await turns(4) // so that the hub has something in its hands
    endings[length % 3]?.(client)
  }

  t.strictSame(await tracesLike(hub, before), before)
})

t.test('a client that vanishes at any byte of its stream leaves nothing behind', async (t) => {
  const hub = await startHub(t, { heartbeat: '20ms' })
  const before = await warmedUp(hub)
  for (let i = 0; i < 5; i++) await hub.publish({ topic: 'a', data: `${i}`.repeat(50) })
  const clients = Array.from({ length: 200 }, (_, i) => {
    const client = hub.connect()
    client.send(hub.requestFor('match=a', { lastEventId: 'earliest' }))
    void client
      .when(({ receivedBytes }) => receivedBytes > i * 8)
      .then(
        () => endings[i % 3]?.(client),
        () => {},
      )
    return client
  })
  while (clients.some((client) => !client.isClosed)) {
    await hub.publish({ topic: 'a', data: 'more' })
    await turns(5)
  }

  t.strictSame(await tracesLike(hub, before), before)
  t.strictSame(Object.keys(await hub.closes()), ['peer'])
})

t.test(
  'clients that vanish while their token is verified, or their cursor looked up, open nothing',
  async (t) => {
    const hub = await startHub(t)
    const before = await warmedUp(hub)

    for (let i = 0; i < 100; i++) {
      const client = hub.connect()
      const token = hub.token({ subscribe: [`t${i}`] }) // one that is not remembered
      client.send(hub.requestFor('match=a&last_event_id=earliest', { token }))
      await new Promise((resolve) => client.socket.once('connect', resolve))
      for (let turn = 0; turn < i % 7; turn++) await turns(1)
      client.reset()
    }

    t.strictSame(await tracesLike(hub, before), before)
  },
)
