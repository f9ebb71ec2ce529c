import { writeFileSync } from 'node:fs'
import t from 'tap'
import { temporaryFolder } from '../fixtures/hub-process.ts'
import type { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'
import { WorkersHub } from '../fixtures/workers.ts'

const statuses = async (hub: WorkersHub, count: number, options = {}) => {
  const clients = Array.from({ length: count }, () => hub.connect(options))
  const heads = await Promise.all(clients.map((client) => client.untilHead()))
  return heads.map((head) => head.status).sort((a, b) => a - b)
}

t.test('a limit is one for all workers, exact when many come at once', async (t) => {
  const hub = await WorkersHub.start(t, 2, { MERCURE_MAX_SUBSCRIBERS: '7' })

  t.strictSame(await statuses(hub, 10), [...Array(7).fill(200), 503, 503, 503])
})

t.test('limits per token and per address count over all workers', async (t) => {
  const hub = await WorkersHub.start(t, 2, {
    MERCURE_MAX_SUBSCRIBERS_PER_TOKEN: '3',
    MERCURE_MAX_SUBSCRIBERS_PER_ADDRESS: '5',
  })
  const { token } = hub

  t.strictSame(await statuses(hub, 5, { token }), [200, 200, 200, 429, 429])
  t.strictSame(await statuses(hub, 4), [200, 200, 429, 429], 'five of this address in all')
  t.strictSame(await statuses(hub, 1, { localAddress: '127.0.0.2' }), [200])
})

t.test('seats come free when streams end, and when their worker does', async (t) => {
  const hub = await WorkersHub.start(t, 2, { MERCURE_MAX_SUBSCRIBERS: '4' })
  const streams = await Promise.all(Array.from({ length: 4 }, () => hub.subscribe()))
  t.strictSame(await statuses(hub, 1), [503])

  streams[0]?.close()
  await until(async () => {
    const again = await hub.subscribe()
    if (again.head.status === 200) streams[0] = again
    return again.head.status === 200
  })
  const lost = await loseAWorker(hub, streams)

  t.strictSame(await statuses(hub, lost + 1), [...Array<number>(lost).fill(200), 503])
})

/** Kills one and waits for another; tells how many streams went with it. */
async function loseAWorker(hub: WorkersHub, streams: readonly SseClient[]): Promise<number> {
  const [victim = 0] = hub.workers()
  await hub.replace(victim)
  const { size } = new Set(streams.filter((stream) => stream.isClosed))
  await hub.untilMetric('mercure_subscribers_connected', streams.length - size)
  return size
}

t.test('SIGHUP brings new limits to all workers, those that come later too', async (t) => {
  const folder = temporaryFolder(t)
  const path = `${folder}/hub.json`
  writeFileSync(path, JSON.stringify({ max_subscribers: 0 }))
  const hub = await WorkersHub.start(t, 2, { MERCURE_CONFIG: path })
  const streams = await Promise.all([hub.subscribe(), hub.subscribe(), hub.subscribe()])

  writeFileSync(path, JSON.stringify({ max_subscribers: 4 }))
  hub.hub.signal('SIGHUP')
  await until(() => hub.hub.log.some((line) => line['msg'] === 'settings reloaded'))
  streams.push(await hub.subscribe())

  t.strictSame(await statuses(hub, 1), [503])
  const lost = await loseAWorker(hub, streams)
  t.strictSame(await statuses(hub, lost + 1), [...Array<number>(lost).fill(200), 503])
})

t.test('a token publishes as often as it may over all workers together', async (t) => {
  const perSecond = 3
  const hub = await WorkersHub.start(t, 2, {
    MERCURE_MAX_PUBLISHES_PER_SECOND_PER_TOKEN: String(perSecond),
  })
  const startedMs = performance.now()

  const answers = await Promise.all(Array.from({ length: 20 }, () => hub.publish({ data: 'x' })))
  const most = perSecond * (1 + (performance.now() - startedMs) / 1000)

  const taken = answers.filter(({ status }) => status === 200).length
  t.ok(taken >= perSecond && taken <= Math.floor(most), `${taken} were taken`)
  const refused = answers.filter(({ status }) => status === 429)
  t.equal(taken + refused.length, 20)
  t.ok(refused.every(({ headers }) => headers['retry-after'] === '1'))
})
