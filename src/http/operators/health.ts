import type { FastifyInstance } from 'fastify'
import type { Hub } from '../../hub/hub.ts'
import type { FileLimit } from '../connection/connection-limit.ts'

/** Whether something is as it should be; otherwise why not. */
export interface Condition {
  readonly isOk: boolean
  readonly problem?: string | undefined
}

/** Whom the health endpoints ask: a hub in this process, or several workers. */
export interface HealthSource {
  /** The event loop turns, streams are served, and listeners answer. */
  live(): Condition | Promise<Condition>
  /** Publishes and streams would be taken. */
  ready(): Condition | Promise<Condition>
}

/**
 * The health of a hub in this process. That its loop turns is shown by answering; a blocked one does
 * not, and the time-out of whoever asks says so.
 */
export function healthOf(
  hub: Hub,
  files?: FileLimit,
  selfCheck?: { readonly condition: Condition },
): HealthSource {
  return {
    live: async () =>
      (await hub.isLive())
        ? (selfCheck?.condition ?? { isOk: true })
        : { isOk: false, problem: 'the dispatcher does not deliver' },
    async ready() {
      const { isReady, reason } = await hub.readiness()
      if (isReady && (await files?.isReached()) !== true) return { isOk: true }
      return { isOk: false, problem: reason ?? 'as many files are open as may be' }
    },
  }
}

/** `/health/live` and `/health/ready`, for orchestrators: 200 or 503, JSON, no secrets. */
export function health(app: FastifyInstance, source: HealthSource): void {
  const routes = { '/health/live': 'live', '/healthz': 'live', '/health/ready': 'ready' } as const
  for (const [path, question] of Object.entries(routes))
    app.get(path, async (_request, reply) => {
      const { isOk, problem } = await source[question]()
      if (isOk) return { status: 'ok' }
      return reply.code(503).send({ status: 'error', error: problem })
    })
}
