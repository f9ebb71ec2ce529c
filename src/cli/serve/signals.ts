import { isatty } from 'node:tty'

// Imported before all else: from here on no signal ends a hub that starts, whatever is being loaded.

let reload: (() => void) | undefined
let isReloadDue = false
/** Nothing to be let go yet. */
let end: (signal: NodeJS.Signals) => void = () => process.exit(0)

if (process.argv[2] === 'serve') {
  // A hub in a terminal ends with it, as every command does.
  if (!isatty(1))
    process.on('SIGHUP', () => {
      isReloadDue = reload === undefined
      reload?.()
    })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal))
}

/** What SIGHUP does from now on, and does now if one came before. */
export function onReload(then: () => void): void {
  reload = then
  if (isReloadDue) then()
}

/** Resolves with the signal that asks the hub to end; a second one ends it at once. */
export function terminated(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    end = (signal) => {
      end = () => process.exit(0)
      resolve(signal)
    }
  })
}
