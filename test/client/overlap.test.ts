import t from 'tap'
import { Overlap } from '../../src/client/overlap.ts'

/** The ids that are news, of those that come. */
const news = (overlap: Overlap, ids: readonly string[]) => ids.filter((id) => !overlap.isDouble(id))

t.test(
  'what came while a successor was opened is dropped once, also when ids repeat',
  async (t) => {
    const overlap = new Overlap()
    news(overlap, ['before'])
    overlap.keep()
    news(overlap, ['x', 'x', '1'])
    overlap.begin()

    t.strictSame(news(overlap, ['x', 'new', 'x', '1', 'x', '1']), ['new', 'x', '1'])
  },
)

t.test('what the successor may not see does not hide what it sees', async (t) => {
  const overlap = new Overlap()
  overlap.keep()
  news(overlap, ['1', '2', '3'])
  overlap.begin()

  t.strictSame(news(overlap, ['1', '3', '4']), ['4'])
  t.strictSame(news(overlap, ['2']), ['2'])
})

t.test(
  'a stream that ends before it has brought all leaves the rest to the next one',
  async (t) => {
    const overlap = new Overlap()
    overlap.keep()
    news(overlap, ['1', '2'])
    overlap.begin()
    t.strictSame(news(overlap, ['1']), [])
    overlap.begin()

    t.strictSame(news(overlap, ['2', '3']), ['3'])
  },
)

t.test('when more came than is remembered it says so', async (t) => {
  const overlap = new Overlap()
  overlap.keep()
  news(
    overlap,
    Array.from({ length: 9999 }, (_, n) => String(n)),
  )
  t.notOk(overlap.isFull)
  news(overlap, ['one more'])
  t.ok(overlap.isFull)
})
