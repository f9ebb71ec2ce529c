import type { Bench } from '../harness/bench.ts'
import { cpuSeconds } from '../harness/cpu.ts'
import { load } from '../harness/load.ts'
import { hub } from '../harness/server.ts'

const adminPort = 42_019
const scrapes = 50

export const scrape: Bench = {
  question: 'What does it cost when Prometheus reads `/metrics`?',
  axis: 'subscribers',
  figures: [{ key: 'scrape_cpu_ms', title: 'CPU per scrape', unit: 'ms' }],
  points: [100, 15_000].map((count) => ({
    x: count,
    contestants: [hub({ env: { MERCURE_ADMIN_PORT: String(adminPort) } })],
    measure: async (server) => {
      const holding = load(server, { subscribers: count, rate: 0.01, seconds: 20 })
      await new Promise((resolve) => setTimeout(resolve, 10_000)) // all connected
      await read(scrapes)
      const before = cpuSeconds(server)
      await read(scrapes)
      const after = cpuSeconds(server)
      await holding
      return { scrape_cpu_ms: (1000 * (after - before)) / scrapes }
    },
  })),
}

async function read(times: number): Promise<void> {
  for (let i = 0; i < times; i++)
    await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
}
