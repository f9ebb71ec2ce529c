import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { until } from '../../fixtures/until.ts'

/** More than the kernel takes at once (5.6 MB on loopback), so that the rest goes at the reader's pace. */
const updates = 80
const data = 'x'.repeat(100_000)

function append(hub: TestHub): Promise<unknown> {
  return hub.assembly.log.append(
    Array.from({ length: updates }, (_, i) => ({
      id: String(i),
      topics: ['big'],
      data,
      isPrivate: false,
      type: '',
      retry: '',
    })),
  )
}

/** Reads steadily, and no faster. Returns the function that ends it, with the stream paused or not. */
function readAt(stream: SseClient, kilobytesPerSecond: number): () => void {
  let isSlow = true
  stream.socket.on('data', (bytes: Buffer) => {
    if (!isSlow) return
    stream.pause()
    setTimeout(() => stream.resume(), bytes.length / kilobytesPerSecond)
  })
  return () => (isSlow = false)
}

t.test('who reads slowly and steadily is not stalled; who reads no more is', async (t) => {
  const hub = await startHub(t, {
    dispatch_timeout: '3s',
    subscriber_buffer: '64MiB',
    heartbeat: '0',
  })
  await append(hub)

  // The kernel has room again, and says so, after 3.5 s: later than the time-out.
  const stream = await hub.subscribe('match=big', { lastEventId: 'earliest' })
  const readFast = readAt(stream, 400)
  await until(() => hub.hub.stats().replaying === 0)
  t.strictSame(await hub.closes(), {})
  readFast()
  await stream.until(updates)

  stream.pause()
  await append(hub)
  await hub.untilSubscribers(0)
  t.strictSame(await hub.closes(), { stalled: 1 })
  t.equal(stream.events.length, updates)
  stream.reset()
})

t.test('a hub that was held up itself takes nobody for stalled', async (t) => {
  const hub = await startHub(t, {
    dispatch_timeout: '1s',
    subscriber_buffer: '64MiB',
    heartbeat: '0',
  })
  await append(hub)
  const stream = await hub.subscribe('match=big', { lastEventId: 'earliest' })
  stream.pause()
  await until(() => hub.hub.pendingBytes().sum > 0)

  stream.resume()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000) // as a suspended machine does

  await stream.until(updates)
  t.strictSame(await hub.closes(), {})
})
