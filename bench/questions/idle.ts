import type { Bench } from '../harness/bench.ts'
import { cpuSeconds } from '../harness/cpu.ts'
import { load } from '../harness/load.ts'
import { durableHub, floor, hub } from '../harness/server.ts'

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
