import t from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import { startHub } from '../../fixtures/hub.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { until } from '../../fixtures/until.ts'
import type { Update } from '../../../src/protocol/update.ts'

const count = 3000

/** Every third is of topic b, every fifth is private. */
const updates: Update[] = Array.from({ length: count }, (_, i) => ({
  id: `e${i + 1}`,
  topics: [(i + 1) % 3 === 0 ? 'b' : 'a'],
  data: 'x'.repeat(i % 1000),
  isPrivate: (i + 1) % 5 === 0,
  type: '',
  retry: '',
}))

function expected(topic: string, after: number, seesPrivate: boolean): string {
  return updates
    .slice(after)
    .filter((one) => one.topics[0] === topic && (seesPrivate || !one.isPrivate))
    .map((one) => one.id)
    .join()
}

t.test('replays that share pages each get what is theirs, from their own cursor', async (t) => {
  const hub = await startHub(t)
  await hub.assembly.log.append(updates)

  const readers = Array.from({ length: 40 }, (_, i) => ({
    topic: i % 2 === 0 ? 'a' : 'b',
    after: i % 4 === 0 ? 0 : (i * 71) % count,
    seesPrivate: i % 3 === 0,
  }))
  await Promise.all(
    readers.map(async ({ topic, after, seesPrivate }, i) => {
      const subscribe = seesPrivate ? ['a', 'b'] : [`nothing ${i}`]
      const stream = await hub.subscribe(`match=${topic}`, {
        token: hub.token({ subscribe }),
        lastEventId: after === 0 ? 'earliest' : `e${after}`,
      })
      const ids = expected(topic, after, seesPrivate)
      await stream.until(ids.split(',').length)
      t.equal(stream.events.map((event) => event.id).join(), ids)
    }),
  )

  await until(() => hub.hub.stats().members === 40)
  t.strictSame(hub.hub.verify(), [])
})

t.test('pages that were trimmed meanwhile are not served from what is kept', async (t) => {
  const hub = await startHub(t, { history_size: count })
  await hub.assembly.log.append(updates)
  const first = await hub.subscribe('match=a', { lastEventId: 'earliest', token: hub.token() })
  const cursor = first.cursors[0] ?? ''
  await first.until(2000)

  await hub.assembly.log.append(updates.map((one) => ({ ...one, id: `new ${one.id}` })))
  await until(() => hub.assembly.log.first === count + 1)
  const late = await hub.subscribe('match=a', { lastEventId: cursor, token: hub.token() })
  await late.until(2001)

  t.equal(late.events[0]?.type, 'mercure', 'the gap is told')
  t.equal(late.events[1]?.id, 'new e1')
})

t.test('what is kept of pages goes with the replays that may share it', async (t) => {
  const hub = await startHub(t, { subscriber_buffer: '64KiB', dispatch_timeout: '0' })
  const large = updates.map((one) => ({ ...one, topics: ['a'], data: 'x'.repeat(25_000) })) // more than a kernel takes
  await hub.assembly.log.append(large)
  await until(() => hub.hub.lag.entries === 0) // else they go live in the midst of it
  const replay = async () => {
    const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })
    await stream.when(({ cursors }) => cursors.length > 0)
    stream.pause()
    await until(() => hub.hub.replaysWaiting === 0)
    return stream
  }

  const first = await replay()
  t.equal(hub.hub.replayPageBytes, 0, 'one replay alone has nobody to share with')
  const second = await replay()
  t.ok(hub.hub.replayPageBytes > 0)
  t.ok(hub.hub.replayPageBytes <= 2 * 1024 * 1024)

  first.reset()
  await hub.untilSubscribers(1)
  t.equal(hub.hub.replayPageBytes, 0)
  second.reset()
})

t.test('a long replay from the disk costs a page and the buffer, and no cache', async (t) => {
  const folder = temporaryFolder(t)
  const log = await LmdbLog.open(folder, { maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const updates = Array.from({ length: 400 }, (_, i) => ({
    id: String(i + 1),
    topics: ['a'],
    data: 'x'.repeat(50_000),
    isPrivate: false,
    type: '',
    retry: '',
  }))
  for (let at = 0; at < updates.length; at += 100) await log.append(updates.slice(at, at + 100))
  await log.close()
  const hub = await startHub(t, { transport_url: `lmdb:${folder}` })

  const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  const most = { pages: 0, cache: 0, pending: 0 }
  stream.socket.on('data', () => {
    most.pages = Math.max(most.pages, hub.hub.replayPageBytes)
    most.cache = Math.max(most.cache, hub.assembly.log.stats().cacheBytes ?? 0)
    most.pending = Math.max(most.pending, hub.hub.pendingBytes().max)
    stream.pause()
    setImmediate(() => stream.resume())
  })
  await stream.until(updates.length)

  t.strictSame({ ...most, pending: 0 }, { pages: 0, cache: 0, pending: 0 })
  t.ok(most.pending < 256 * 1024, `${most.pending} bytes were pending`)
})
