// How many durable updates a second in batches? Each has 64 bytes of data, a topic, and an id of the hub's.
//
//   npm run build && node bench/micro/publish-batch.ts [seconds] [connections] [updates per batch]
//   (Node 22.18 or newer; on Node 20: node --import @tapjs/typescript/import bench/micro/publish-batch.ts)
//
// The hub runs on core 0 with its history in the working folder, this process wherever there is room.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { issuer, secret, signToken } from '../../test/fixtures/tokens.ts'

const seconds = Number(process.argv[2] ?? 5)
const connections = Number(process.argv[3] ?? 8)
const perBatch = Number(process.argv[4] ?? 500)

const folder = mkdtempSync('./publish-batch-')
const hub = spawn(
  'taskset',
  [
    '-c',
    process.env['BENCH_CORE'] ?? '0',
    process.execPath,
    ...(process.env['BENCH_NODE'] ?? '').split(' ').filter(Boolean),
    'dist/src/cli/main.js',
    'serve',
  ],
  {
    env: {
      PATH: process.env['PATH'] ?? '',
      MERCURE_PORT: '0',
      MERCURE_ADMIN_PORT: 'off',
      MERCURE_TRANSPORT_URL: `lmdb:${folder}`,
      MERCURE_HISTORY_SIZE: process.env['HISTORY'] ?? '1e6',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
const url = await ready()
const authorization = `Bearer ${signToken(url, { publish: ['*'] })}`
const agent = new Agent({ keepAlive: true, maxSockets: connections })
const body = Array.from({ length: perBatch }, () =>
  JSON.stringify({ topic: 'https://example.com/books/1', data: 'x'.repeat(64) }),
).join('\n')

await run(1)
console.log(JSON.stringify({ connections, perBatch, ...(await run(seconds)) }))
const ended = once(hub, 'exit')
hub.kill('SIGTERM')
await ended
rmSync(folder, { recursive: true })
process.exit()

async function ready(): Promise<string> {
  for await (const line of createInterface({ input: hub.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string }
    if (msg === 'hub ready') return `${url}/.well-known/mercure`
  }
  throw new Error('the hub did not start')
}

async function run(forSeconds: number) {
  const waits: number[] = []
  const cpu = cpuMs()
  const started = performance.now()
  const publish = async () => {
    while (performance.now() - started < forSeconds * 1000) {
      const before = performance.now()
      await post()
      waits.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: connections }, publish))
  const elapsedMs = performance.now() - started
  waits.sort((a, b) => a - b)
  return {
    updatesPerSecond: Math.round((1000 * perBatch * waits.length) / elapsedMs),
    cpuMicrosPerUpdate: (1000 * (cpuMs() - cpu)) / (perBatch * waits.length),
    p50Ms: waits[Math.floor(waits.length / 2)],
    p99Ms: waits[Math.floor(waits.length * 0.99)],
  }
}

/** Processor time of the hub, all threads; in ticks of 10 ms. */
function cpuMs(): number {
  const fields = readFileSync(`/proc/${hub.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return 10 * (Number(fields[11]) + Number(fields[12]))
}

function post(): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/x-ndjson',
      'content-length': Buffer.byteLength(body),
    }
    const posted = request(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`status ${response.statusCode}`))
      response.on('error', reject)
      response.on('end', resolve).resume()
    })
    posted.on('error', reject)
    posted.end(body)
  })
}
