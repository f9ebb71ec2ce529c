import { readFileSync } from 'node:fs'
import type { Server } from './server.ts'

/** CPU that the processes of a server have used, in seconds. */
export function cpuSeconds({ pids }: Server): number {
  const ticksPerSecond = 100
  return pids
    .map((pid) =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' '),
    )
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, 0)
}
