import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { ask } from '../../fixtures/http.ts'
import { HubProcess } from '../../fixtures/hub-process.ts'
import { SseClient } from '../../fixtures/sse-client.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'

const request = 'GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: 127.0.0.1\r\n'

t.test('SIGTERM lets streams go one by one over the drain time, and ends with 0', async (t) => {
  const { hub, port } = await open(t, '4s')
  const clients = await Promise.all(Array.from({ length: 40 }, () => stream(t, port)))
  const left: number[] = []
  clients.forEach((client, index) => void client.closed.then(() => left.push(index)))

  hub.signal('SIGTERM')
  await Promise.race(clients.map((client) => client.closed))

  t.ok(left.length < 20, `${left.length} of 40 left in the first moment`)
  t.match(await ask(`${hub.adminUrl}/health/ready`), { status: 503, text: /draining/ })
  t.match(await ask(`${hub.origin}/health/ready`), { status: 503, text: /draining/ })
  t.match(await ask(`${hub.adminUrl}/health/live`), { status: 200 })
  t.match(await ask(`${hub.url}?match=a`), { status: 503, headers: { 'retry-after': /^\d+$/ } })
  await Promise.all(clients.map((client) => client.closed))
  t.equal(await hub.ended(), 0)
  t.ok(clients.every((client) => client.isComplete && client.lastEventId.startsWith('#')))
  t.notSame(
    left,
    left.toSorted((one, other) => one - other),
    'in no order',
  )
})

t.test(
  'an EventSource that comes during the drain loses its connection, and gets no final status',
  async (t) => {
    const { hub, port } = await open(t, '5s')
    await stream(t, port)
    hub.signal('SIGTERM')
    await draining(hub)

    const socket = connect({ port, host: '127.0.0.1' })
    let received = ''
    socket.on('data', (bytes) => (received += bytes.toString()))
    socket.on('error', () => {})
    socket.write(`${request}Accept: text/event-stream\r\n\r\n`)
    await once(socket, 'close')

    t.equal(received, '')
  },
)

t.test('a second signal ends the hub at once', async (t) => {
  const { hub, port } = await open(t, '1h')
  const client = await stream(t, port)
  hub.signal('SIGTERM')
  await draining(hub)

  hub.signal('SIGTERM')

  t.equal(await hub.ended(), 0)
  await client.closed
})

async function open(t: Test, drainTimeout: string) {
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_DRAIN_TIMEOUT: drainTimeout,
    },
  })
  return { hub, port: Number(new URL(hub.origin).port) }
}

async function stream(t: Test, port: number): Promise<SseClient> {
  const client = new SseClient(port)
  t.teardown(() => client.close())
  client.send(`${request}\r\n`)
  await client.when((one) => one.cursors.length > 0)
  return client
}

async function draining(hub: HubProcess): Promise<void> {
  while ((await ask(`${hub.adminUrl}/health/ready`)).status !== 503);
}
