import t from 'tap'
import { startHub, type Subscribing } from '../../fixtures/hub.ts'
import { lookIn, until } from '../../fixtures/until.ts'

t.test(
  'behaviour 15: an idle stream gets a comment one interval after its last event',
  async (t) => {
    const heartbeatMs = 600
    const hub = await startHub(t, { heartbeat: `${heartbeatMs}ms` })
    const stream = await hub.subscribe('match=a')
    await stream.when(({ comments }) => comments === 1)
    const openedAt = performance.now()

    await new Promise((resolve) => setTimeout(resolve, 250))
    const publishedAt = performance.now()
    await hub.publish({ topic: 'a', data: 'resets the timer' })
    await stream.until(1)
    const isInTime = lookIn(heartbeatMs + 100, () => stream.comments >= 2)
    await stream.when(({ comments }) => comments === 2)
    const beatAt = performance.now()

    t.ok(beatAt - openedAt > heartbeatMs + 100, 'the update reset the timer')
    t.ok(beatAt - publishedAt > heartbeatMs - 100, 'not before the interval is over')
    t.ok(await isInTime, 'and not much later')
    await stream.when(({ comments }) => comments === 4)
    t.match(stream.body, /data: resets the timer\n\n(:\nid: #[0-9a-f]{12}\.1\n\n){3}$/)
  },
)

t.test('a heartbeat of 0 is none', async (t) => {
  const hub = await startHub(t, { heartbeat: '0', write_timeout: '1s' })
  const stream = await hub.subscribe('match=a')

  await stream.closed

  t.equal(stream.comments, 1, 'only the first bytes')
})

t.test('behaviour 16: a stream ends by itself at its token’s expiry, never later', async (t) => {
  const hub = await startHub(t, { write_timeout: '0', dispatch_timeout: '0' })
  const exp = Math.floor(Date.now() / 1000) + 3
  const token = hub.token({ subscribe: ['*'], claims: { exp } })
  const streams = await Promise.all([1, 2, 3].map(() => hub.subscribe('match=a', { token })))
  const left = lookIn(exp * 1000 + 50 - Date.now(), () => hub.hub.subscriberCount)

  await Promise.all(streams.map((stream) => stream.closed))

  const lateMs = Date.now() - exp * 1000
  t.ok(lateMs > -300, `${lateMs} ms after exp`)
  t.equal(await left, 0, 'nobody is left just after exp')
  for (const stream of streams) t.equal(stream.head.status, 200)
  t.strictSame(await hub.closes(), { expired: 3 })
  t.equal(hub.hub.subscriberCount, 0)
})

t.test(
  'behaviour 17: a token shorter than the time-outs neither ends at once nor is exceeded',
  async (t) => {
    const hub = await startHub(t, { write_timeout: '10s', dispatch_timeout: '30s' })
    const exp = Math.floor(Date.now() / 1000) + 3
    const stream = await hub.subscribe('match=a', {
      token: hub.token({ subscribe: ['*'], claims: { exp } }),
    })
    const left = lookIn(exp * 1000 + 50 - Date.now(), () => hub.hub.subscriberCount)

    await hub.publish({ topic: 'a', data: 'still there' })
    await stream.until(1)
    await stream.closed

    t.equal(await left, 0, 'nobody is left just after exp')
    t.strictSame(await hub.closes(), { expired: 1 })
  },
)

t.test('behaviour 18: without write timeout and token a stream has no end', async (t) => {
  const hub = await startHub(t, { write_timeout: '0', heartbeat: '50ms' })
  const stream = await hub.subscribe('match=a')

  await stream.when(({ comments }) => comments > 10)

  t.notOk(stream.isClosed)
  t.equal(hub.hub.subscriberCount, 1)
})

t.test(
  'a rotation comes in the last fifth of the write timeout, with a short retry and a cursor',
  async (t) => {
    const hub = await startHub(t, { write_timeout: '1500ms', heartbeat: '0' })
    const startedAt = performance.now()
    await hub.publish({ topic: 'b', data: 'somebody else’s' })
    const streams = await Promise.all(Array.from({ length: 20 }, () => hub.subscribe('match=a')))
    const left = lookIn(1_600, () => hub.hub.subscriberCount)
    const endings = await Promise.all(
      streams.map((stream) => stream.closed.then(() => performance.now() - startedAt)),
    )

    for (const stream of streams) {
      t.ok(stream.isComplete, 'ended cleanly')
      const [opening = 0, rotation = 0] = stream.retries
      t.ok(opening >= 500 && rotation >= 100 && rotation <= 1000, `${opening} ${rotation}`)
      t.match(stream.body, /\nretry: \d+\nid: #[0-9a-f]{12}\.1\n\n$/)
    }
    t.ok(Math.min(...endings) > 1100, endings.map(Math.round).join())
    t.equal(await left, 0, 'nobody is left when the time is over')
    t.ok(new Set(streams.map((stream) => stream.retries[1])).size > 5, 'not all come back at once')
    t.strictSame(await hub.closes(), { rotated: 20 })
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test('the first retry is jittered', async (t) => {
  const hub = await startHub(t)
  const streams = await Promise.all(Array.from({ length: 30 }, () => hub.subscribe('match=a')))
  await Promise.all(streams.map((stream) => stream.when(({ retries }) => retries.length === 1)))

  t.ok(new Set(streams.map((stream) => stream.retries[0])).size > 20)
})

t.test('limits hold at n and n+1, also when many come at once, and seats come free', async (t) => {
  const hub = await startHub(t, { max_subscribers: 5 })

  const streams = await Promise.all(
    Array.from({ length: 12 }, () => hub.subscribe('match=a&last_event_id=earliest')),
  )
  t.strictSame(
    streams.map((stream) => stream.head.status).toSorted((a, b) => a - b),
    [...Array<number>(5).fill(200), ...Array<number>(7).fill(503)],
  )
  t.equal(hub.hub.subscriberCount, 5)
  streams.find((stream) => stream.head.status === 200)?.reset()
  await hub.untilSubscribers(4)

  t.equal((await hub.subscribe('match=a')).head.status, 200)
})

t.test('limits per token and per address hold at n and n+1, and seats come free', async (t) => {
  const hub = await startHub(t, { max_subscribers_per_token: 2, max_subscribers_per_address: 4 })
  const token = hub.token({ subscribe: ['a'] })
  const other = hub.token({ subscribe: ['b'] })
  const statuses = async (options: Subscribing, count: number) => {
    const streams = await Promise.all(
      Array.from({ length: count }, () => hub.subscribe('match=a', options)),
    )
    return streams.map((stream) => stream.head.status).toSorted((a, b) => a - b)
  }

  t.strictSame(await statuses({ token }, 3), [200, 200, 429], 'the token’s third')
  t.strictSame(await statuses({}, 3), [200, 200, 429], 'the address’s fifth')
  const elsewhere = { localAddress: '127.0.0.2' }
  t.strictSame(await statuses(elsewhere, 1), [200])
  t.strictSame(await statuses({ ...elsewhere, token }, 1), [429])
  t.strictSame(await statuses({ ...elsewhere, token: other }, 1), [200])
  const refused = await hub.ask('GET', { path: '/.well-known/mercure?match=a', token })
  t.match([refused.status, refused.headers['retry-after']], [429, '5'])
  t.match(refused.text, /^Too Many Requests: .*max_subscribers_per_/)
  t.equal(hub.hub.subscriberCount, 6)
})

t.test(
  'draining spreads the closes, tells a cursor first, and refuses newcomers with 503',
  async (t) => {
    const hub = await startHub(t, { heartbeat: '0' })
    const streams = await Promise.all(Array.from({ length: 10 }, () => hub.subscribe('match=a')))
    await hub.publish({ topic: 'a', data: '1' })
    await Promise.all(streams.map((stream) => stream.until(1)))

    const closing = hub.hub.close(2_000)
    await until(() => hub.hub.subscriberCount < 8)
    const ready = await hub.ask('GET', { path: '/health/ready' })
    const left = hub.hub.subscriberCount
    const during = await hub.publish({ topic: 'a', data: 'during the drain' })
    await closing

    t.match([ready.status, ready.text], [503, /draining/])
    t.ok(left > 0, 'not all at once')
    t.equal(during.status, 200, 'publishers are served to the end')
    for (const stream of streams) {
      await stream.closed
      t.ok(stream.isComplete)
      t.match(stream.body, /id: #[0-9a-f]{12}\.[12]\n\n$/)
    }
    t.strictSame(await hub.closes(), { drained: 10 })
  },
)

t.test('the hub’s health is told to orchestrators', async (t) => {
  const hub = await startHub(t)
  const get = async (path: string) => {
    const { status, text } = await hub.ask('GET', { path })
    return [status, JSON.parse(text) as unknown]
  }

  t.strictSame(await get('/health/live'), [200, { status: 'ok' }])
  t.strictSame(await get('/healthz'), [200, { status: 'ok' }])
  t.strictSame(await get('/health/ready'), [200, { status: 'ok' }])
  await hub.assembly.log.close()
  t.strictSame(await get('/health/ready'), [503, { status: 'error', error: 'closed' }])
  t.strictSame(await get('/health/live'), [200, { status: 'ok' }])
})
