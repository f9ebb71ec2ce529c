import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { ask } from '../fixtures/http.ts'
import { Crowd } from '../fixtures/crowd.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import type { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'
import { isRunning, WorkersHub } from '../fixtures/workers.ts'
import { run } from '../cli/cinnabar.ts'

/** 1,000 in a short run; CINNABAR_LONG=1 has 10,000. */
const crowdSize = process.env['CINNABAR_LONG'] === '1' ? 10_000 : 1_000

// One hub of two workers goes through all of these, in this order: each start costs seconds.
t.test('two workers are one hub', { timeout: 300_000 }, async (t) => {
  const hub = await WorkersHub.start(t, 2, { MERCURE_DRAIN_TIMEOUT: '1s' })

  await t.test('one port, one order, one set of metrics', (t) => oneOrder(t, hub))
  await t.test('other addresses are answered as by one process', (t) => otherAddresses(t, hub))
  await t.test(`${crowdSize} connections are spread evenly`, (t) => evenSpread(t, hub))
  await t.test('who hangs makes the hub not live, and is named', (t) => hanging(t, hub))
  await t.test('what is on its way to one that dies goes to another', (t) => onItsWay(t, hub))
  await t.test('who ends is replaced, and what it counted stays', (t) => replaced(t, hub))
  await t.test('they end with the primary, and the port is free', (t) => orphans(t, hub))
  await t.test('SIGTERM drains all of them, with exit code 0', (t) => drained(t, hub))
})

async function oneOrder(t: Test, hub: WorkersHub) {
  const streams = await open(hub, 20)
  const publishers = Array.from({ length: 16 }, async (_, publisher) => {
    for (let number = 0; number < 10; number++) {
      const { status } = await hub.publish({ data: `${publisher}:${number}` })
      if (status !== 200) throw new Error(`got ${status}`)
    }
  })
  await Promise.all(publishers)
  const received = await Promise.all(streams.map((stream) => stream.until(160)))

  const orders = received.map((events) => events.map((event) => event.data).join())
  const metrics = await hub.metrics()

  t.equal(new Set(orders).size, 1, 'every stream of every worker has the same order')
  t.equal(new Set(received[0]?.map((event) => event.data)).size, 160)
  t.equal(metrics.get('mercure_updates_total'), 160)
  t.equal(metrics.get('mercure_subscribers_connected'), 20)
  t.equal(metrics.get('mercure_subscribers_total'), 20)
  t.equal(metrics.get('mercure_log_head'), 160, 'the log is one, and counted once')
  t.equal(hub.workers().length, 2)
  t.equal(hub.hub.log.filter((line) => line['msg'] === 'hub ready').length, 1)
  await close(hub, streams)
}

async function otherAddresses(t: Test, hub: WorkersHub) {
  t.match(await ask(`${hub.hub.adminUrl}/nothing`), { status: 404 })
  t.match(await ask(`${hub.hub.adminUrl}/debug/registry?worker=2`), { status: 200, text: /faults/ })
  t.match(await ask(`${hub.hub.adminUrl}/debug/registry?worker=3`), { status: 503 })
  t.match(await ask(`${hub.hub.origin}/health/ready`), { status: 200 })
  t.match(await ask(`${hub.hub.url}?match=a`, { method: 'HEAD' }), { status: 200 })
}

async function evenSpread(t: Test, hub: WorkersHub) {
  const crowd = new Crowd(t)
  const request = 'GET /.well-known/mercure?match=a%n HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  await hub.untilMetric('mercure_worker_connections{worker="1"}', 0)
  await hub.untilMetric('mercure_worker_connections{worker="2"}', 0)

  await crowd.connect(hub.port, 0, crowdSize, request)
  const metrics = await hub.metrics()

  const share = metrics.get('mercure_worker_connections{worker="1"}') ?? 0
  // A worker that is held up gets no more meanwhile; a shared listener gave one of them 2.5 times as many.
  t.ok(Math.abs(share / crowdSize - 0.5) < 0.15, `one of them has ${share}`)
  t.equal(metrics.get('mercure_subscribers_connected'), crowdSize)
  await crowd.abort(1, 1)
  await hub.untilMetric('mercure_subscribers_connected', 0)
}

