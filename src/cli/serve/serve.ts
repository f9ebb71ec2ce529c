import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import { reload } from '../../app/reload.ts'
import { ConfigError, type Loaded, loadSettings } from '../../config/load.ts'
import { worstCaseMemory } from '../../config/worst-case-memory.ts'
import type { Settings } from '../../config/settings.ts'
import { Workers } from '../../workers/primary/worker-pool.ts'
import { isForPeople, openLog, type OpenLog } from '../logger.ts'
import { version } from '../version.ts'
import { type RunningHub, startHub } from './single-process.ts'
import { onReload, terminated } from './signals.ts'
import { drainLine, startLines } from './terminal.ts'

const configurationError = 2
const runtimeFailure = 1
/** How long after the drain time the process may still take to end. */
const graceMs = 2_000
/** How long after it has told why a start that failed may take to end. */
const failedMs = 200

/** `cinnabar serve`: runs the hub until a signal ends it. Resolves with the exit code. */
export async function serve(argv: readonly string[]): Promise<number> {
  const loaded = load(argv)
  if (loaded === undefined) return configurationError
  const { settings, warnings } = loaded
  const log = openLog(settings)
  const { logger } = log
  for (const warning of warnings) logger.warn(warning)
  try {
    const hub = await start(settings, log)
    tellStart(settings, hub, logger)
    onReload(reloader(argv, loaded, hub, logger))
    const signal = await terminated()
    tellEnd(signal, settings, hub, logger)
    setTimeout(() => process.exit(0), settings.drainTimeoutMs + graceMs).unref()
    await hub.close(settings.drainTimeoutMs)
    if (!isForPeople(settings)) logger.info('hub stopped')
    return 0
  } catch (error) {
    return fail(error, logger)
  }
}

function tellStart(settings: Settings, hub: RunningHub, logger: Logger): void {
  const isTold = isForPeople(settings)
  if (isTold) process.stdout.write(startLines(settings, hub))
  else if (settings.playground)
    logger.warn(
      'insecure: this is the playground, with a public key; it is for trying, not for serving',
    )
  const level = isTold ? 'debug' : 'info'
  logger[level]({ bounds: worstCaseMemory(settings) }, 'worst-case memory')
  logger[level]({ url: hub.url, adminUrl: hub.adminUrl }, 'hub ready')
}

function tellEnd(signal: string, settings: Settings, hub: RunningHub, logger: Logger): void {
  const { streams } = hub
  const { drainTimeoutMs } = settings
  if (isForPeople(settings)) process.stdout.write(drainLine(streams, drainTimeoutMs))
  else logger.info({ signal, streams, drainTimeoutMs }, 'draining')
}

/** One sentence for whoever started it; where it came from only matters to who looks into the hub. */
function fail(error: unknown, logger: Logger): number {
  const message = error instanceof Error ? error.message : 'the hub failed'
  process.stderr.write(`cinnabar serve: ${message.replaceAll(/\s+/g, ' ')}\n`)
  logger.debug({ err: error }, 'the hub cannot run')
  // Whatever was opened before may keep the process busy.
  setTimeout(() => process.exit(runtimeFailure), failedMs).unref()
  return runtimeFailure
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
