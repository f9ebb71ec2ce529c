import t from 'tap'
import { Backoff, retryAfterMs } from '../../../src/cli/client/backoff.ts'

const lowest = () => 0
const highest = () => 1

t.test('a cut waits the reconnection time, spread over its upper half', async (t) => {
  const shortest = new Backoff(lowest)
  const longest = new Backoff(highest)

  t.strictSame([shortest.afterCut(), longest.afterCut()], [500, 1000])
  longest.retryMs = 4000
  t.strictSame([longest.afterCut(), longest.afterCut()], [4000, 4000])
})

t.test('failures in a row double the wait up to a minute, and success starts over', async (t) => {
  const backoff = new Backoff(highest)
  const waits = Array.from({ length: 8 }, () => backoff.afterFailure())

  t.strictSame(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  backoff.succeeded()
  t.equal(backoff.afterFailure(), 1000)
})

t.test('a reconnection time above a minute is kept', async (t) => {
  const backoff = new Backoff(highest)
  backoff.retryMs = 90_000

  t.strictSame([backoff.afterFailure(), backoff.afterFailure()], [90_000, 90_000])
})

t.test('Retry-After is waited for, and a little longer', async (t) => {
  t.equal(new Backoff(lowest).afterFailure(10_000), 10_000)
  t.equal(new Backoff(highest).afterFailure(10_000), 12_500)
  t.equal(new Backoff(highest).afterFailure(10), 1000)
})

t.test(
  'no wait is so short that it becomes a loop, or so long that a timer fires at once',
  async (t) => {
    const backoff = new Backoff(highest)
    backoff.retryMs = 0
    t.equal(backoff.afterCut(), 50)
    backoff.retryMs = Number('9'.repeat(20))

    t.strictSame(
      [backoff.afterCut(), backoff.afterFailure(), new Backoff(highest).afterFailure(1e15)],
      [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1],
    )
  },
)

t.test('Retry-After is seconds or a date', async (t) => {
  const now = Date.parse('2026-11-24T00:00:00Z')
  const headers = [
    '5',
    '0',
    'Tue, 24 Nov 2026 00:00:07 GMT',
    'Mon, 23 Nov 2026 00:00:00 GMT',
    'soon',
  ]

  t.strictSame(
    [undefined, ...headers].map((header) => retryAfterMs(header, now)),
    [0, 5000, 0, 7000, 0, 0],
  )
})
