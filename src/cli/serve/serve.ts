import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import { reload } from '../../app/reload.ts'
import { ConfigError, type Loaded, loadSettings } from '../../config/load.ts'
import { worstCaseMemory } from '../../config/worst-case-memory.ts'
import type { Settings } from '../../config/settings.ts'
import { Workers } from '../../workers/primary/worker-pool.ts'
import { openLog, type OpenLog } from '../logger.ts'
import { version } from '../version.ts'
import { type RunningHub, startHub } from './single-process.ts'
import { onReload, terminated } from './signals.ts'

const configurationError = 2
const runtimeFailure = 1
/** How long after the drain time the process may still take to end. */
const graceMs = 2_000

/** `cinnabar serve`: runs the hub until a signal ends it. Resolves with the exit code. */
export async function serve(argv: readonly string[]): Promise<number> {
  const loaded = load(argv)
  if (loaded === undefined) return configurationError
  const { settings, warnings } = loaded
  const log = openLog(settings)
  const { logger } = log
  for (const warning of warnings) logger.warn(warning)
  logger.info({ bounds: worstCaseMemory(settings) }, 'worst-case memory')
  if (settings.playground)
    logger.warn(
      'insecure: this is the playground, with a public key; it is for trying, not for serving',
    )
  try {
    const hub = await start(settings, log)
    logger.info({ url: hub.url, adminUrl: hub.adminUrl }, 'hub ready')
    onReload(reloader(argv, loaded, hub, logger))
    const signal = await terminated()
    logger.info({ signal }, 'draining')
    setTimeout(() => process.exit(0), settings.drainTimeoutMs + graceMs).unref()
    await hub.close(settings.drainTimeoutMs)
    logger.info('hub stopped')
    return 0
  } catch (error) {
    logger.fatal({ err: error }, error instanceof Error ? error.message : 'the hub failed')
    return runtimeFailure
  }
}

/** One process, or several that serve one port as one hub. */
function start(settings: Settings, { logger, passOn, recent }: OpenLog): Promise<RunningHub> {
  const count = settings.workers === 'auto' ? availableParallelism() : settings.workers
  if (count === 1) return startHub(settings, logger, recent)
  const entry = new URL('./worker-main.js', import.meta.url)
  const console = { lines: recent, version: version() }
  return Workers.start({ count, settings, logger, entry, onLine: passOn, console })
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
  hub: RunningHub,
  logger: Logger,
): () => void {
  let current = loaded
  let turn = Promise.resolve()
  const once = async () => {
    try {
      const next = loadSettings({ argv, env: process.env })
      for (const warning of next.warnings) logger.warn(warning)
      const { taken, needsRestart } = await reload(hub, loaded, current, next)
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
