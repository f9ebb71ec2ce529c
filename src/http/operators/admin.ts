import type { FastifyInstance } from 'fastify'
import type { Hub } from '../../hub/hub.ts'
import { type AdminGuard, operatorsOnly, refuseBrowsers } from './guard.ts'
import { debug } from './debug.ts'
import { type AdminAnswer, type AdminRequest, forwardRest } from './forward.ts'
import { console, type ConsoleOptions } from './console/routes.ts'
import { history } from './console/history.ts'
import { health, type HealthSource } from './health.ts'
import { kick, type KickOptions } from './kick.ts'
import type { Log } from '../../log/log.ts'
import { serveDoor } from '../page/assets.ts'
import { bareServer } from '../server.ts'

/** What `/metrics` shows: of this process, or of several. */
export interface MetricsSource {
  readonly contentType: string
  text(): Promise<string>
}

export interface AdminOptions extends AdminGuard {
  readonly metrics: MetricsSource
  readonly health: HealthSource
  /** The hub of this process, for `/debug`; absent where hubs are in other processes. */
  readonly hub?: Hub | undefined
  /** What that hub has stored. */
  readonly history?: Log | undefined
  /** What the console shows. */
  readonly console?: ConsoleOptions | undefined
  /** Closes streams, of all hubs on the log. */
  readonly kick?: KickOptions | undefined
  /** Has a hub of another process answer what this one cannot. */
  readonly forward?: ((request: AdminRequest) => Promise<AdminAnswer>) | undefined
}

/** Operators' requests are small, and scrapers keep their connection. */
const connections = {
  maxHeaderBytes: 16 * 1024,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
}

/**
 * The operators' surface, on a listener of its own: health for everybody, metrics for everything but
 * browsers, and what reveals or changes something for operators.
 */
export function adminServer(options: AdminOptions): FastifyInstance {
  const app = bareServer(connections)
  health(app, options.health)
  options.console?.source.start() // before anybody looks
  app.addHook('onClose', async () => options.console?.source.stop())
  void app.register(async (guarded) => {
    guarded.addHook('onRequest', refuseBrowsers(options))
    metrics(guarded, options.metrics)
    if (options.console !== undefined) await serveDoor(guarded, '/', 'console')
    void guarded.register(async (operators) => {
      operators.addHook('onRequest', operatorsOnly(options))
      if (options.hub !== undefined) debug(operators, options.hub)
      if (options.console !== undefined) console(operators, options.health, options.console)
      if (options.hub !== undefined && options.history !== undefined)
        history(operators, options.hub, options.history)
      if (options.kick !== undefined) kick(operators, options.kick)
      if (options.forward !== undefined) forwardRest(operators, options.forward)
    })
  })
  return app
}

function metrics(app: FastifyInstance, metrics: MetricsSource): void {
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}
