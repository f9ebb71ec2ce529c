import { Agent, request } from 'node:http'
import { constants, setPriority } from 'node:os'
import type { Bench } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { hub, hubPath, type Server } from '../harness/server.ts'
import { warm } from '../harness/warm.ts'

const everyMs = 20

export const fairness: Bench = {
  question: 'Who has to wait while 15,000 subscribers are written to without a pause?',
  axis: 'subscribers',
  figures: [
    { key: 'health_p99_ms', title: 'health check p99', unit: 'ms' },
    { key: 'subscribe_p99_ms', title: 'head of a new stream p99', unit: 'ms' },
    { key: 'publish_p99_ms', title: 'answer to a publisher p99', unit: 'ms' },
    { key: 'deliv_per_s', title: 'deliveries', unit: '1,000/s', factor: 0.001 },
  ],
  points: [
    {
      x: 15_000,
      contestants: [hub()],
      measure: async (server) => {
        await warm(server)
        askFirst()
        let isOver = false
        const saturating = load(server, {
          subscribers: 15_000,
          rate: 0,
          seconds: 24,
          publishers: 16,
        })
        void saturating.then(() => (isOver = true))
        await new Promise((resolve) => setTimeout(resolve, 8_000)) // all connected
        const waits = { health: [] as number[], subscribe: [] as number[], publish: [] as number[] }
        const until = performance.now() + 14_000 // over before the load leaves, 15,000 streams at once
        while (!isOver && performance.now() < until) {
          waits.health.push(await headAfterMs(server, { path: '/health/live' }))
          waits.subscribe.push(await headAfterMs(server, { path: `${hubPath}?match=elsewhere` }))
          waits.publish.push(await headAfterMs(server, { path: hubPath, body: 'topic=elsewhere' }))
          await new Promise((resolve) => setTimeout(resolve, everyMs))
        }
        const figures = await saturating
        return {
          ...figures,
          health_p99_ms: p99(waits.health),
          subscribe_p99_ms: p99(waits.subscribe),
          publish_p99_ms: p99(waits.publish),
        }
      },
    },
  ],
  remark:
    'Both cores are busy, so the process that asks has priority over the load generator (where it may; else it waits for a core as long as for the hub).',
}

/** The clock must not wait for the load generator, with which it shares a core. */
function askFirst(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST)
  } catch {
    console.log('  without priority for the process that asks: it is not permitted here')
  }
}

/** Asks on a connection of its own and resolves with the time until the answer's head. */
function headAfterMs(server: Server, question: { readonly path: string; readonly body?: string }) {
  const { path, body } = question
  const started = performance.now()
  const headers = Object.fromEntries(
    body === undefined
      ? []
      : [
          ['content-type', server.dialect.contentType],
          ...server.dialect.publishHeaders.map((field) => field.split(/: (.*)/s).slice(0, 2)),
        ],
  ) as Record<string, string>
  return new Promise<number>((resolve, reject) => {
    const asking = request(
      {
        port: server.port,
        host: '127.0.0.1',
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers,
        agent: new Agent(),
      },
      (answer) => {
        resolve(performance.now() - started)
        answer.destroy()
      },
    )
    asking.on('error', reject)
    asking.end(body)
  })
}

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
}
