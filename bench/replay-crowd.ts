// What do many replays at once cost, and what do they do to live streams? Clients replay 10,000 updates each.
//
//   npm run build && node bench/replay-crowd.ts [clients] [own tokens: 0 or 1] [main.js]
//   (Node 22.18 or newer; on Node 20: node --import @tapjs/typescript/import bench/replay-crowd.ts)
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { issuer, secret, signToken } from '../test/fixtures/tokens.ts'

const clients = Number(process.argv[2] ?? 1000)
const haveOwnTokens = process.argv[3] === '1'
const events = 10_000

const hub = spawn(process.execPath, [process.argv[4] ?? 'dist/src/cli/main.js', 'serve'], {
  env: {
    PATH: process.env['PATH'] ?? '',
    MERCURE_PORT: '0',
    MERCURE_ADMIN_PORT: 'off',
    MERCURE_ANONYMOUS: '1',
    MERCURE_TRANSPORT_URL: 'memory:',
    MERCURE_TRUSTED_ISSUERS: issuer,
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_SUBSCRIBER_JWT_KEY: secret,
    MERCURE_DISPATCH_TIMEOUT: '0',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const url = await ready()
const { port, host } = new URL(url)
const authorization = `Bearer ${signToken(url, { publish: ['*'] })}`
const data = 'x'.repeat(64)
for (let i = 0; i < events / 500; i++)
  await post(Array.from({ length: 500 }, () => ({ topic: 'https://example.com/a', data })))

const waits: number[] = []
let sentAt = 0
open('https://example.com/live', '', undefined, () => waits.push(performance.now() - sentAt))
await new Promise((resolve) => setTimeout(resolve, 300))
const before = usage()
const started = performance.now()
let isDone = false
const replays = Promise.all(
  Array.from({ length: clients }, (_, i) => {
    const token = signToken(url, { subscribe: [`https://example.com/user/${i}`] })
    return new Promise<void>((resolve) => {
      let seen = 0
      open(
        'https://example.com/a',
        'Last-Event-ID: earliest\r\n',
        haveOwnTokens ? token : undefined,
        (count) => {
          seen += count
          if (seen === events) resolve()
        },
      )
    })
  }),
).then(() => (isDone = true))
while (!isDone) {
  sentAt = performance.now()
  await post([{ topic: 'https://example.com/live', data }])
  await new Promise((resolve) => setTimeout(resolve, 50))
}
await replays
const after = usage()
waits.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    clients,
    haveOwnTokens,
    seconds: (performance.now() - started) / 1000,
    cpuMs: after.cpuMs - before.cpuMs,
    cpuMicrosPerEvent: (1000 * (after.cpuMs - before.cpuMs)) / clients / events,
    grownMiB: (after.peakKiB - before.peakKiB) / 1024,
    liveP50Ms: waits[Math.floor(waits.length / 2)],
    liveMaxMs: waits.at(-1),
  }),
)
hub.kill('SIGTERM')
process.exit()

async function ready(): Promise<string> {
  for await (const line of createInterface({ input: hub.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string }
    if (msg === 'hub ready') return `${url}/.well-known/mercure`
  }
  throw new Error('the hub did not start')
}

async function post(updates: readonly object[]): Promise<void> {
  const body = updates.map((update) => JSON.stringify(update)).join('\n')
  const headers = { authorization, 'content-type': 'application/x-ndjson' }
  const { status } = await fetch(url, { method: 'POST', headers, body })
  if (status !== 200) throw new Error(`status ${status}`)
}

/** Opens a stream and tells how many updates came. */
function open(
  topic: string,
  field: string,
  token: string | undefined,
  told: (count: number) => void,
): void {
  const socket = connect(Number(port), '127.0.0.1')
  const bearer = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
  socket.write(
    `GET /.well-known/mercure?match=${topic} HTTP/1.0\r\nHost: ${host}\r\n${bearer}${field}\r\n`,
  )
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    let count = 0
    const text = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    for (let at = text.indexOf('\ndata'); at >= 0; at = text.indexOf('\ndata', at + 1)) count++
    rest = text.subarray(-5)
    if (count > 0) told(count)
  })
}

function usage() {
  const fields = readFileSync(`/proc/${hub.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const status = readFileSync(`/proc/${hub.pid}/status`, 'utf8')
  return {
    cpuMs: 10 * (Number(fields[11]) + Number(fields[12])),
    peakKiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]),
  }
}
