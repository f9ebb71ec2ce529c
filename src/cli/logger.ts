import { pino, type Logger } from 'pino'
import pretty from 'pino-pretty'
import type { Settings } from '../config/settings.ts'

/** The process's log: JSON lines on stdout, or lines for people. Never a token, never a payload. */
export function openLogger({ logLevel, logFormat }: Settings): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  }
  if (logFormat === 'pretty')
    return pino(
      options,
      pretty({ ignore: 'pid,hostname', sync: true, colorize: process.stdout.isTTY }),
    )
  return pino(options, pino.destination({ dest: 1, sync: false }))
}
