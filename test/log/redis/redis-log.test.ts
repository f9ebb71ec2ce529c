import t, { type Test } from 'tap'
import type { Retention } from '../../../src/log/log.ts'
import { RedisLog } from '../../../src/log/redis/redis-log.ts'
import { RedisServer } from '../../fixtures/redis.ts'
import { logContract, unlimited } from '../contract.ts'

const server = await RedisServer.start(t)
let prefixes = 0

async function open(t: Test, retention: Partial<Retention> = {}, prefix = `p${++prefixes}`) {
  const log = await RedisLog.open(`${server.url}?prefix=${prefix}`, { ...unlimited, ...retention })
  t.teardown(() => log.close())
  return log
}

logContract(t, (t, retention) => open(t, retention))

t.test(
  'who follows steady traffic has never waited longer than there is to wait for',
  async (t) => {
    const [writer, follower] = [await open(t, {}, 'steady'), await open(t, {}, 'steady')]
    let isOver = false
    const writing = (async () => {
      for (let i = 0; !isOver; i++)
        await Promise.all(
          Array.from({ length: 50 }, (_, n) => writer.append([updateOf(`${i}-${n}`)])),
        )
    })()
    const seen = new Set<boolean>()
    const until = performance.now() + 4_000 // some of the looks that are taken once a second
    while (performance.now() < until) {
      const { unseen = 0, unseenMs = 0 } = follower.stats()
      if (unseen === 0) seen.add(unseenMs > 0)
      await new Promise((resolve) => setImmediate(resolve))
    }
    isOver = true
    await writing

    t.strictSame([...seen], [false])
  },
)

function updateOf(id: string) {
  return { id, topics: ['a'], data: '', type: '', retry: '', isPrivate: false }
}
