import t from 'tap'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { SseClient } from '../../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../../fixtures/tokens.ts'

/** The long form: `ENTRIES=1000000`. */
const entries = Number(process.env['ENTRIES'] ?? 10_050)
const perRequest = 500

async function publish(hub: HubProcess, from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from + 1 }, (_, i) =>
    JSON.stringify({ topic: 'a', id: `e${from + i}`, data: `d${from + i}` }),
  )
  const { status } = await fetch(hub.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${signToken(hub.url, { publish: ['*'] })}`,
      'content-type': 'application/x-ndjson',
    },
    body: lines.join('\n'),
  })
  if (status !== 200) throw new Error(`status ${status}`)
}

/** Reads after a cursor to the newest update, on one connection. */
async function replay(hub: HubProcess, cursor: string, count: number) {
  const { host, port } = new URL(hub.url)
  const startedMs = performance.now()
  const stream = new SseClient(Number(port))
  stream.send(
    `GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: ${host}\r\nLast-Event-ID: ${cursor}\r\n\r\n`,
  )
  await stream.until(1)
  const firstMs = performance.now() - startedMs
  await stream.until(count)
  const ids = stream.events.map(({ id }) => id).join()
  stream.close()
  return { ids, header: stream.head.headers['mercure-last-event-id'], firstMs }
}

function idsAfter(position: number): string {
  return Array.from({ length: entries - position }, (_, i) => `e${position + 1 + i}`).join()
}

t.test('every cursor of a long history finds what came after, also after a crash', async (t) => {
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
    },
  })
  for (let from = 1; from <= entries; from += perRequest)
    await publish(hub, from, Math.min(entries, from + perRequest - 1))

  const eachCursor = async (when: string) => {
    for (const position of [entries - 5, entries - 1_050, Math.floor(entries / 3), 0]) {
      const cursor = position === 0 ? 'earliest' : `e${position}`
      const { ids, header, firstMs } = await replay(hub, cursor, entries - position)
      t.equal(header, cursor)
      t.ok(ids === idsAfter(position), `${when}: after ${cursor} come ${entries - position}`)
      t.comment(`${when}: the first after ${cursor} came in ${firstMs.toFixed(1)} ms`)
    }
  }

  await eachCursor('as published')
  await hub.kill()
  const startedMs = performance.now()
  await hub.start()
  t.comment(`started in ${Math.round(performance.now() - startedMs)} ms with ${entries} entries`)
  await eachCursor('after kill -9, before anything is published')

  await publish(hub, entries + 1, entries + 1)
  const { ids } = await replay(hub, `e${entries - 1}`, 2)
  t.equal(ids, `e${entries},e${entries + 1}`)
})
