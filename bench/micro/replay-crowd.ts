// What do many replays at once cost, and what do they do to live streams? Clients replay 10,000 updates each.
//
//   npm run build && node bench/micro/replay-crowd.ts [clients] [own tokens: 0 or 1] [memory: or lmdb:PATH] [main.js]
//   (Node 22.18 or newer; on Node 20: node --import @tapjs/typescript/import bench/micro/replay-crowd.ts)
//
// The crowd has a process of its own: in one with the live stream it would be the crowd's own work that
// a live update waits for.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { issuer, secret, signToken } from '../../test/fixtures/tokens.ts'

interface Crowd {
  readonly url: string
  readonly clients: number
  readonly haveOwnTokens: boolean
}

const events = 10_000
const quietSeconds = 3
const data = 'x'.repeat(64)
const frameBytes = 64

const told = process.argv[2]
if (told?.startsWith('{') === true) await replayAll(JSON.parse(told) as Crowd)
else await measure()

/** The crowd: each client reads the history from its start. Ends when everybody has all of it. */
async function replayAll({ url, clients, haveOwnTokens }: Crowd): Promise<void> {
  await Promise.all(
    Array.from({ length: clients }, (_, i) => {
      const token = signToken(url, { subscribe: [`https://example.com/user/${i}`] })
      return new Promise<void>((resolve) => {
        const cursor = 'Last-Event-ID: earliest\r\n'
        let bytes = 0
        open(url, 'https://example.com/a', cursor, haveOwnTokens ? token : undefined, (chunk) => {
          bytes += chunk.length // to read every frame would cost the crowd more than the hub
          if (bytes > events * frameBytes && chunk.includes('last of all')) resolve()
        })
      })
    }),
  )
  process.exit()
}

async function measure(): Promise<void> {
  const clients = Number(process.argv[2] ?? 1000)
  const haveOwnTokens = process.argv[3] === '1'
  const transport = process.argv[4] ?? 'memory:'
  const hub = spawn(process.execPath, [process.argv[5] ?? 'dist/src/cli/main.js', 'serve'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      MERCURE_PORT: '0',
      MERCURE_ADMIN_PORT: 'off',
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRANSPORT_URL: transport,
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
      MERCURE_DISPATCH_TIMEOUT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await ready(hub)
  const authorization = `Bearer ${signToken(url, { publish: ['*'] })}`
  const topic = 'https://example.com/a'
  for (let i = 1; i <= events / 500; i++) {
    const updates: object[] = Array.from({ length: 500 }, () => ({ topic, data }))
    if (i === events / 500) updates[499] = { topic, data: 'last of all' }
    await post(url, authorization, updates)
  }

  let waits: number[] = []
  let sentAt = 0
  open(url, 'https://example.com/live', '', undefined, (bytes) => {
    if (bytes.includes('\ndata')) waits.push(performance.now() - sentAt)
  })
  const publishWhile = async (isOn: () => boolean) => {
    waits = []
    while (isOn()) {
      sentAt = performance.now()
      await post(url, authorization, [{ topic: 'https://example.com/live', data }])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    waits.sort((a, b) => a - b)
    const at = (share: number) => rounded(waits[Math.floor(waits.length * share)])
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: rounded(waits.at(-1)) }
  }

  await publishWhile(untilTime(1))
  const quietLive = await publishWhile(untilTime(quietSeconds))
  const before = usage(hub)
  const started = performance.now()
  const told = JSON.stringify({ url, clients, haveOwnTokens } satisfies Crowd)
  const crowd = fork(fileURLToPath(import.meta.url), [told])
  let isOver = false
  const over = once(crowd, 'exit').then(() => (isOver = true))
  const crowdedLive = await publishWhile(() => !isOver)
  await over
  const after = usage(hub)
  const cpuMs = after.cpuMs - before.cpuMs
  const seconds = (performance.now() - started) / 1000
  console.log(
    JSON.stringify({
      clients,
      haveOwnTokens,
      transport: transport.split(':')[0],
      seconds: rounded(seconds),
      cpuMs,
      cpuMicrosPerEvent: rounded((1000 * cpuMs) / clients / events),
      grownMiB: rounded((after.peakKiB - before.peakKiB) / 1024),
      quietLive,
      crowdedLive,
    }),
  )
  hub.kill('SIGTERM')
  process.exit()
}

function untilTime(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}

function rounded(value = Number.NaN): number {
  return Math.round(100 * value) / 100
}

async function ready(hub: ChildProcess): Promise<string> {
  if (hub.stdout !== null)
    for await (const line of createInterface({ input: hub.stdout })) {
      const { msg, url } = JSON.parse(line) as { msg: string; url: string }
      if (msg === 'hub ready') return `${url}/.well-known/mercure`
    }
  throw new Error('the hub did not start')
}

async function post(url: string, authorization: string, updates: readonly object[]): Promise<void> {
  const body = updates.map((update) => JSON.stringify(update)).join('\n')
  const headers = { authorization, 'content-type': 'application/x-ndjson' }
  const { status } = await fetch(url, { method: 'POST', headers, body })
  if (status !== 200) throw new Error(`status ${status}`)
}

/** Opens a stream and hands over what comes. */
function open(
  url: string,
  topic: string,
  field: string,
  token: string | undefined,
  received: (bytes: Buffer) => void,
): void {
  const { port, host } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  const bearer = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
  socket.write(
    `GET /.well-known/mercure?match=${topic} HTTP/1.0\r\nHost: ${host}\r\n${bearer}${field}\r\n`,
  )
  socket.on('data', received)
}

function usage(hub: ChildProcess) {
  const fields = readFileSync(`/proc/${hub.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const status = readFileSync(`/proc/${hub.pid}/status`, 'utf8')
  return {
    cpuMs: 10 * (Number(fields[11]) + Number(fields[12])),
    peakKiB: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]),
  }
}
