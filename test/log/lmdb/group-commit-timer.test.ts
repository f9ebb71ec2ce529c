import t from 'tap'
import { type Clock, Gathering } from '../../../src/log/lmdb/group-commit-timer.ts'

/** A clock that a test winds: each sleep takes what it says, a turn nothing. `then` runs after each. */
function stage(then: { turn?: () => void; slept?: () => void } = {}) {
  const told = { nowMs: 0, slept: 0, turns: 0 }
  const clock: Clock = {
    now: () => told.nowMs,
    async sleep(ms) {
      told.nowMs += ms
      told.slept++
      then.slept?.()
    },
    async turn() {
      told.turns++
      then.turn?.()
    },
  }
  return { told, gathering: new Gathering(clock) }
}

t.test('a publish after a pause is flushed after the turn that it came in', async (t) => {
  const { told, gathering } = stage()

  for (let n = 0; n < 100; n++) {
    await gathering.gather(() => 1)
    told.nowMs += 20
  }

  t.strictSame([told.turns, told.slept], [100, 0])
})

t.test('while every turn brings more the group grows, up to a full one', async (t) => {
  let count = 1
  const { told, gathering } = stage({ turn: () => (count += 10) })

  await gathering.gather(() => count)

  t.equal(count, 71)
  t.strictSame([told.turns, told.slept], [7, 0])
})

t.test('publishers that send at their own pace share a flush', async (t) => {
  let count = 0
  const { told, gathering } = stage({ slept: () => count++ })
  const groups: number[] = []

  for (let n = 0; n < 20; n++) {
    count = 1
    await gathering.gather(() => count)
    groups.push(count)
    told.nowMs += 1 // the flush
  }

  t.strictSame(
    groups.slice(1),
    Array.from({ length: 19 }, () => 4),
  )
})

t.test('a publisher that waits for its answer is hardly ever kept waiting', async (t) => {
  const { told, gathering } = stage()

  for (let n = 0; n < 10_000; n++) {
    await gathering.gather(() => 1)
    told.nowMs += 1
  }

  t.ok(told.slept > 0, 'it is tried now and then')
  t.ok(told.slept < 150, `${told.slept} ms in 10,000 flushes`)
})
