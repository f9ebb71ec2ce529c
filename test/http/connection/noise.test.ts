import { readdirSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ask } from '../../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { Noise, type Packet } from '../../fixtures/noise.ts'
import { silent } from '../../fixtures/silence.ts'
import { issuer, secret, signDeepToken, signLegacyToken, signToken } from '../../fixtures/tokens.ts'
import { turns, until } from '../../fixtures/until.ts'

// No input leads to a 500, or to a listener that takes connections and says nothing. A failing round can
// be run again by its seed; more rounds, or other ones:
//   CINNABAR_LONG=1 CINNABAR_SEED=7 CINNABAR_REQUESTS=100000 npx tap run test/http/connection/noise.test.ts

const isLong = process.env['CINNABAR_LONG'] === '1'
const seed = Number(process.env['CINNABAR_SEED'] ?? 1)
const wanted = Number(process.env['CINNABAR_REQUESTS'] ?? (isLong ? 50_000 : 2_000))
const atOnce = isLong ? 200 : 40
/** So often the listeners are looked at, in requests. */
const lookEvery = 2_500

const hubPath = '/.well-known/mercure'

t.test('what fell once has its answer: 400 or 401, and a sentence', async (t) => {
  const { hub, token } = await start(t, '1')
  const list = `${hub.url}/subscriptions`
  const headers = { authorization: `Bearer ${token}` }
  const inputs: [url: string, status: number, sentence: RegExp, token?: string][] = [
    [`${list}?after=${'x'.repeat(8000)}`, 400, /after: expected/],
    [`${list}?after=s/${'x'.repeat(8000)}`, 400, /after: expected/],
    [`${list}?after=s/%00`, 400, /after: expected/],
    [`${list}?cursor=%0d%0aX`, 400, /cursor: expected/],
    [`${list}?cursor=%00`, 400, /cursor: expected/],
    [`${hub.url}?match=a`, 401, /levels/, signDeepToken(hub.url, 20_000)],
    [list, 401, /levels/, signDeepToken(hub.url, 20_000)],
  ]

  for (const [url, status, sentence, shown = token] of inputs) {
    const answer = await ask(url, { headers: { ...headers, authorization: `Bearer ${shown}` } })
    t.equal(answer.status, status, url.slice(0, 90))
    t.match(answer.text, sentence)
  }
  t.strictSame(failures(hub), [])
})

for (const workers of ['1', '2'])
  t.test(
    `noise gets no 500, mutes no listener and leaves nothing behind, with workers: ${workers} (seed ${seed})`,
    async (t) => {
      const { hub, token, legacy } = await start(t, workers)
      const [port = 0, adminPort = 0] = [hub.origin, hub.adminUrl].map((url) =>
        Number(new URL(url).port),
      )
      const tokens = [
        token,
        legacy,
        signDeepToken(hub.url, 60),
        signDeepToken(hub.url, 10_000),
        `${token.slice(0, -3)}AAA`,
      ]
      const ingredients = (at: number, paths: string[]) => ({
        host: `127.0.0.1:${at}`,
        tokens,
        paths,
      })
      const publicNoise = new Noise(seed, ingredients(port, publicPaths))
      const adminNoise = new Noise(seed + 1, ingredients(adminPort, adminPaths))
      const before = await traces(hub)

      let requests = 0
      const statuses = new Map<string, number>()
      const fives: string[] = []
      for (let round = 0; requests < wanted; round++) {
        const sendings = Array.from({ length: atOnce }, (_, i) => {
          const isAdmin = (round * atOnce + i) % 5 === 0
          const packet = (isAdmin ? adminNoise : publicNoise).packet()
          requests += packet.requests
          return send(isAdmin ? adminPort : port, packet)
        })
        for (const text of await Promise.all(sendings)) {
          if (/HTTP\/1\.1 500 /.test(text)) fives.push(text.slice(0, 400))
          for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g))
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
        if (round % Math.ceil(lookEvery / atOnce) === 0)
          t.strictSame(await silent([port, adminPort]), [0, 0], `after ${requests} requests`)
      }

      t.comment(`${requests} requests:`, JSON.stringify(Object.fromEntries(statuses)))
      t.equal(statuses.get('500') ?? 0, 0, fives.join('\n'))
      t.ok((statuses.get('200') ?? 0) > wanted / 500, 'not all of it is refused')
      t.strictSame(await silent([port, adminPort]), [0, 0])
      await until(async () => isBack(before, await traces(hub)))
      t.strictSame(failures(hub), [])
      t.equal((await ask(`${hub.adminUrl}/health/live`)).status, 200)
    },
  )

