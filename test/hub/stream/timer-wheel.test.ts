import { mock } from 'node:test'
import t from 'tap'
import { type Spoke, slotMs, Wheel } from '../../../src/hub/stream/timer-wheel.ts'
import { seeded } from '../../fixtures/until.ts'

class Pin implements Spoke {
  slot = -1
  previous: Spoke | undefined
  next: Spoke | undefined
  readonly name: string
  readonly checkedAtMs: number[] = []

  constructor(name = '') {
    this.name = name
  }
}

let nowMs = 0

t.beforeEach(() => {
  nowMs = 1000
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(performance, 'now', () => nowMs)
})
t.afterEach(() => {
  mock.timers.reset()
  mock.restoreAll()
})

/** Moves both clocks, in steps that timers of one slot can follow. */
function pass(ms: number): void {
  for (const end = nowMs + ms; nowMs < end;) {
    const step = Math.min(10, end - nowMs)
    nowMs += step
    mock.timers.tick(step)
  }
}

function wheel(check: (pin: Pin) => void = () => {}): Wheel<Pin> {
  return new Wheel<Pin>((pin) => {
    pin.checkedAtMs.push(nowMs)
    check(pin)
  })
}

t.test('a spoke is looked at in its slot: never late, at most a slot early', async (t) => {
  const random = seeded(3)
  const pins = Array.from({ length: 200 }, () => ({
    pin: new Pin(),
    atMs: 1000 + random() * 20_000,
  }))
  const turning = wheel()
  for (const { pin, atMs } of pins) turning.schedule(pin, atMs)

  pass(21_000)

  for (const { pin, atMs } of pins) {
    const [seenAtMs = 0] = pin.checkedAtMs
    t.equal(pin.checkedAtMs.length, 1)
    if (seenAtMs > atMs + 11 || seenAtMs < atMs - slotMs - 1) t.fail(`${seenAtMs} for ${atMs}`)
  }
  t.equal(turning.size, 0)
})

t.test('a later date replaces an earlier one, and an earlier one a later', async (t) => {
  const turning = wheel()
  const pin = new Pin()

  turning.schedule(pin, nowMs + 1000)
  turning.schedule(pin, nowMs + 5000)
  pass(2000)
  t.strictSame(pin.checkedAtMs, [])
  turning.schedule(pin, nowMs + 500)
  pass(4000)

  t.equal(pin.checkedAtMs.length, 1)
})

t.test('what is removed is not looked at: first, middle and last of a slot', async (t) => {
  const turning = wheel()
  const pins = Array.from({ length: 5 }, (_, i) => new Pin(String(i)))
  for (const pin of pins) turning.schedule(pin, nowMs + 1000)

  for (const index of [0, 2, 4]) turning.remove(pins[index] as Pin)
  turning.remove(pins[2] as Pin) // twice is harmless
  pass(2000)

  t.strictSame(
    pins.map((pin) => pin.checkedAtMs.length),
    [0, 1, 0, 1, 0],
  )
  t.equal(turning.size, 0)
})

t.test(
  'a check may remove others of its slot, and schedule itself again without holding the turn',
  async (t) => {
    const pins = Array.from({ length: 4 }, (_, i) => new Pin(String(i)))
    const turning = wheel((pin) => {
      if (pin.checkedAtMs.length === 1)
        for (const other of pins) if (other !== pin) turning.remove(other)
      if (pin.checkedAtMs.length < 3) turning.schedule(pin, 0) // long ago
    })
    for (const pin of pins) turning.schedule(pin, nowMs + 100)

    pass(1000)

    t.strictSame(
      pins.map((pin) => pin.checkedAtMs.length).toSorted((a, b) => a - b),
      [0, 0, 0, 3],
    )
    t.equal(turning.size, 0)
  },
)

t.test(
  'a date beyond the horizon, or never, is looked at in between and costs one slot',
  async (t) => {
    const turning = wheel((pin) => turning.schedule(pin, Number.POSITIVE_INFINITY))
    const pin = new Pin()

    turning.schedule(pin, Number.POSITIVE_INFINITY)
    pass(200_000)

    t.equal(pin.checkedAtMs.length, 3)
    t.equal(turning.size, 1)
  },
)

t.test('a check that throws does not stop the wheel', async (t) => {
  const [bad, good] = [new Pin('bad'), new Pin('good')]
  const turning = wheel((pin) => {
    if (pin === bad) throw new Error('bad')
  })
  turning.schedule(bad, nowMs + 100)
  turning.schedule(good, nowMs + 300)

  t.throws(() => pass(200), { message: 'bad' })
  pass(500)

  t.equal(good.checkedAtMs.length, 1)
})

t.test('a closed wheel has no timer left', async (t) => {
  const turning = wheel()
  const pin = new Pin()
  turning.schedule(pin, nowMs + 100)

  turning.close()
  pass(1000)

  t.strictSame(pin.checkedAtMs, [])
  t.equal(turning.size, 0)
})

t.test('many who are due at once are looked at over several turns, each once', (t) => {
  const looks: string[] = []
  const it = new Wheel<Pin>((pin) => {
    looks.push(pin.name)
    nowMs += 0.1
  })
  t.teardown(() => it.close())
  for (let i = 0; i < 1_000; i++) it.schedule(new Pin(String(i)), nowMs + 100)
  let most = 0
  for (let turns = 0; it.size > 0 && turns < 10_000; turns++) {
    const before = looks.length
    nowMs += 1
    mock.timers.tick(1)
    most = Math.max(most, looks.length - before)
  }
  t.ok(most < 100, `${most} of 1,000 in one turn`)
  t.equal(new Set(looks).size, 1_000)
  t.equal(looks.length, 1_000)
  t.end()
})
