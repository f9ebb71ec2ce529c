import t, { type Test } from 'tap'
import { portOf, resource, startHub } from '../fixtures/cluster.ts'
import type { HubProcess } from '../fixtures/hub-process.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const limits = { MERCURE_MAX_SUBSCRIBERS_PER_TOKEN: '3', MERCURE_MAX_SUBSCRIBERS_PER_ADDRESS: '5' }
const token = signToken(resource, { subscribe: ['*'] })

t.test('hubs on one Redis count streams together', { timeout: 120_000 }, async (t) => {
  const redis = await RedisServer.start(t)
  const one = await startHub(t, redis.url, limits)
  const other = await startHub(t, redis.url, { ...limits, MERCURE_WORKERS: '2' })

  await t.test(
    'a token has so many streams on all of them, also when they come at once',
    async (t) => {
      const streams = await open(t, [one, other], 12, { token })

      t.strictSame(statusesOf(streams), [...Array(3).fill(200), ...Array(9).fill(429)])
      const anonymous = await open(t, [other, one], 6)
      t.strictSame(statusesOf(anonymous), [200, 200, 429, 429, 429, 429], 'five of this address')
    },
  )

  await t.test('seats come free when streams end', async (t) => {
    await untilFree(t, other, 3, { token })
  })

  await t.test('seats of a hub that is killed come free', async (t) => {
    await untilFree(t, one, 3, { token })
    t.strictSame(statusesOf(await open(t, [other], 1, { token })), [429])
    await one.kill()

    await untilFree(t, other, 3, { token })
    await one.start()
    t.strictSame(statusesOf(await open(t, [one], 1, { token })), [429])
  })

  await t.test('streams are let in while Redis is away, and counted when it is back', async (t) => {
    await redis.kill()
    const streams = await open(t, [one, other], 4, { localAddress: '127.0.0.2' })
    t.strictSame(statusesOf(streams), [200, 200, 200, 200])
    await redis.start()
    const ready = async (hub: HubProcess) =>
      (await fetch(`${hub.origin}/health/ready`)).status === 200
    await until(async () => (await ready(one)) && (await ready(other)))

    await until(async () => {
      const [extra] = await open(t, [one], 1, { localAddress: '127.0.0.2' })
      const [beyond] = await open(t, [other], 1, { localAddress: '127.0.0.2' })
      extra?.close()
      beyond?.close()
      return extra?.head.status === 200 && beyond?.head.status === 429
    })
  })
})

/** Streams at each of the hubs in turn, all at once, with their heads. */
async function open(
  t: Test,
  hubs: readonly HubProcess[],
  count: number,
  { token = '', localAddress = '127.0.0.1' } = {},
): Promise<SseClient[]> {
  const streams = Array.from({ length: count }, (_, n) => {
    const stream = new SseClient(portOf(hubs[n % hubs.length] as HubProcess), { localAddress })
    t.teardown(() => stream.close())
    const authorization = token === '' ? '' : `Authorization: Bearer ${token}\r\n`
    return stream.send(
      `GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: hub.example\r\n${authorization}\r\n`,
    )
  })
  await Promise.all(streams.map((stream) => stream.untilHead()))
  return streams
}

function statusesOf(streams: readonly SseClient[]): number[] {
  return streams.map(({ head }) => head.status).sort((one, other) => one - other)
}

/** Waits until so many streams can be opened here; they stay. */
async function untilFree(t: Test, hub: HubProcess, count: number, options: { token: string }) {
  for (let opened = 0; opened < count;) {
    const [stream] = await open(t, [hub], 1, options)
    if (stream?.head.status === 200) opened++
  }
}