const publicPaths = [
  ...[hubPath, hubPath, hubPath, `${hubPath}/subscriptions`, `${hubPath}/x`],
  ...[`/.well-known/oauth-protected-resource${hubPath}`, `${hubPath}/debug/`],
  ...['/', '/health/live', '/health/ready', '/nothing'],
]
const adminPaths = [
  ...['/metrics', '/kick', '/debug/registry', '/debug/subscribers', '/debug/heap', '/debug/x'],
  ...['/health/live', '/healthz', '/health/ready', '/', '/nothing'],
]

async function start(t: Test, workers: string) {
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_WORKERS: workers,
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
      MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8',
      MERCURE_ANONYMOUS: '1',
      MERCURE_SUBSCRIPTIONS: '1',
      MERCURE_DEBUGGER: '1',
      MERCURE_CORS_ORIGINS: 'https://app.example',
      MERCURE_MAX_REQUEST_BODY_SIZE: '256KiB',
      MERCURE_HISTORY_SIZE: '500',
    },
  })
  const token = signToken(hub.url, { publish: ['*'], subscribe: ['*'] })
  return { hub, token, legacy: signLegacyToken({ publish: ['*'], subscribe: ['*'] }) }
}

/** Sends a packet on a connection of its own, waits a moment for what comes, and goes. */
async function send(port: number, { parts, ending, isWhole }: Packet): Promise<string> {
  const socket = createConnection(port, '127.0.0.1')
  let text = ''
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  const answered = new Promise<void>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1', 0, 2_000)
      setImmediate(resolve)
    })
  })
  for (const part of parts) {
    socket.write(part)
    await turns(2)
  }
  await Promise.race([answered, closed, passed(isWhole ? 150 : 10)])
  leave(socket, ending)
  await Promise.race([closed, passed(300)])
  socket.destroy()
  return text
}

function leave(socket: Socket, ending: Packet['ending']): void {
  if (ending === 'reset') socket.resetAndDestroy()
  else if (ending === 'close') socket.destroy()
  else socket.end()
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/** What the hub holds for clients. */
async function traces({ pid = 0, adminUrl }: HubProcess): Promise<Record<string, number>> {
  const { text } = await ask(`${adminUrl}/metrics`)
  const value = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    )
  const gauges = held.map((name) => [name, value(name)] as const)
  return { ...Object.fromEntries(gauges), files: readdirSync(`/proc/${pid}/fd`).length }
}

const held = [
  ...['subscribers_connected', 'subscribers_replaying', 'subscribers_waiting', 'replays_waiting'],
  ...['refills_waiting', 'pending_bytes', 'cohorts', 'exact_topics', 'url_patterns'],
  ...['seat_tokens', 'seat_addresses', 'subscriptions', 'presence_waiting', 'log_marks'],
  ...['log_waiting_bytes', 'token_verifications_pending'],
].map((name) => `mercure_${name}`)

function isBack(before: Record<string, number>, now: Record<string, number>): boolean {
  return Object.entries(before).every(([name, count]) => (now[name] ?? 0) <= count)
}

/** What the hub said that it should not have to say. */
function failures({ log }: HubProcess) {
  return log.filter(({ level }) => Number(level) >= 50)
}
