import t from 'tap'
import { Backoff, retryAfterMs } from '../../src/client/backoff.ts'

const lowest = () => 0
const highest = () => 1
const aMinute = 60_000

t.test('after a stream the hub’s reconnection time is waited, which it has spread', async (t) => {
  const backoff = new Backoff(lowest)
  backoff.retryMs = 4000

  t.strictSame([backoff.afterStream(aMinute), backoff.afterStream(aMinute)], [4000, 4000])
})

t.test('failures in a row double the range of the wait, up to half a minute', async (t) => {
  const longest = new Backoff(highest)
  const shortest = new Backoff(lowest)

  t.strictSame(
    Array.from({ length: 7 }, () => longest.afterFailure()),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  )
  t.strictSame(
    Array.from({ length: 3 }, () => shortest.afterFailure()),
    [50, 50, 50],
  )
})

t.test(
  'a stream that lived for a minute makes up for failures, a shorter one does not',
  async (t) => {
    const backoff = new Backoff(highest)
    backoff.retryMs = 1000
    backoff.afterFailure()

    t.equal(backoff.afterStream(aMinute - 1), 2000)
    t.equal(backoff.afterStream(aMinute), 1000)
  },
)

t.test('a reconnection time above half a minute is kept', async (t) => {
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
    t.equal(backoff.afterStream(aMinute), 50)
    backoff.retryMs = Number('9'.repeat(20))

    t.strictSame(
      [
        backoff.afterStream(aMinute),
        backoff.afterFailure(),
        new Backoff(highest).afterFailure(1e15),
      ],
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
    [undefined, null, ...headers].map((header) => retryAfterMs(header, now)),
    [0, 0, 5000, 0, 7000, 0, 0],
  )
})
