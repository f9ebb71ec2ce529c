import { pino, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Settings } from '../config/settings.ts'
import { RecentLines } from '../http/operators/console/recent-lines.ts'

export interface OpenLog {
  readonly logger: Logger
  /** Writes a line of another process's log: whole, and among the own ones. */
  readonly passOn: (line: string) => void
  /** The last warnings and errors among them. */
  readonly recent: RecentLines
}

/** The process's log: JSON lines on stdout, or lines for people. Never a token, never a payload. */
export function openLog({ logLevel, logFormat }: Settings): OpenLog {
  const destination =
    logFormat === 'pretty' || isForPeople({ logFormat })
      ? pretty({ ignore: 'pid,hostname', sync: true, colorize: process.stdout.isTTY })
      : stdout()
  const recent = new RecentLines()
  const streamWrite = (line: string) => {
    recent.see(line)
    return line
  }
  return {
    logger: pino({ ...optionsFor(logLevel, null), hooks: { streamWrite } }, destination),
    passOn: (line) => void destination.write(`${streamWrite(line)}\n`),
    recent,
  }
}

/** Whether somebody reads along on a terminal, and did not ask for JSON. */
export function isForPeople({ logFormat }: Pick<Settings, 'logFormat'>): boolean {
  return process.stdout.isTTY && logFormat !== 'json'
}

/** The log of a worker, for the process that started it to pass on: JSON lines that say which worker. */
export function openWorkerLog({ logLevel }: Settings, worker: number): Logger {
  return pino(optionsFor(logLevel, { worker }), stdout())
}

function stdout() {
  return pino.destination({ dest: 1, sync: false })
}

function optionsFor(level: string, base: { readonly worker: number } | null) {
  return { level, base, timestamp: () => `,"time":"${new Date().toISOString()}"` }
}
