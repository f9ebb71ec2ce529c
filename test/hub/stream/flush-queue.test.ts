import t from 'tap'
import { Intermission } from '../../../src/hub/dispatch/yielding.ts'
import { type Refillable, Refills } from '../../../src/hub/stream/flush-queue.ts'

/** A stream whose refill keeps the event loop busy for some time. */
class Slow implements Refillable {
  readonly #done: (stream: Slow) => void
  readonly #ms: number

  constructor(ms: number, done: (stream: Slow) => void) {
    this.#ms = ms
    this.#done = done
  }

  refill(): void {
    const end = performance.now() + this.#ms
    while (performance.now() < end);
    this.#done(this)
  }
}

const unexpected = (_stream: Refillable, error: unknown) => {
  throw error
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

t.test(
  'who has room in one moment is served over many turns, in the order of asking',
  async (t) => {
    const refills = new Refills(unexpected)
    const served: Slow[] = []
    const streams = Array.from({ length: 1_000 }, () => new Slow(0.1, (one) => served.push(one)))
    for (const stream of streams) refills.push(stream)
    t.equal(served.length, 0, 'nobody is served while others still ask')
    let turns = 0
    for (; refills.waiting > 0; turns++) await turn()
    t.ok(turns >= 5, `100 ms of work took ${turns} turns of the event loop`)
    t.strictSame(served, streams)
  },
)

t.test('who asks twice before its turn is served once, and after it again', async (t) => {
  const refills = new Refills(unexpected)
  const served: string[] = []
  const make = (name: string) => new Slow(0, () => served.push(name))
  const [one, other] = [make('one'), make('other')]
  for (const stream of [one, other, one]) refills.push(stream)
  await turn()
  refills.push(one)
  t.equal(refills.waiting, 1)
  await turn()
  t.equal(refills.waiting, 0)
  t.strictSame(served, ['one', 'other', 'one'])
})

t.test('a stream that asks again while it is served waits for another turn', async (t) => {
  const refills = new Refills(unexpected)
  let served = 0
  const greedy = new Slow(3, (self) => {
    if (++served < 10) refills.push(self)
  })
  refills.push(greedy)
  await turn()
  t.ok(served < 10, 'others had a turn')
  while (refills.waiting > 0) await turn()
  t.equal(served, 10)
})

t.test(
  'what is new waits until those are served who have room again, but not for ever',
  async (t) => {
    const refills = new Refills(unexpected)
    const intermission = new Intermission(refills)
    let served = 0
    for (let i = 0; i < 300; i++) refills.push(new Slow(0.1, () => served++))
    await intermission.turn()
    t.equal(served, 300)

    let isOver = false
    const endless = new Slow(1, (self) => {
      if (!isOver) refills.push(self)
    })
    refills.push(endless)
    await intermission.turn()
    t.equal(refills.waiting, 1)
    isOver = true
  },
)

t.test('a stream that throws is told, and costs nobody else a turn', async (t) => {
  const failures: [Refillable, unknown][] = []
  const refills = new Refills((stream, error) => failures.push([stream, error]))
  const error = new Error('broken')
  const broken = {
    refill: () => {
      throw error
    },
  }
  let served = 0
  refills.push(broken)
  refills.push(new Slow(0, () => served++))
  await turn()
  refills.push(new Slow(0, () => served++))
  await turn()
  t.strictSame(failures, [[broken, error]])
  t.equal(served, 2)
})
