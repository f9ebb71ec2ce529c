import { readFileSync } from 'node:fs'
import type { Bench } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub, type Server } from '../harness/server.ts'

const seconds = 20

export const idle: Bench = {
  question: 'What does a hub cost that has nothing to do?',
  axis: 'subscribers',
  figures: [{ key: 'idle_cpu_percent', title: 'CPU', unit: '%' }],
  points: [0, 10_000].map((count) => ({
    x: count,
    contestants: [floor('sock'), hub(), durableHub()],
    measure: async (server) => {
      const holding = load(server, { subscribers: count, rate: 0.01, seconds: seconds + 10 })
      await new Promise((resolve) => setTimeout(resolve, 8_000))
      const before = cpuSeconds(server)
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds))
      const after = cpuSeconds(server)
      await holding
      return { idle_cpu_percent: (100 * (after - before)) / seconds }
    },
  })),
  remark: 'Heartbeats (every 40 s) included: 10,000 subscribers are 250 of them a second.',
}

/** CPU that the processes of a server have used, in seconds. */
function cpuSeconds({ pids }: Server): number {
  const ticksPerSecond = 100
  return pids
    .map((pid) =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' '),
    )
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, 0)
}
