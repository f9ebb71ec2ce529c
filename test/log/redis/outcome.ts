import type { RedisLog } from '../../../src/log/redis/redis-log.ts'
import { HubError } from '../../../src/protocol/errors.ts'
import { update } from '../contract.ts'

/**
 * Appends, and says how it ended: `stored`, the code of the refusal, or `too late` after more than 5 s.
 *
 * The log's own timers are due before this one, and so fire before it on a machine that stands still.
 */
export async function outcome(log: RedisLog, id: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('too late'), 5_500)
  })
  try {
    return await Promise.race([ended(log, id), tooLate])
  } finally {
    clearTimeout(timer)
  }
}

async function ended(log: RedisLog, id: string): Promise<string> {
  try {
    return (await log.append([update(id)])).outcome
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return error.code
  }
}