async function hanging(t: Test, hub: WorkersHub) {
  const [victim = 0] = hub.workers()
  process.kill(victim, 'SIGSTOP')

  const live = await hub.health('live')
  const ready = await hub.health('ready')
  process.kill(victim, 'SIGCONT')

  t.match(live, { status: 503, text: /no answer from worker [12]"/ })
  t.equal(ready.status, 200, 'half of the workers serve')
  await until(async () => (await hub.health('live')).status === 200)
}

async function onItsWay(t: Test, hub: WorkersHub) {
  const [victim = 0] = hub.workers()
  process.kill(victim, 'SIGSTOP')
  const clients = Array.from({ length: 6 }, () => hub.connect())
  await until(() => clients.filter((client) => client.hasHead).length >= 2)

  process.kill(victim, 'SIGKILL')
  const heads = await Promise.all(clients.map((client) => client.untilHead()))

  t.strictSame(
    heads.map((head) => head.status),
    [200, 200, 200, 200, 200, 200],
  )
  await hub.untilMetric('mercure_workers', 2)
  await close(hub, clients)
}

async function replaced(t: Test, hub: WorkersHub) {
  const streams = await open(hub, 10)
  const before = await hub.metrics()
  const [victim = 0] = hub.workers()

  await hub.replace(victim)
  const metrics = await hub.metrics()

  const lost = streams.filter((stream) => stream.isClosed).length
  t.ok(lost > 0 && lost < 10, `${lost} of 10 went with it`)
  const total = 'mercure_subscribers_total'
  t.equal(metrics.get(total), before.get(total), 'a sum never falls')
  t.equal(metrics.get('mercure_subscribers_connected'), 10 - lost)
  t.match(
    hub.hub.log.findLast((line) => line['msg'] === 'a worker ended'),
    { signal: 'SIGKILL' },
  )
  const back = await open(hub, lost)
  await hub.publish({ data: 'after' })
  const all = [...back, ...streams.filter((stream) => !stream.isClosed)]
  await Promise.all(all.map((stream) => stream.untilData('after')))
  await close(hub, all)
}

async function orphans(t: Test, hub: WorkersHub) {
  const stream = await hub.subscribe()
  const workers = hub.workers()

  await hub.hub.kill()

  await stream.closed
  await until(() => !workers.some(isRunning))
  await hub.hub.start()
  t.equal((await hub.subscribe()).head.status, 200)
}

async function drained(t: Test, hub: WorkersHub) {
  const streams = await open(hub, 10)
  const workers = hub.workers()

  hub.hub.signal('SIGTERM')
  const ends = await Promise.all(streams.map((stream) => stream.closed))

  t.equal(await hub.hub.ended(), 0)
  t.notOk(ends.includes('error'))
  t.equal(hub.hub.log.at(-1)?.['msg'], 'hub stopped')
  t.notOk(workers.some(isRunning))
}

t.test('a second SIGTERM ends everything at once', async (t) => {
  const hub = await WorkersHub.start(t, 2, { MERCURE_DRAIN_TIMEOUT: '1h' })
  const held = await hub.subscribe()
  const workers = hub.workers()

  hub.hub.signal('SIGTERM')
  await until(() => hub.hub.log.some((line) => line['msg'] === 'draining'))
  t.equal((await hub.health('ready')).status, 503)
  hub.hub.signal('SIGTERM')

  t.equal(await hub.hub.ended(), 0)
  await held.closed
  await until(() => !workers.some(isRunning))
})

t.test('workers cannot share a history in memory', async (t) => {
  const args = ['serve', '--anonymous', '--transport-url', 'memory:', '--workers', '2']

  const { code, stderr } = await run(t, args)

  t.equal(code, 2)
  t.match(stderr, /workers: expected 1 with memory:, which processes cannot share, got 2/)
})

t.test('workers that cannot start end the hub with the reason', async (t) => {
  const file = `${temporaryFolder(t)}/file`
  writeFileSync(file, '')
  const started = HubProcess.start(t, {
    env: {
      MERCURE_WORKERS: '2',
      MERCURE_TRANSPORT_URL: `lmdb:${file}/history`,
      MERCURE_ANONYMOUS: '1',
    },
  })

  await t.rejects(started, /ended with 1 before it was ready\n.*transport_url: cannot use/s)
})

function open(hub: WorkersHub, count: number): Promise<SseClient[]> {
  return Promise.all(Array.from({ length: count }, () => hub.subscribe()))
}

async function close(hub: WorkersHub, streams: readonly SseClient[]): Promise<void> {
  for (const stream of streams) stream.close()
  await hub.untilMetric('mercure_subscribers_connected', 0)
}
