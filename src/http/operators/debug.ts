import { Session } from 'node:inspector/promises'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import type { Hub } from '../../hub/hub.ts'
import { HubError } from '../../protocol/errors.ts'

const mostSubscribers = 1_000
const mostSeconds = 60
/** Between two samples of a profile. No divisor of a millisecond: work that goes by the clock would be seen always, or never. */
const samplingMicros = 370

/**
 * `/debug/…`, for operators: what a hub that behaves oddly is doing.
 *
 * `registry` counts and checks both directions; `subscribers` shows some streams, the ones with most
 * pending bytes first; `heap` and `cpu-profile` are V8's own, the latter a file for a browser's
 * developer tools. Neither tokens nor payloads are shown.
 */
export function debug(app: FastifyInstance, hub: Hub): void {
  app.get('/debug/registry', async () => ({ ...hub.stats(), faults: hub.verify() }))

  app.get('/debug/subscribers', async (request) => {
    const most = numberOf(request.query, 'limit', 20, mostSubscribers)
    return hub.slowest(most).map((subscriber) => ({
      state: subscriber.state,
      position: subscriber.position,
      pendingBytes: subscriber.pendingBytes,
      takenBytes: subscriber.takenBytes,
      address: subscriber.address,
      endsInMs: Number.isFinite(subscriber.endAtMs)
        ? Math.round(subscriber.endAtMs - performance.now())
        : undefined,
      matchers: subscriber.interest.matchers.map(({ type, pattern }) => ({ type, pattern })),
    }))
  })

  app.get('/debug/heap', async () => ({
    ...getHeapStatistics(),
    spaces: getHeapSpaceStatistics(),
    memory: process.memoryUsage(),
  }))

  let isProfiling = false
  app.get('/debug/cpu-profile', async (request, reply) => {
    const seconds = numberOf(request.query, 'seconds', 5, mostSeconds)
    if (isProfiling) throw new HubError('unavailable', 'a profile is being taken already')
    isProfiling = true
    try {
      const profile = await cpuProfile(seconds * 1000)
      return await reply
        .header('content-disposition', 'attachment; filename="cinnabar.cpuprofile"')
        .send(profile)
    } finally {
      isProfiling = false
    }
  })
}

async function cpuProfile(durationMs: number): Promise<object> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: samplingMicros })
    await session.post('Profiler.start')
    await new Promise((resolve) => setTimeout(resolve, durationMs))
    const { profile } = await session.post('Profiler.stop')
    return profile
  } finally {
    session.disconnect()
  }
}

function numberOf(query: unknown, name: string, fallback: number, ceiling: number): number {
  const text = (query as Record<string, unknown>)[name] // what the framework parsed: texts and lists of them
  if (text === undefined) return fallback
  if (typeof text === 'string' && /^\d{1,6}$/.test(text) && Number(text) > 0)
    return Math.min(Number(text), ceiling)
  throw new HubError('invalid_request', `${name}: expected a count from 1 to ${ceiling}`)
}
