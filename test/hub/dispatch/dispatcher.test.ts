import t, { type Test } from 'tap'
import { Hub } from '../../../src/hub/hub.ts'
import type { Subscriber } from '../../../src/hub/stream/subscriber.ts'
import type { LogReset } from '../../../src/log/log.ts'
import { MemoryLog } from '../../../src/log/memory/memory-log.ts'
import { Grants } from '../../../src/protocol/grants.ts'
import { compileMatcher } from '../../../src/protocol/matcher.ts'
import type { Update } from '../../../src/protocol/update.ts'
import type { Wire, WireListener } from '../../../src/hub/stream/outbox.ts'
import { turns } from '../../fixtures/until.ts'

/** A wire whose peer takes bytes when it is told to. */
class SlowWire implements Wire {
  readonly framing = 'plain'
  pendingBytes = 0
  takenBytes = 0
  text = ''
  isDestroyed = false
  #listener: WireListener | undefined

  write(bytes: Buffer): void {
    this.text += bytes.toString()
    this.pendingBytes += bytes.length
  }

  takeAll(): void {
    this.takenBytes += this.pendingBytes
    this.pendingBytes = 0
    this.#listener?.drained()
  }

  finish(): void {}

  destroy(): void {
    this.isDestroyed = true
  }

  listen(listener: WireListener): void {
    this.#listener = listener
  }

  get ids(): string[] {
    return [...this.text.matchAll(/^id: (\d+)$/gm)].map(([, id = '']) => id)
  }
}

const matcher = compileMatcher('exact', 'a', 'http://localhost/.well-known/mercure')

/** A log that says on demand that it lost what was read. */
class ForgetfulLog extends MemoryLog {
  forget: (reset: LogReset) => void = () => {}

  onReset(told: (reset: LogReset) => void): () => void {
    this.forget = told
    return () => {}
  }
}

function open(t: Test) {
  const log = new ForgetfulLog({ maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const hub = new Hub({
    log,
    heartbeatMs: 0,
    writeTimeoutMs: 0,
    dispatchTimeoutMs: 0,
    subscriberBufferBytes: 1000,
    maxSubscribers: 0,
    maxSubscribersPerToken: 0,
    maxSubscribersPerAddress: 0,
    maxFrameBytes: 0,
    registryShards: 1,
    matchCacheEntries: 10,
    cursorLines: false,
  })
  t.teardown(() => hub.close())
  const subscribe = (isPlain = false): { wire: SlowWire; subscriber: Subscriber } => {
    const wire = new SlowWire()
    const subscriber = hub.subscribe(wire, { matchers: [matcher], grants: Grants.none, isPlain })
    wire.takeAll()
    return { wire, subscriber }
  }
  const updates = (...ids: number[]): Update[] =>
    ids.map((id) => ({
      id: String(id),
      topics: ['a'],
      data: 'x'.repeat(600),
      isPrivate: false,
      type: '',
      retry: '',
    }))
  return { hub, log, subscribe, updates }
}

t.test('who is over its budget is closed as slow and removed in the same tick', async (t) => {
  const closes: string[] = []
  const { hub, log, subscribe, updates } = open(t)
  const { wire, subscriber } = subscribe()
  const other = subscribe()

  await log.append(updates(1))
  await turns()
  other.wire.takeAll()
  other.subscriber.deliver = function (batch) {
    closes.push(
      `${subscriber.state} ${String(subscriber.cohort === undefined)} ${hub.subscriberCount}`,
    )
    this.position = batch.to
  }
  await log.append(updates(2))
  await turns()

  t.strictSame(
    closes,
    ['closed true 1'],
    'in the pass that found it, before the next member’s turn',
  )
  t.equal(wire.isDestroyed, true)
  t.strictSame(wire.ids, ['1'])
  t.strictSame(hub.verify(), [])
})

t.test(
  'who is over its budget because the hub lagged reads on from the log, to the last page',
  async (t) => {
    const { hub, log, subscribe, updates } = open(t)
    const { wire, subscriber } = subscribe()

    await log.append(updates(1, 2))
    await turns(20)

    t.equal(subscriber.state, 'replaying', 'two pages came at once: that was the hub’s doing')
    for (let i = 0; i < 5; i++) {
      wire.takeAll()
      await turns()
    }
    t.strictSame(wire.ids, ['1', '2'])
    t.equal(subscriber.state, 'live')
    await log.append(updates(3))
    await turns()
    t.strictSame(wire.ids, ['1', '2', '3'])
    t.strictSame(hub.verify(), [])
  },
)

t.test('a history that lost what was read is a gap to all but plain streams', async (t) => {
  const { log, subscribe, updates } = open(t)
  const [plain, other] = [subscribe(true), subscribe()]
  await log.append(updates(1))
  await turns()
  for (const { wire } of [plain, other]) wire.takeAll()

  log.forget({ resumeAfter: 1, lost: 1 })
  await log.append(updates(2))
  await turns()

  t.match(other.wire.text, /id: 1\n[^]*event: mercure\ndata: \{"type":"gap"[^]*id: 2\n/)
  t.notMatch(plain.wire.text, /mercure/)
  t.strictSame(plain.wire.ids, ['1', '2'])
})
