import type { FastifyInstance } from 'fastify'
import { HubError } from '../../../protocol/errors.ts'
import type { HealthSource } from '../health.ts'
import { parameter, wholeNumber } from './query.ts'
import type { RecentLines } from './recent-lines.ts'
import { fieldNames } from './samples.ts'
import type { ConsoleSource, Now, Stats } from './source.ts'
import { troublesOf } from './verdict.ts'

export interface ConsoleOptions {
  readonly source: ConsoleSource
  /** Warnings and errors of the log; absent where another process has them. */
  readonly lines?: RecentLines | undefined
  readonly version?: string
}

/** Streams of one answer. */
const mostStreams = 1_000
/** Answers a second, for all who look together: a page takes two, a terminal one. */
const mostAnswers = 40
/** What a verdict needs. */
const judgedS = 60

/**
 * What the console, `cinnabar status` and `cinnabar top` ask: samples, verdict and log lines; streams; and
 * the bare facts of one process, for the process that started it.
 *
 * Whoever looks asks once a second. More lookers than the hub has time for are refused, and ask again.
 */
export function console(app: FastifyInstance, health: HealthSource, options: ConsoleOptions): void {
  const { source, lines, version = '' } = options
  const startedAtMs = Date.now() - process.uptime() * 1000
  const admit = pace(mostAnswers)
  app.get('/debug/stats', async ({ query }): Promise<Stats> => {
    admit()
    const afterS = wholeNumber(query, 'after', 0)
    const nowS = Math.floor(Date.now() / 1000)
    const [condition, found] = await Promise.all([
      health.ready(),
      source.facts(Math.min(afterS, nowS - judgedS)),
    ])
    const { samples, ...facts } = found
    const circumstances = {
      ...facts,
      isReady: condition.isOk,
      problem: condition.problem,
    }
    const now: Now = {
      ...circumstances,
      version,
      startedAtMs,
      atMs: Date.now(),
      troubles: troublesOf({ ...circumstances, recent: samples.slice(-judgedS) }),
    }
    return {
      now,
      fields: fieldNames,
      samples: samples.filter(([atS]) => atS > afterS),
      lines: lines?.after(wholeNumber(query, 'lines', 0)) ?? [],
    }
  })
  app.get('/debug/streams', async ({ query }) => {
    admit()
    const most = Math.max(1, wholeNumber(query, 'limit', 200, mostStreams))
    const search = (parameter(query, 'search') ?? '').toLowerCase()
    return source.streams({ most, search })
  })
  app.get('/debug/facts', async ({ query }) => source.facts(wholeNumber(query, 'after', 0)))
}

function pace(mostPerSecond: number): () => void {
  let [second, count] = [0, 0]
  return () => {
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) [second, count] = [now, 0]
    if (++count <= mostPerSecond) return
    const options = { retryAfterSeconds: 1 }
    const sentence = `too many people look at once: the hub answers ${mostPerSecond} times a second`
    throw new HubError('unavailable', sentence, options)
  }
}
