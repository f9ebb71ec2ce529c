import { mock } from 'node:test'
import t from 'tap'
import { publish, publishBatch, subscribe, subscriptions } from '../../src/client/index.ts'
import { SilenceWatch } from '../../src/client/silence.ts'
import { type Answer, fakeHub, refuse, stream } from '../cli/cinnabar.ts'
import type { Test } from '../fixtures/hub-process.ts'
import { startHub } from '../fixtures/hub.ts'
import { TcpProxy } from '../fixtures/tcp-proxy.ts'
import { signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const fast = ':\nretry: 50\n\n'
const gone = refuse(204)

/** Reads all that a hub which answers so has to say. */
async function readAll(t: Test, answers: readonly Answer[], options: object = {}) {
  const hub = await fakeHub(t as never, ...answers)
  const told: unknown[] = []
  const subscription = subscribe({
    hub: hub.url,
    match: '*',
    onState: ({ name, ...rest }) => told.push('reason' in rest ? `${name}: ${rest.reason}` : name),
    onGap: (gap) => told.push(gap),
    onEvent: ({ data }) => told.push(data),
    ...options,
  })
  const end = await subscription.ended
  return { told, end, seen: hub.seen }
}

const cursors = (seen: readonly { headers: Record<string, unknown> }[]) =>
  seen.map(({ headers }) => headers['last-event-id'])

t.test('502, 429, 503 and 504 are waited out, and 204 ends it quietly', async (t) => {
  const updates = stream([`${fast}id: 1\ndata: a\n\n`])
  const passing = [502, 429, 503, 504].map((status) => refuse(status))
  const { told, end, seen } = await readAll(t, [updates, ...passing, gone])

  t.strictSame(told, [
    'connecting',
    'live',
    'a',
    'waiting: the hub ended the stream',
    'connecting',
    'waiting: 502 Bad Gateway',
    'connecting',
    'waiting: 429 Too Many Requests',
    'connecting',
    'waiting: 503 Service Unavailable',
    'connecting',
    'waiting: 504 Gateway Timeout',
    'connecting',
    'ended',
  ])
  t.strictSame(end, { name: 'ended' })
  t.strictSame(cursors(seen), [undefined, '1', '1', '1', '1', '1'])
})

t.test('401, 403, 421 and 400 end it with the hub’s sentence', async (t) => {
  for (const [status, name] of [
    [401, 'Unauthorized'],
    [403, 'Forbidden'],
    [421, 'Misdirected Request'],
    [400, 'Bad Request'],
  ] as const) {
    const { end, seen } = await readAll(t, [refuse(status, `${name}: the reason\n`)])
    t.strictSame(end, { name: 'ended', status, reason: `${status} ${name}: the reason` })
    t.equal(seen.length, status === 421 ? 2 : 1) // fetch asks once more on another connection, by its standard
  }
})

t.test('a token that is refused is asked for again once, never in a loop', async (t) => {
  let asked = 0
  const token = () => `opaque-${++asked}`
  const answers = [refuse(401), stream([`${fast}data: a\n\n`]), refuse(401), refuse(401)]
  const { end, seen } = await readAll(t, answers, { token })

  t.equal(end.reason, '401 Unauthorized')
  t.strictSame(
    seen.map(({ headers }) => headers.authorization),
    ['Bearer opaque-1', 'Bearer opaque-2', 'Bearer opaque-2', 'Bearer opaque-3'],
  )
})

t.test('a token that cannot be had now is had later', async (t) => {
  let asked = 0
  const token = async () => {
    if (++asked === 1) throw new Error('the application restarts')
    return 'good'
  }
  const { told, seen } = await readAll(t, [gone], { token })

  t.match(told, ['connecting', 'waiting: cannot get a token: the application restarts'])
  t.equal(seen[0]?.headers.authorization, 'Bearer good')
})

t.test(
  'a hub without retry, cursor lines or gap events: by id, and gaps by the field',
  async (t) => {
    const foreign = (lines: string, field?: string): Answer => {
      return (response) =>
        response
          .writeHead(200, {
            'content-type': 'text/event-stream',
            ...(field === undefined ? {} : { 'mercure-last-event-id': field }),
          })
          .end(`:\n${lines}`)
    }
    const { told, seen } = await readAll(t, [
      foreign('id: urn:1\ndata: a\n\n'),
      foreign('id: urn:2\ndata: b\n\n:\n', 'urn:1'),
      foreign('id: urn:9\ndata: c\n\n', 'earliest'),
      gone,
    ])

    t.strictSame(
      told.filter((entry) => !/^(connecting|live|waiting)/.test(String(entry))),
      ['a', 'b', { requested: 'urn:2', resumedAfter: 'earliest' }, 'c', 'ended'],
    )
    t.strictSame(cursors(seen), [undefined, 'urn:1', 'urn:2', 'urn:9'])
  },
)

t.test('a gap that the field and the event tell is told once', async (t) => {
  const gap = '{"type":"gap","requested":"#1","resumed_after":"earliest"}'
  const told = await readAll(
    t,
    [
      (response) =>
        response
          .writeHead(200, {
            'content-type': 'text/event-stream',
            'mercure-last-event-id': 'earliest',
          })
          .end(`${fast}event: mercure\ndata: ${gap}\n\ndata: a\n\n`),
      gone,
    ],
    { lastEventId: '#1' },
  )

  t.strictSame(
    told.told.filter((entry) => !/^(connecting|live|waiting)/.test(String(entry))),
    [{ requested: '#1', resumedAfter: 'earliest' }, 'a', 'ended'],
  )
})

t.test('a connection that has fallen silent is left, and nothing is missed', async (t) => {
  const hub = await startHub(t, { heartbeat: '100ms' })
  const proxy = await TcpProxy.start(t, hub.port)
  const told: string[] = []
  const subscription = subscribe({
    hub: `http://127.0.0.1:${proxy.port}/.well-known/mercure`,
    match: 'a',
    heartbeat: 400,
    onEvent: ({ data }) => told.push(data),
    onState: (state) => state.name === 'waiting' && told.push(state.reason),
  })
  t.teardown(() => subscription.close())
  await until(() => subscription.state.name === 'live')
  await hub.publish({ topic: 'a', data: 'before' })
  await until(() => told.length === 1)

  proxy.deafen(1)
  await hub.publish({ topic: 'a', data: 'meanwhile' })
  await until(() => told.length === 3)

  t.strictSame(told, ['before', 'nothing was heard for 1 s', 'meanwhile'])
})

t.test('with the clock in hand', async (t) => {
  t.beforeEach(() => mock.timers.enable({ apis: ['Date', 'setTimeout'] }))
  t.afterEach(() => mock.timers.reset())

  t.test('the heartbeat is learned from comments that come steadily', async (t) => {
    const watch = new SilenceWatch()
    const beat = (ms: number) => {
      mock.timers.tick(ms)
      watch.heard(true)
    }

    beat(0)
    beat(300) // the first of the hub's round
    beat(15_000)
    t.equal(watch.patienceMs, 100_000)
    beat(15_000)
    t.equal(watch.patienceMs, 37_500)
  })

  t.test('a stream whose first bytes do not come is said to be held back', async (t) => {
    const told: (string | undefined)[] = []
    const watch = new SilenceWatch()
    watch.onLate = (reason) => told.push(reason)
    watch.begin(() => {})

    mock.timers.tick(15_000)
    watch.heard(false)

    const reason = 'no byte for 10 s: a proxy may be holding the stream back'
    t.strictSame(told, [reason, undefined])
    watch.end()
  })

  t.test('a machine that slept leaves the connection it had', async (t) => {
    const told: string[] = []
    const watch = new SilenceWatch()
    watch.begin((reason) => told.push(reason))
    watch.heard(false)

    mock.timers.setTime(3_600_000) // timers stand still meanwhile
    mock.timers.tick(5_000)

    t.strictSame(told, ['nothing was heard for 3605 s'])
  })

  t.test('a hub without heartbeats is left ever seldomer', async (t) => {
    const told: string[] = []
    let watch = new SilenceWatch()
    for (let i = 0; i < 6; i++) {
      watch = watch.another()
      watch.begin((reason) => told.push(reason))
      watch.heard(false)
      for (const count = told.length; told.length === count;) mock.timers.tick(10_000)
      watch.end()
    }

    t.strictSame(
      told.map((reason) => Number(/\d+/.exec(reason)?.[0])),
      [100, 200, 400, 800, 900, 900],
    )
  })
})

t.test('publishing', async (t) => {
  t.test('a lost answer is asked for again with the same key, and stored once', async (t) => {
    const hub = await startHub(t)
    const told: string[] = []
    const subscription = subscribe({
      hub: hub.url,
      match: 'a',
      onEvent: ({ data }) => told.push(data),
    })
    t.teardown(() => subscription.close())
    await until(() => subscription.state.name === 'live')
    let requests = 0
    const unlucky: typeof fetch = async (...args) => {
      const response = await fetch(...args)
      if (++requests > 1) return response
      await response.text()
      throw new TypeError('the answer was lost')
    }
    const common = { hub: hub.url, token: hub.token(), fetch: unlucky }

    const id = await publish({ ...common, topic: ['a', 'b'], data: 'once', type: 'message' })
    const ids = await publishBatch({
      ...common,
      updates: [
        { topic: 'a', data: 'x', private: false },
        { topic: 'a', data: 'y', id: 'mine' },
      ],
    })
    await until(() => told.length === 3)

    t.equal(requests, 3)
    t.match(id, /^urn:uuid:/)
    t.equal(ids[1], 'mine')
    t.strictSame(told, ['once', 'x', 'y'])
  })

  t.test(
    'what the hub refuses is thrown at once; what may pass is tried for a while',
    async (t) => {
      const hub = await fakeHub(
        t,
        refuse(403, 'Forbidden: no\n'),
        refuse(503),
        refuse(200, 'the id'),
      )
      const update = { hub: hub.url, topic: 'a' }

      await t.rejects(publish(update), {
        name: 'HubRefusal',
        status: 403,
        message: '403 Forbidden: no',
      })
      t.equal(await publish(update), 'the id')
      t.equal(hub.seen[1]?.headers['idempotency-key'], hub.seen[2]?.headers['idempotency-key'])
      await t.rejects(
        publish({ hub: 'http://127.0.0.1:9/', topic: 'a', retryFor: 0 }),
        /^cannot reach/,
      )
    },
  )
})

t.test('subscriptions are one living set, and end with the hub’s sentence', async (t) => {
  const hub = await startHub(t, { subscriptions: true })
  const token = hub.token()
  const stay = subscribe({ hub: hub.url, match: 'stay' })
  t.teardown(() => stay.close())
  await until(() => stay.state.name === 'live')
  let changes = 0
  const live = subscriptions({ hub: hub.url, token, match: 'stay', onChange: () => changes++ })
  t.teardown(() => live.close())
  const matches = () => [...live.active.values()].map(({ match }) => match)
  await until(() => live.active.size === 1)

  const other = subscribe({ hub: hub.url, match: ['stay', 'other (not)'] })
  await until(() => live.active.size === 2)
  other.close()
  await until(() => live.active.size === 1)

  t.strictSame(matches(), ['stay'])
  await until(() => changes >= 3)
  const all = subscriptions({
    hub: hub.url,
    token: signToken(hub.url, { subscribe: ['nothing'] }),
  })
  await until(() => all.state.name === 'ended')
  t.match(all.state, { name: 'ended', status: 403 })
})
