import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, inheritedEnvironment, temporaryFolder } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const otherSecret = 'another secret of at least 32 bytes, for tests'

t.test('SIGHUP changes the keys: old tokens end, new ones count, streams stay', async (t) => {
  const hub = await open(t)
  const [old, renewed] = [tokenOf(hub, secret), tokenOf(hub, otherSecret)]
  const client = await stream(t, hub)
  t.equal(await publish(hub, old, 'before'), 200)
  t.equal(await publish(hub, renewed, 'too early'), 401)

  configure(hub, { issuers: keysOf(otherSecret) })
  t.match(await reloaded(hub), { msg: 'settings reloaded', taken: ['issuers'], needsRestart: [] })

  t.equal(await publish(hub, old, 'too late'), 401)
  t.equal(await publish(hub, renewed, 'after'), 200)
  t.strictSame(
    (await client.until(2)).map(({ data }) => data),
    ['before', 'after'],
  )
})

t.test('SIGHUP changes limits: open streams stay above them, new ones are refused', async (t) => {
  const hub = await open(t)
  const client = await stream(t, hub)
  await stream(t, hub)

  configure(hub, { max_subscribers: 1 })
  t.match(await reloaded(hub), { taken: ['max_subscribers'] })
  t.equal((await ask(`${hub.hub.url}?match=a`)).status, 503)
  configure(hub, { max_subscribers: 3 })
  await reloaded(hub)

  await stream(t, hub)
  t.equal((await ask(`${hub.hub.url}?match=a`)).status, 503)
  t.notOk(client.isClosed)
})

/** Addresses are not looked at, for no limit asks for them. */
const noAddresses = { max_pattern_cost_per_address: 0 }

t.test('what needs a restart is said, until there was one', async (t) => {
  const hub = await open(t, noAddresses)

  configure(hub, {
    ...noAddresses,
    heartbeat: '5s',
    max_subscribers: 9,
    max_subscribers_per_address: 3,
  })
  t.match(await reloaded(hub), {
    taken: ['max_subscribers'],
    needsRestart: ['heartbeat', 'max_subscribers_per_address'],
  })
  t.match(await reloaded(hub), {
    taken: [],
    needsRestart: ['heartbeat', 'max_subscribers_per_address'],
  })
})

t.test('bad settings change nothing, and every problem is told', async (t) => {
  const hub = await open(t)
  const client = await stream(t, hub)

  configure(hub, { max_subscribers: 'many', hartbeat: '5s' })
  const line = await reloaded(hub)

  t.match(line, {
    level: 50,
    msg: /^settings not reloaded/,
    problem: /max_subscribers[^]*hartbeat|hartbeat[^]*max_subscribers/,
  })
  t.equal(await publish(hub, tokenOf(hub, secret), 'as before'), 200)
  t.match(await client.until(1), [{ data: 'as before' }])
})

t.test('SIGHUP while the hub starts ends nothing, and is followed once it is ready', async (t) => {
  const { child, saw } = launch(t, '2')
  await saw(/worst-case memory/) // the first line, long before the hub is ready
  child.kill('SIGHUP')
  child.kill('SIGHUP')

  await saw(/hub ready[^]*settings reloaded/)
  t.equal(child.exitCode ?? child.signalCode, null)
})

t.test('what systemd does to reload ends no hub, however young', async (t) => {
  const unit = readFileSync(new URL('../../deploy/cinnabar.service', import.meta.url), 'utf8')
  const command = /^ExecReload=\/bin\/sh -c '(.+)'$/m.exec(unit)?.[1] ?? 'exit 1'
  const { child, saw } = launch(t, '1')

  execFileSync('/bin/sh', ['-c', command], { env: { MAINPID: String(child.pid), ...process.env } })

  await saw(/hub ready[^]*settings reloaded/)
  t.equal(child.exitCode ?? child.signalCode, null)
})

t.test('a hub that is asked to end while it starts ends at once, with exit code 0', async (t) => {
  const { child, saw } = launch(t, '1')
  await saw(/worst-case memory/)
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  t.equal(code, 0)
})

/** A hub that only begins to start, and what it says. */
function launch(t: Test, workers: string) {
  const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
  // tap has every Node.js process load a part of its own, which listens to SIGHUP and ends with it
  const bare = ['-u', 'NODE_OPTIONS', process.execPath]
  const child = spawn('env', [...bare, main, 'serve', '--playground', '--port', '0'], {
    env: {
      ...inheritedEnvironment(),
      MERCURE_WORKERS: workers,
      MERCURE_ADMIN_PORT: '0',
      MERCURE_TRANSPORT_URL: workers === '1' ? 'memory:' : `lmdb:${temporaryFolder(t)}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const saw = (what: RegExp) =>
    until(() => what.test(said) || child.exitCode !== null || child.signalCode !== null)
  return { child, saw }
}

interface Configured {
  readonly hub: HubProcess
  readonly file: string
}

async function open(t: Test, options: object = {}): Promise<Configured> {
  const file = join(temporaryFolder(t), 'hub.json')
  write(file, options)
  return { hub: await HubProcess.start(t, { args: ['--config', file] }), file }
}

function configure({ file }: Configured, options: object): void {
  write(file, options)
}

function write(file: string, options: object): void {
  writeFileSync(file, JSON.stringify({ anonymous: true, issuers: keysOf(secret), ...options }))
}

function keysOf(key: string) {
  return [{ id: issuer, publisher: { key, algorithm: 'HS256' } }]
}

/** Sends SIGHUP and resolves with the line that says what became of it. */
async function reloaded({ hub }: Configured) {
  const told = () => hub.log.filter(({ msg }) => /^settings (not )?reloaded/.test(String(msg)))
  const before = told().length
  hub.signal('SIGHUP')
  await until(() => told().length > before)
  return told().at(-1)
}

function tokenOf({ hub }: Configured, key: string): string {
  return signToken(hub.url, { publish: ['a'], secret: key })
}

async function publish({ hub }: Configured, token: string, data: string): Promise<number> {
  const headers = { ...formType, authorization: `Bearer ${token}` }
  return (await ask(hub.url, { method: 'POST', headers, body: formOf({ topic: 'a', data }) }))
    .status
}

async function stream(t: Test, { hub }: Configured): Promise<SseClient> {
  const client = new SseClient(Number(new URL(hub.origin).port))
  t.teardown(() => client.close())
  client.send('GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await client.untilHead()
  return client
}
