import t from 'tap'
import type { Update } from '../../../src/protocol/update.ts'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { seeded, turns, until } from '../../fixtures/until.ts'

function update(id: string, data = id, topic = 'a'): Update {
  return { id, topics: [topic], data, isPrivate: false, type: '', retry: '' }
}

async function append(hub: TestHub, from: number, to: number, data?: string): Promise<void> {
  const updates = []
  for (let i = from; i <= to; i++) updates.push(update(String(i), data))
  await hub.assembly.log.append(updates)
}

t.test(
  '16 publishers, streams that join at random cursors: each sees one contiguous sequence',
  async (t) => {
    const hub = await startHub(t, { subscriber_buffer: '8MiB' })
    const random = seeded(11)
    const total = 3000
    let published = 0
    await append(hub, 1, (published = 200))
    const publisher = async () => {
      while (published < total) {
        await hub.assembly.log.append([update(String(++published), 'x'.repeat(random() * 500))])
        await turns(1 + Math.floor(random() * 3))
      }
    }
    const joiner = async () => {
      const streams = []
      while (published < total - 50) {
        const after = Math.floor(random() * published)
        const cursor = after === 0 ? 'earliest' : String(after)
        streams.push({ after, stream: await hub.subscribe('match=a', { lastEventId: cursor }) })
        await turns(Math.floor(random() * 10))
      }
      return streams
    }

    const [streams] = await Promise.all([joiner(), ...Array.from({ length: 16 }, publisher)])
    const end = String(published)
    for (const { after, stream } of streams) {
      await stream.when(({ events }) => events.at(-1)?.id === end)
      const expected = Array.from({ length: published - after }, (_, i) => String(after + 1 + i))
      const got = stream.events.map((event) => event.id)
      if (got.join() !== expected.join()) t.strictSame(got, expected)
    }

    t.ok(streams.length > 10, `${streams.length} streams`)
    t.equal(hub.hub.stats().members, streams.length, 'all are live')
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test('reconnecting at any cursor line loses nothing and repeats nothing', async (t) => {
  const hub = await startHub(t, { heartbeat: '30ms' })
  const random = seeded(5)
  let published = 0
  let isDone = false
  const publishing = (async () => {
    while (published < 400) {
      await hub.assembly.log.append([
        update(String(++published), 'x', published % 3 === 0 ? 'b' : 'a'),
      ])
      await turns(1 + Math.floor(random() * 20))
    }
    isDone = true
  })()

  const got: string[] = []
  let cursor = 'earliest'
  for (let visit = 0; !isDone || visit < 5; visit++) {
    const stream = await hub.subscribe('match=a', { lastEventId: cursor })
    const comments = 1 + Math.floor(random() * 3)
    await stream.when((one) => one.comments > comments)
    stream.reset()
    await stream.closed
    got.push(...stream.events.map((event) => event.id))
    cursor = stream.lastEventId
  }
  await publishing
  const last = await hub.subscribe('match=a', { lastEventId: cursor })
  await last.when((stream) => [...got, ...stream.events.map((one) => one.id)].at(-1) === '400')
  got.push(...last.events.map((event) => event.id))

  const expected = Array.from({ length: 400 }, (_, i) => i + 1).filter((id) => id % 3 !== 0)
  t.strictSame(got.map(Number), expected)
})

t.test('a history of 5,000 updates is replayed to the end, far beyond any budget', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '64KiB' })
  await append(hub, 1, 5000, 'x'.repeat(300))

  const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  await stream.until(5000)
  await hub.publish({ topic: 'a', data: 'live' })
  await stream.untilData('live')

  t.equal(stream.events.length, 5001)
  t.strictSame(
    stream.events.slice(0, 5000).map((event) => Number(event.id)),
    Array.from({ length: 5000 }, (_, i) => i + 1),
  )
  t.strictSame(await hub.closes(), {})
})

t.test('a replay of updates larger than the budget passes them one by one', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '64KiB' })
  await append(hub, 1, 8, 'x'.repeat(700_000))

  const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })

  t.strictSame(
    (await stream.until(8)).map((event) => [event.id, event.data.length]),
    Array.from({ length: 8 }, (_, i) => [String(i + 1), 700_000]),
  )
})

t.test(
  'a paused replay costs a bounded amount of memory, and goes on where it stopped',
  async (t) => {
    const hub = await startHub(t, {
      subscriber_buffer: '1MiB',
      dispatch_timeout: '0',
      heartbeat: '20ms',
    })
    const line = 'x'.repeat(10_000)
    await append(hub, 1, 6000, line)
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => hub.subscribe('match=a', { lastEventId: 'earliest' })),
    )
    for (const stream of streams) stream.pause()
    await until(() => hub.hub.stats().replaying === 20)
    await turns(50)
    const before = process.memoryUsage()

    await turns(300)
    const after = process.memoryUsage()

    const grown = after.external + after.arrayBuffers - before.external - before.arrayBuffers
    t.ok(
      grown < 20 * 2 * 1024 * 1024,
      `${Math.round(grown / 1024)} KiB for 20 paused replays of 60 MB`,
    )
    t.equal(hub.hub.stats().replaying, 20, 'nobody was let go')
    for (const stream of streams.slice(1)) stream.reset()
    streams[0]?.resume()
    await streams[0]?.until(6000)
    t.equal(streams[0]?.events.at(-1)?.id, '6000')
  },
)

t.test('a replay that is overtaken by trimming gets a gap event in its middle', async (t) => {
  const hub = await startHub(t, { history_size: 2000, dispatch_timeout: '0', heartbeat: '0' })
  const data = 'x'.repeat(20_000)
  await append(hub, 1, 2000, data)
  const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  stream.pause()
  await turns(100)

  await append(hub, 2001, 4000, data)
  await until(() => hub.assembly.log.first > 2000)
  stream.resume()
  await stream.when(({ events }) => events.at(-1)?.id === '4000')

  const gaps = stream.events.filter((event) => event.type === 'mercure')
  t.equal(gaps.length, 1)
  const gap = JSON.parse(gaps[0]?.data ?? '') as Record<string, string>
  t.match(gap, { type: 'gap', requested: /^#[0-9a-f]{12}\.\w+$/ })
  const at = stream.events.findIndex((event) => event.type === 'mercure')
  const ids = stream.events.filter((event) => event.type === '').map((event) => Number(event.id))
  const lastBefore = ids[at - 1] ?? 0
  const firstAfter = ids[at] ?? 0
  t.ok(at > 0 && lastBefore < 2000 && firstAfter > 2000, `${lastBefore} … ${firstAfter}`)
  t.equal(
    Number.parseInt(gap['requested']?.split('.')[1] ?? '', 36),
    lastBefore,
    'what was seen last',
  )
  t.equal(ids.length, lastBefore + 4000 - firstAfter + 1, 'both sides are contiguous')
})

t.test('many replays share the turn with publishers and live streams', async (t) => {
  const hub = await startHub(t)
  await append(hub, 1, 2000, 'x'.repeat(100))
  const live = await hub.subscribe('match=b')

  const replaying = Array.from({ length: 50 }, () =>
    hub.subscribe('match=a', { lastEventId: 'earliest' }),
  )
  await hub.publish({ topic: 'b', data: 'meanwhile' })
  await live.until(1)
  const streams = await Promise.all(replaying)
  await Promise.all(streams.map((stream) => stream.until(2000)))

  await until(() => hub.hub.stats().members === 51)
  t.strictSame(hub.hub.verify(), [])
})
