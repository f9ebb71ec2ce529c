import t from 'tap'
import { FairQueue } from '../../../src/hub/replay/fair-queue.ts'

t.test('owners take turns, each in the order of its own', async (t) => {
  const queue = new FairQueue<string>()
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item[0] ?? '', item)

  const taken = [queue.shift(), queue.shift()]
  queue.push('b', 'b2')
  t.equal(queue.size, 5)
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) taken.push(item)

  t.strictSame(taken, ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3'])
  t.equal(queue.size, 0)
})
