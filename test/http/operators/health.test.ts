import t from 'tap'
import { health, healthOf } from '../../../src/http/operators/health.ts'
import { bareServer, listen } from '../../../src/http/server.ts'
import { Hub } from '../../../src/hub/hub.ts'
import type { Log, LogHealth, Page } from '../../../src/log/log.ts'
import { MemoryLog } from '../../../src/log/memory/memory-log.ts'
import { Cohort } from '../../../src/registry/cohort.ts'
import { ask } from '../../fixtures/http.ts'
import { type Closing, startAdmin, startHub } from '../../fixtures/hub.ts'
import { until } from '../../fixtures/until.ts'

/** A history that can be told to be ill, or to hang. */
class FaultyLog extends MemoryLog implements Log {
  fault: 'throws' | 'hangs' | 'stands still' | undefined
  isIll = false

  override read(after: number, bounds: Parameters<MemoryLog['read']>[1]): Page {
    if (this.fault === 'throws') throw new Error('injected')
    // What an asynchronous history returns; the dispatcher takes both.
    if (this.fault === 'hangs') return new Promise(() => {}) as unknown as Page
    if (this.fault === 'stands still') return { entries: [], upTo: after }
    return super.read(after, bounds)
  }

  override health(): LogHealth {
    return this.isIll ? { ok: false, reason: 'out of reach' } : super.health()
  }
}

async function start(t: Closing): Promise<{ log: FaultyLog; url: string; publish: () => void }> {
  const log = new FaultyLog({ maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const hub = new Hub({
    log,
    heartbeatMs: 0,
    writeTimeoutMs: 0,
    dispatchTimeoutMs: 0,
    subscriberBufferBytes: 1024,
    maxFrameBytes: 0,
    registryShards: 1,
    matchCacheEntries: 10,
    cursorLines: true,
    maxSubscribers: 0,
    maxSubscribersPerToken: 0,
    maxSubscribersPerAddress: 0,
  })
  const app = bareServer({
    maxHeaderBytes: 16_384,
    headerTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    keepAliveTimeoutMs: 1_000,
  })
  health(app, healthOf(hub))
  t.teardown(async () => {
    await hub.close()
    await app.close()
  })
  const update = { id: 'a', topics: ['a'], data: '', type: '', retry: '', isPrivate: false }
  return { log, url: await listen(app, '127.0.0.1', 0), publish: () => void log.append([update]) }
}

const stuck = {
  status: 503,
  text: /^{"status":"error","error":"the dispatcher does not deliver"}$/,
}

for (const fault of ['throws', 'hangs', 'stands still'] as const)
  t.test(`a dispatcher whose read ${fault} is not live within 10 s`, async (t) => {
    const { log, url, publish } = await start(t)
    t.match(await ask(`${url}/health/live`), { status: 200, text: '{"status":"ok"}' })

    log.fault = fault
    publish()
    const begunMs = performance.now()
    await until(async () => (await ask(`${url}/health/live`)).status === 503)

    t.ok(performance.now() - begunMs < 10_000)
    t.match(await ask(`${url}/healthz`), stuck)
    t.match(await ask(`${url}/health/ready`), { status: 200 }, 'the history itself says it is well')
    if (fault === 'hangs') return
    log.fault = undefined
    await until(async () => (await ask(`${url}/health/live`)).status === 200)
  })

t.test('a history that is ill makes a hub not ready, and never not live', async (t) => {
  const { log, url, publish } = await start(t)

  for (const fault of ['throws', 'hangs'] as const) {
    log.isIll = true
    log.fault = fault
    publish()
    t.match(await ask(`${url}/health/ready`), { status: 503, text: /out of reach/ })
    t.match(await ask(`${url}/health/live`), { status: 200 }, fault)
  }
})

t.test('a delivery pass that never ends is not live', async (t) => {
  const { url, publish } = await start(t)
  const deliver = Object.getOwnPropertyDescriptor(Cohort.prototype, 'deliver')
  t.teardown(() => {
    if (deliver !== undefined) Object.defineProperty(Cohort.prototype, 'deliver', deliver)
  })

  Cohort.prototype.deliver = (from) => from + 1
  publish()

  t.match(await ask(`${url}/health/live`), stuck)
  t.match(await ask(`${url}/health/live`), stuck)
})

t.test('both listeners tell readiness: full, draining; 421 is not for health', async (t) => {
  const hub = await startHub(t, {
    max_subscribers: 1,
    public_urls: 'https://hub.example',
    drain_timeout: 0,
  })
  const admin = await startAdmin(t, hub)
  const both = async (path: string) =>
    (await Promise.all([hub.origin, admin].map((origin) => ask(origin + path)))).map(
      ({ status, text }) => [status, JSON.parse(text) as object] as const,
    )
  const ok = [200, { status: 'ok' }]
  for (const path of ['/health/live', '/health/ready', '/healthz'])
    t.strictSame(await both(path), [ok, ok], path)

  const stream = await hub.subscribe('match=a', {
    lines: ['X-Forwarded-Host: hub.example', 'X-Forwarded-Proto: https'],
  })
  t.equal(stream.head.status, 200)

  const error = 'the hub serves as many streams as it may (max_subscribers)'
  const full = [503, { status: 'error', error }]
  t.strictSame(await both('/health/ready'), [full, full])
  t.strictSame(await both('/health/live'), [ok, ok])
  stream.close()
  await hub.untilSubscribers(0)
  t.strictSame(await both('/health/ready'), [ok, ok])
  await hub.hub.close()
  const draining = [503, { status: 'error', error: 'draining' }]
  t.strictSame(await both('/health/ready'), [draining, draining])
})
