import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { assemble, type Assembly } from '../../app/assemble.ts'
import type { Settings } from '../../config/settings.ts'
import { type AdminOptions, adminServer } from '../../http/operators/admin.ts'
import type { RecentLines } from '../../http/operators/console/recent-lines.ts'
import { hubServer, listen } from '../../http/server.ts'
import { playgroundTokens } from '../tokens/playground-token.ts'
import { version } from '../version.ts'

/** A hub that serves, whether by one process or by several. */
export interface RunningHub {
  readonly url: string
  readonly adminUrl: string | undefined
  /** @throws Error naming option, rule and value; nothing has changed then */
  renew(settings: Settings): Promise<void>
  /** Lets streams go over `drainMs`, then ends everything. */
  close(drainMs: number): Promise<void>
}

/** Starts a hub in this process, with its listeners. */
export async function startHub(
  settings: Settings,
  logger: Logger,
  lines?: RecentLines,
): Promise<RunningHub> {
  const assembly = await assemble(settings, logger)
  const hub = serverOf(settings, assembly)
  const url = await listen(hub, settings.host, settings.port)
  const { adminHost, adminPort } = settings
  const admin = adminPort === 'off' ? undefined : adminServer(operatorsOf(assembly, lines))
  const adminUrl =
    admin && adminPort !== 'off' ? await listen(admin, adminHost, adminPort) : undefined
  assembly.selfCheck.watch('public', hub.server.address() as AddressInfo)
  if (admin !== undefined) assembly.selfCheck.watch('admin', admin.server.address() as AddressInfo)
  return {
    url,
    adminUrl,
    renew: (next) => assembly.renew(next),
    async close(drainMs) {
      await assembly.close(drainMs)
      await hub.close()
      await admin?.close()
    },
  }
}

/** The operators' surface, with what only the process knows. */
function operatorsOf({ admin }: Assembly, lines?: RecentLines): AdminOptions {
  if (admin.console === undefined) return admin
  return { ...admin, console: { ...admin.console, lines, version: version() } }
}

/** The public surface of a hub of its own, not listening yet. */
export function serverOf(settings: Settings, { plugin }: Assembly): FastifyInstance {
  const { anonymous, subscriptions, cookieName } = settings
  return hubServer({
    ...plugin,
    host: settings.host,
    port: settings.port,
    maxHeaderBytes: settings.maxHeaderBytes,
    page: settings.debugger
      ? {
          isPlayground: settings.playground,
          anonymous,
          subscriptions,
          cookieName,
          isOneOfSeveral: settings.workers !== 1,
          version: version(),
          tokenFor: playgroundTokens(settings),
        }
      : undefined,
  })
}
