import type { RedisOptions } from '../log/redis/redis-log.ts'
import type { Logger } from 'pino'

/** A Redis that is away fails several times a second; the log says so at most this often. */
const troubleEveryMs = 30_000

/** One line when Redis cannot be used, again while that lasts, and one when it can. */
export function troubleOf(
  teller: Pick<Logger, 'info' | 'error'>,
): Pick<RedisOptions, 'onTrouble' | 'onRecovered'> {
  let problem = ''
  let toldAtMs = Number.NEGATIVE_INFINITY
  return {
    onTrouble: (found) => {
      const nowMs = performance.now()
      if (nowMs - toldAtMs < troubleEveryMs) return
      problem = found
      toldAtMs = nowMs
      teller.error({ problem }, 'the history in Redis cannot be used')
    },
    onRecovered: (brokenMs) => {
      if (problem !== '') teller.info({ brokenMs: Math.round(brokenMs) }, 'the history in Redis can be used again') // prettier-ignore
      problem = ''
    },
  }
}
