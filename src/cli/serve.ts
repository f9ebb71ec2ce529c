import type { Logger } from 'pino'
import { worstCaseMemory } from '../config/memory.ts'
import { ConfigError, type Loaded, loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { adminServer } from '../http/admin.ts'
import { hubServer, listen } from '../http/server.ts'
import { assemble, type Assembly } from '../app/assemble.ts'
import { reload } from '../app/reload.ts'
import { openLogger } from './logger.ts'
import { playgroundTokens } from './playground-token.ts'

const configurationError = 2
const runtimeFailure = 1
/** How long after the drain time the process may still take to end. */
const graceMs = 2_000

/** `cinnabar serve`: runs the hub until a signal ends it. Resolves with the exit code. */
export async function serve(argv: readonly string[]): Promise<number> {
  const loaded = load(argv)
  if (loaded === undefined) return configurationError
  const { settings, warnings } = loaded
  const logger = openLogger(settings)
  for (const warning of warnings) logger.warn(warning)
  logger.info({ bounds: worstCaseMemory(settings) }, 'worst-case memory')
  if (settings.playground)
    logger.warn(
      'insecure: this is the playground, with a public key; it is for trying, not for serving',
    )
  try {
    const assembly = await assemble(settings, logger)
    const servers = await open(settings, assembly)
    logger.info({ url: servers.url, adminUrl: servers.adminUrl }, 'hub ready')
    // A hub in a terminal ends with it, as every command does.
    if (!process.stdout.isTTY) process.on('SIGHUP', reloader(argv, loaded, assembly, logger))
    const signal = await terminated()
    logger.info({ signal }, 'draining')
    process.once('SIGTERM', () => process.exit(0)) // a second signal ends at once
    process.once('SIGINT', () => process.exit(0))
    setTimeout(() => process.exit(0), settings.drainTimeoutMs + graceMs).unref()
    await assembly.close(settings.drainTimeoutMs)
    await servers.close()
    logger.info('hub stopped')
    return 0
  } catch (error) {
    logger.fatal({ err: error }, error instanceof Error ? error.message : 'the hub failed')
    return runtimeFailure
  }
}

function load(argv: readonly string[]): ReturnType<typeof loadSettings> | undefined {
  try {
    return loadSettings({ argv, env: process.env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    return undefined
  }
}

/**
 * What SIGHUP does: read flags, environment and file again, take over what needs no restart, and say
 * what does. Bad settings change nothing.
 */
function reloader(
  argv: readonly string[],
  loaded: Loaded,
  assembly: Assembly,
  logger: Logger,
): () => void {
  let current = loaded
  let turn = Promise.resolve()
  const once = async () => {
    try {
      const next = loadSettings({ argv, env: process.env })
      for (const warning of next.warnings) logger.warn(warning)
      const { taken, needsRestart } = await reload(assembly, loaded, current, next)
      logger.level = next.settings.logLevel
      current = next
      logger.info({ taken, needsRestart }, 'settings reloaded')
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      logger.error({ problem }, 'settings not reloaded: the hub goes on with those it has')
    }
  }
  return () => {
    turn = turn.then(once)
  }
}

interface Servers {
  readonly url: string
  readonly adminUrl: string | undefined
  close(): Promise<void>
}

async function open(settings: Settings, { plugin, admin: operators }: Assembly): Promise<Servers> {
  const { anonymous, subscriptions, cookieName } = settings
  const hub = hubServer({
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
          tokenFor: playgroundTokens(settings),
        }
      : undefined,
  })
  const url = await listen(hub, settings.host, settings.port)
  if (settings.adminPort === 'off') return { url, adminUrl: undefined, close: () => hub.close() }
  const admin = adminServer(operators)
  const adminUrl = await listen(admin, settings.adminHost, settings.adminPort)
  return {
    url,
    adminUrl,
    async close() {
      await hub.close()
      await admin.close()
    },
  }
}

function terminated(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
}
