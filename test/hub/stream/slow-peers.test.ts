import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { turns, until } from '../../fixtures/until.ts'

const mebibyte = 1024 * 1024

/** A stream whose peer has stopped reading, with the kernel's buffers full. */
async function stalledPeer(hub: TestHub, query = 'match=big'): Promise<SseClient> {
  const stream = await hub.subscribe(query)
  await stream.when(({ cursors }) => cursors.length > 0)
  stream.pause()
  return stream
}

/** Publishes past every authorisation, as an embedding program would: big updates, quickly. */
async function append(hub: TestHub, count: number, bytes: number, topic = 'big'): Promise<void> {
  for (let i = 0; i < count; i++)
    await hub.assembly.log.append([
      {
        id: `${topic} ${i} ${bytes}`,
        topics: [topic],
        data: 'x'.repeat(bytes),
        isPrivate: false,
        type: '',
        retry: '',
      },
    ])
}

t.test('a peer that takes nothing for the dispatch time-out is closed as stalled', async (t) => {
  const hub = await startHub(t, {
    dispatch_timeout: '500ms',
    subscriber_buffer: '64MiB',
    heartbeat: '100ms',
  })
  const stream = await stalledPeer(hub)

  await append(hub, 20, mebibyte)
  const startedAt = performance.now()
  await hub.untilSubscribers(0)

  t.strictSame(await hub.closes(), { stalled: 1 })
  t.ok(performance.now() - startedAt < 5000)
  t.strictSame(hub.hub.verify(), [])
  stream.reset()
})

t.test(
  'over its budget a peer is closed as slow and removed in the same tick; others get everything',
  async (t) => {
    const hub = await startHub(t, {
      dispatch_timeout: '0',
      subscriber_buffer: '256KiB',
      heartbeat: '20ms',
    })
    const slow = await stalledPeer(hub)
    const healthy = await hub.subscribe('match=big&match=end')

    for (let i = 0; i < 400 && hub.hub.subscriberCount === 2; i++) {
      await append(hub, 1, 100_000)
      await turns(3)
      t.equal(hub.hub.stats().members + hub.hub.stats().replaying, hub.hub.subscriberCount)
    }
    await append(hub, 1, 1, 'end')

    t.equal(hub.hub.subscriberCount, 1)
    t.equal(hub.hub.stats().members, 1)
    t.strictSame(await hub.closes(), { slow: 1 })
    await healthy.when(({ events }) => events.at(-1)?.id === 'end 0 1')
    t.ok(healthy.events.length > 2)
    slow.resume()
    await slow.closed
    t.equal(slow.isComplete, false)
  },
)

t.test(
  'a 1 MiB update reaches a peer that takes 400 KB/s, over its budget and its time-out',
  async (t) => {
    const hub = await startHub(t, {
      dispatch_timeout: '1s',
      subscriber_buffer: '64KiB',
      heartbeat: '100ms',
    })
    const stream = await hub.subscribe('match=big')
    stream.socket.on('data', (bytes: Buffer) => {
      stream.pause()
      setTimeout(() => stream.resume(), bytes.length / 400)
    })

    await append(hub, 1, mebibyte - 200)
    await stream.until(1)
    await append(hub, 1, 1, 'big')

    t.equal((await stream.until(2))[0]?.data.length, mebibyte - 200)
    t.strictSame(await hub.closes(), {})
  },
)

t.test('one large update fits an empty budget, whatever the budget is', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '1' })
  const stream = await hub.subscribe('match=big')
  await stream.when(({ cursors }) => cursors.length > 0)

  await append(hub, 1, 900_000)

  t.equal((await stream.until(1))[0]?.data.length, 900_000)
})

t.test('catching up is not slowness: a burst of megabytes reaches a peer that reads', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '256KiB' })
  const stream = await hub.subscribe('match=big')

  const updates = Array.from({ length: 400 }, (_, i) => ({
    id: String(i),
    topics: ['big'],
    data: 'x'.repeat(50_000),
    isPrivate: false,
    type: '',
    retry: '',
  }))
  await hub.assembly.log.append(updates)
  await stream.until(400)

  t.strictSame(
    stream.events.map((event) => event.id),
    updates.map((update) => update.id),
  )
  t.strictSame(await hub.closes(), {})
})

t.test(
  'there is no deaf stream: each one that gets heartbeats gets what it asked for',
  async (t) => {
    const hub = await startHub(t, {
      subscriber_buffer: '128KiB',
      dispatch_timeout: '0',
      heartbeat: '50ms',
    })
    const streams = await Promise.all(
      Array.from({ length: 12 }, () => hub.subscribe('match=big&match=end')),
    )
    for (const stream of streams.slice(0, 6)) stream.pause()

    for (let i = 0; i < 60; i++) {
      await append(hub, 2, 60_000)
      await turns(2)
      if (i % 20 === 10) for (const stream of streams.slice(0, 3)) stream.resume()
      if (i % 20 === 0) for (const stream of streams.slice(0, 3)) stream.pause()
    }
    for (const stream of streams) stream.resume()
    await append(hub, 1, 1, 'end')

    for (const stream of streams) {
      await Promise.race([
        stream.when(({ events }) => events.at(-1)?.id === 'end 0 1').catch(() => {}),
        stream.closed,
      ])
      const ids = stream.events.map((event) => event.id)
      const isWhole = ids.length === 121 && ids.at(-1) === 'end 0 1'
      t.ok(
        isWhole || stream.isClosed,
        `${ids.length} updates, ${stream.isClosed ? 'closed' : 'open'}`,
      )
    }
    const open = streams.filter((stream) => !stream.isClosed).length
    t.ok(open >= 6)
    t.equal(hub.hub.subscriberCount, open)
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test('stalled peers do not hold publishers up', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '64MiB', dispatch_timeout: '0' })
  const stalled = await Promise.all(Array.from({ length: 5 }, () => stalledPeer(hub)))
  const healthy = await hub.subscribe('match=big')
  await append(hub, 10, 500_000)

  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => hub.publish({ topic: 'big', data: String(i) })),
  )
  await healthy.until(60)

  t.ok(answers.every((answer) => answer.status === 200))
  t.equal(hub.hub.subscriberCount, 6)
  for (const stream of stalled) stream.reset()
  await until(() => hub.hub.subscriberCount === 1)
})
