import { readdirSync } from 'node:fs'
import t from 'tap'
import { Crowd } from '../fixtures/crowd.ts'
import { startHub } from '../fixtures/hub.ts'
import { until } from '../fixtures/until.ts'

const streams = Number(process.env['STREAMS'] ?? 16_000)
const openFiles = () => readdirSync('/proc/self/fd').length
const request = (query: string) =>
  `GET /.well-known/mercure?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`

t.test('10,000 subscribers each receive an update, and leave nothing behind', async (t) => {
  const { hub, port, publish } = await open(t)
  await publish('warm-up')
  const before = openFiles()
  const crowd = new Crowd(t)

  // half of them on one page, half with a topic of their own beside the shared one
  t.equal(await crowd.connect(port, 0, 5_000, request('match=shared')), 5_000)
  t.equal(await crowd.connect(port, 5_000, 5_000, request('match=shared&match=own%n')), 10_000)
  t.equal(hub.subscriberCount, 10_000)
  t.strictSame(hub.verify(), [])
  t.equal(hub.stats().cohorts, 5_001)

  t.equal(await publish('shared'), 200)
  await until(async () => (await crowd.received()) === 10_000)

  for (let seed = 1; seed <= 4; seed++) {
    const aborted = await crowd.abort(0.5, seed)
    await publish('shared') // in the middle of their leaving
    t.ok(aborted > 0)
    t.strictSame(hub.verify(), [], 'both directions agree')
  }
  await crowd.abort(1, 5)
  await until(() => hub.subscriberCount === 0)

  t.strictSame(hub.verify(), [])
  t.match(hub.stats(), { members: 0, cohorts: 0, topics: 0, patterns: 0, replaying: 0 })
  await until(() => openFiles() <= before * 1.05)
})

t.test(
  `${streams} streams opened and aborted leave memory, timers and files as they were`,
  async (t) => {
    const { hub, port, publish } = await open(t)
    const crowd = new Crowd(t)
    const round = async (number: number) => {
      await crowd.connect(port, 0, 1_000, request('match=shared&match_urlpattern=/rooms/%n/:what'))
      await publish('shared')
      await crowd.abort(1, number)
      await until(() => hub.subscriberCount === 0)
    }
    for (let i = 0; i < 4; i++) await round(i)
    const before = { files: openFiles(), timers: timers(), heap: await settledHeap() }

    for (let i = 0; i < streams / 1_000; i++) await round(i)

    await until(() => openFiles() <= before.files * 1.05)
    await until(() => timers() <= before.timers)
    const grown = (await settledHeap()) - before.heap
    t.ok(grown < 0.05 * before.heap, `the heap grew by ${grown} of ${before.heap} bytes`)
    t.strictSame(hub.verify(), [])
  },
)

async function open(t: Parameters<typeof startHub>[0]) {
  const testHub = await startHub(t)
  const publish = async (topic: string) => (await testHub.publish({ topic, data: 'x' })).status
  return { hub: testHub.hub, port: testHub.port, publish }
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

/** The heap after collections that left it unchanged. */
async function settledHeap(): Promise<number> {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    collect()
  }
  return process.memoryUsage().heapUsed
}
