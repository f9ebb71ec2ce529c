// How many durable appends a second, and how long does one wait? Updates of 64 bytes, a topic, an id as the hub makes them.
//
//   npm run build && taskset -c 0 node bench/micro/log-append.ts [seconds] [folder]     (Node 22.18 or newer;
//   on Node 20: taskset -c 0 node --import @tapjs/typescript/import bench/micro/log-append.ts)
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { newId } from '../../src/hub/ids.ts'
import { LmdbLog } from '../../src/log/lmdb/lmdb-log.ts'

const seconds = Number(process.argv[2] ?? 3)
const parent = process.argv[3] ?? '.'

for (const publishers of [1, 16, 64, 256]) {
  const folder = mkdtempSync(join(parent, 'log-append-'))
  const log = await LmdbLog.open(folder, { maxEntries: 50_000, maxAgeMs: 0, maxBytes: 0 })
  await run(log, publishers, 0.5)
  console.log(JSON.stringify({ publishers, ...(await run(log, publishers, seconds)) }))
  await log.close()
  rmSync(folder, { recursive: true })
}

async function run(log: LmdbLog, publishers: number, forSeconds: number) {
  const waits: number[] = []
  const cpu = process.cpuUsage()
  const started = performance.now()
  const until = started + 1_000 * forSeconds
  const publish = async () => {
    for (let now = performance.now(); now < until;) {
      const id = newId()
      const data = 'x'.repeat(64)
      const topics = ['https://example.com/books/1']
      await log.append([{ id, topics, data, isPrivate: false, type: '', retry: '' }])
      const after = performance.now()
      waits.push(after - now)
      now = after
    }
  }
  await Promise.all(Array.from({ length: publishers }, publish))
  const elapsedMs = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  waits.sort((a, b) => a - b)
  return {
    perSecond: Math.round((1_000 * waits.length) / elapsedMs),
    p50Ms: round(waits[Math.floor(waits.length / 2)]),
    p99Ms: round(waits[Math.floor(waits.length * 0.99)]),
    cpuMicrosPerAppend: round((user + system) / waits.length),
  }
}

function round(value = 0): number {
  return Math.round(100 * value) / 100
}
