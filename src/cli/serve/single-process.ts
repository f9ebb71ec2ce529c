import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { assemble, type Assembly } from '../../app/assemble.ts'
import type { Settings } from '../../config/settings.ts'
import { type AdminOptions, adminServer } from '../../http/operators/admin.ts'
import type { RecentLines } from '../../http/operators/console/recent-lines.ts'
import { hubServer, listen } from '../../http/server.ts'
import { listeningAt } from '../../net/listen-problem.ts'
import { playgroundTokens } from '../tokens/playground-token.ts'
import { version } from '../version.ts'

/** A hub that serves, whether by one process or by several. */
export interface RunningHub {
  readonly url: string
  readonly adminUrl: string | undefined
  /** Streams that are open now; with several processes, connections. */
  readonly streams: number
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
  const admin = settings.adminPort === 'off' ? undefined : adminServer(operatorsOf(assembly, lines))
  const close = async (drainMs: number) => {
    await assembly.close(drainMs)
    await hub.close()
    await admin?.close()
  }
  try {
    const adminUrl = await listenForOperators(admin, settings) // without it nothing is served
    const { host, port } = settings
    const place = { host, port, hostOption: 'host', portOption: 'port' } as const
    const url = await listeningAt(place, () => listen(hub, host, port))
    assembly.selfCheck.watch('public', hub.server.address() as AddressInfo)
    if (adminUrl !== undefined && admin !== undefined)
      assembly.selfCheck.watch('admin', admin.server.address() as AddressInfo)
    return {
      url,
      adminUrl,
      get streams() {
        return assembly.hub.subscriberCount
      },
      renew: (next) => assembly.renew(next),
      close,
    }
  } catch (error) {
    await close(0)
    throw error
  }
}

async function listenForOperators(
  admin: FastifyInstance | undefined,
  { adminHost: host, adminPort: port }: Settings,
): Promise<string | undefined> {
  if (admin === undefined || port === 'off') return undefined
  const place = { host, port, hostOption: 'admin_host', portOption: 'admin_port' } as const
  return listeningAt(place, () => listen(admin, host, port))
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
