import type { Settings } from '../../config/settings.ts'
import { hubPath } from '../../protocol/reserved.ts'
import type { RunningHub } from './single-process.ts'

/** What a terminal shows of a start: what runs, the address to open, how to stop. */
export function startLines(settings: Settings, { url, adminUrl }: RunningHub): string {
  const { transportUrl, playground } = settings
  const history = /^(?:lmdb|memory):/.test(transportUrl) ? transportUrl : 'Redis'
  const what = playground
    ? 'Cinnabar runs its playground (insecure: its key is public; it is for trying, not for serving)'
    : `Cinnabar runs a hub; history: ${history}; metrics and health: ${adminUrl ?? 'off'}`
  const where = settings.debugger ? `Open ${url}/` : `Its address is ${url}${hubPath}`
  return `${what}\n${where}\nPress Ctrl-C to stop\n`
}

/** What it shows of an end. */
export function drainLine(streams: number, drainMs: number): string {
  const noun = streams === 1 ? '1 open stream' : `${streams} open streams`
  return `Letting ${noun} go, within ${drainMs / 1000} s; Ctrl-C again ends at once\n`
}
