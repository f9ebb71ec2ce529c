import { readdirSync } from 'node:fs'
import t from 'tap'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const keys = {
  MERCURE_ANONYMOUS: '1',
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
}

t.test(
  'with 256 files, streams live on, newcomers are cut at once, and the hub recovers',
  async (t) => {
    const env = { ...keys, MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}` }
    const hub = await HubProcess.start(t, { env, openFiles: 256 })
    const port = Number(new URL(hub.origin).port)
    const ready = async () => (await ask(`${hub.adminUrl}/health/ready`)).status
    const open = async () => {
      const client = new SseClient(port)
      t.teardown(() => client.close())
      client.send('GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
      const isTaken = await Promise.race([
        client.untilHead().then(() => true),
        client.closed.then(() => false),
      ])
      return isTaken ? client : undefined
    }
    t.equal(await ready(), 200)

    const clients: SseClient[] = []
    for (let client = await open(); client !== undefined; client = await open())
      clients.push(client)

    t.ok(clients.length > 100 && clients.length < 192, `${clients.length} streams were taken`)
    const cut = await Promise.all(Array.from({ length: 300 }, open))
    t.ok(cut.every((client) => client === undefined))
    t.match(await ask(`${hub.adminUrl}/health/ready`), { status: 503, text: /files are open/ })
    t.equal((await ask(`${hub.adminUrl}/health/live`)).status, 200)
    const scrape = (await ask(`${hub.adminUrl}/metrics`)).text
    t.ok(Number(/^mercure_limits_hit_total\{limit="open_files"\} (\d+)$/m.exec(scrape)?.[1]) >= 300)
    t.ok(readdirSync(`/proc/${hub.pid}/fd`).length <= 256 - 60, 'files are left for the rest')
    const told = hub.log.filter((line) => /files are open/.test(String(line['msg'])))
    t.ok(told.length > 0 && told.length < 5, `told ${told.length} times`)

    clients.pop()?.close()
    await until(async () => (await ready()) === 200)
    const answer = await ask(hub.url, {
      method: 'POST',
      headers: { ...formType, authorization: `Bearer ${signToken(hub.url, { publish: ['a'] })}` },
      body: formOf({ topic: 'a', data: 'still here' }),
    })
    t.equal(answer.status, 200)
    for (const client of clients) t.match(await client.until(1), [{ data: 'still here' }])
  },
)

t.test('a limit too low for max_subscribers is told at start, with what is needed', async (t) => {
  const env = { ...keys, MERCURE_MAX_SUBSCRIBERS: '1000' }
  const hub = await HubProcess.start(t, { env, openFiles: 512 })

  t.match(
    hub.log.find((line) => String(line['msg']).startsWith('max_subscribers')),
    {
      level: 40,
      msg: /^max_subscribers: 1000 need 1\d\d\d open files, and the limit is 512; raise it/,
    },
  )
})
