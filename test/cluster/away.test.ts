import t from 'tap'
import { listen, portOf, publishTo, startHubs } from '../fixtures/cluster.ts'
import { ask } from '../fixtures/http.ts'
import type { HubProcess } from '../fixtures/hub-process.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'

t.test(
  'an EventSource that comes back while Redis is away is told when to come again, and misses nothing',
  { timeout: 120_000 },
  async (t) => {
    const redis = await RedisServer.start(t)
    const hubs = await startHubs(t, 2, redis.url)
    const [hub] = hubs as [HubProcess]
    const crowd = await listen(t, hubs, 20)
    const id = (await publishTo(hub, 'before')).text
    await crowd.until(({ heard }) => heard['before'] === 20)
    await crowd.leave(1)
    await publishTo(hub, 'meanwhile')

    await redis.kill()
    const url = `${hub.url}?match=news`
    await until(async () => (await ask(url, { headers: { 'last-event-id': id } })).status === 503)
    await crowd.comeBack()
    const client = new SseClient(portOf(hub))
    t.teardown(() => client.close())
    client.send(
      `GET /.well-known/mercure?match=news HTTP/1.1\r\nHost: hub.example\r\nAccept: text/event-stream\r\nLast-Event-ID: ${id}\r\n\r\n`,
    )
    await client.when(({ isComplete, retries }) => isComplete || retries.length > 0)
    await redis.start()
    const report = await crowd.until(({ heard }) => heard['before,meanwhile'] === 20)

    t.equal(client.head.status, 200)
    t.match(client.head.headers, { 'content-type': 'text/event-stream' })
    t.match(client.body, /^:\nretry: \d{4}\n$/, 'no block ends, which could move the cursor')
    t.equal(report.refused, 0)
  },
)
