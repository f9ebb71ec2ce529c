import t from 'tap'
import { Dispatcher } from '../../../src/hub/dispatch/dispatcher.ts'
import { Liveness } from '../../../src/hub/dispatch/liveness.ts'
import { MemoryLog } from '../../../src/log/memory/memory-log.ts'
import { Grants } from '../../../src/protocol/grants.ts'
import { compileMatcher } from '../../../src/protocol/matcher.ts'
import type { Cohort, Member } from '../../../src/registry/cohort.ts'
import { Interest } from '../../../src/registry/interest.ts'
import { Intermission } from '../../../src/hub/dispatch/yielding.ts'
import { Registry } from '../../../src/registry/registry.ts'

const members = 1_000
const hubUrl = 'https://hub.example/.well-known/mercure'
const update = { id: 'x', type: '', topics: ['a'], data: '', isPrivate: false, retry: '' }

t.test('a probe comes through in the midst of a long pass', async (t) => {
  let served = 0
  class Slow implements Member {
    position = 0
    seat = -1
    cohort: Cohort | undefined = undefined

    deliver(): void {
      this.position = 1
      served++
      const end = performance.now() + 0.2
      while (performance.now() < end);
    }
  }
  const fail = (error: unknown) => t.fail(String(error))
  const log = new MemoryLog({ maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const registry = new Registry({ shards: 1, matchCacheEntries: 10 })
  const interest = new Interest([compileMatcher('exact', 'a', hubUrl)], Grants.none)
  for (let i = 0; i < members; i++) registry.join(new Slow(), interest)
  let end = () => {}
  const over = new Promise<void>((resolve) => (end = resolve))
  const dispatcher = new Dispatcher(log, registry, {
    maxBytesPerPass: 1e6,
    intermission: new Intermission(),
    onLost: fail,
    onControl: fail,
    onPass: () => end(),
    onLostNotices: fail,
    onReset: fail,
    onError: fail,
    onFailure: (_member, error) => fail(error),
  })

  void log.append([update])
  while (served === 0) await new Promise((resolve) => setImmediate(resolve))
  await new Promise<void>((resolve) => dispatcher.probe(resolve))

  t.ok(served < members / 2, `answered after ${served} of ${members} were served`)
  await over
  t.equal(served, members)
  dispatcher.close()
})

t.test('who asks is answered from the last probe, and waits for none', async (t) => {
  const asked: (() => void)[] = []
  const liveness = new Liveness((answered) => asked.push(answered))
  t.teardown(() => liveness.close())

  const first = liveness.isLive()
  asked.shift()?.()

  t.equal(await first, true)
  t.equal(await liveness.isLive(), true)
  t.strictSame(asked, [])
})
