import type { FastifyInstance } from 'fastify'
import type { Hub } from '../hub/hub.ts'
import type { FileLimit } from './file-limit.ts'

/**
 * `/health/live` and `/health/ready`, for orchestrators: 200 or 503, JSON, no secrets.
 *
 * Live says that the event loop turns, which answering shows; ready, that publishes and streams
 * would be taken.
 */
export function health(app: FastifyInstance, hub: Hub, files?: FileLimit): void {
  const live = async () => ({ status: 'ok' })
  app.get('/health/live', live)
  app.get('/healthz', live)
  app.get('/health/ready', async (_request, reply) => {
    const { isReady, reason } = hub.readiness()
    if (isReady && (await files?.isReached()) !== true) return { status: 'ok' }
    return reply
      .code(503)
      .send({ status: 'error', error: reason ?? 'as many files are open as may be' })
  })
}
