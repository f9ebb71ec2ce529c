import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePort } from '../../fixtures/free-port.ts'
import { ask } from '../../fixtures/http.ts'
import { HubProcess } from '../../fixtures/hub-process.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'
import { type Env, run } from '../cinnabar.ts'

const keys = {
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
  MERCURE_TRANSPORT_URL: 'memory:',
}
const command = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url))

/** What a start that fails says: one line on stderr, and no stack anywhere. */
async function failure(t: Test, env: Env) {
  const { code, stdout, stderr } = await run(t, ['serve'], { env: { ...keys, ...env } })
  t.equal(stderr.trimEnd().split('\n').length, 1, 'one sentence')
  t.notMatch(stdout + stderr, /^ +at |\\n +at |hub ready/m)
  return { code, stderr }
}

async function occupied(t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return String((server.address() as AddressInfo).port)
}

t.test('a port that is taken ends the start, with the option and who has it', async (t) => {
  const caddy = createServer((request, response) => {
    const isConfig = request.url === '/config/'
    response.writeHead(isConfig ? 200 : 404).end(isConfig ? '{"apps":{}}\n' : '')
  })
  const web = createServer((_, response) => response.writeHead(404, { server: 'nginx/1.22' }).end())
  const mute = createTcpServer((socket) => void socket.on('error', () => {}))
  const hub = await HubProcess.start(t, { env: keys })
  const takers = [
    [await occupied(t, caddy), /the admin endpoint of Caddy/],
    [await occupied(t, web), /answers HTTP \(status 404, "nginx\/1.22"\)/],
    [await occupied(t, mute), /does not answer HTTP/],
    [new URL(hub.origin).port, /another Cinnabar hub/],
  ] as const
  for (const workers of ['1', '2'])
    for (const [port, taker] of workers === '1' ? takers : takers.slice(0, 1))
      for (const option of ['PORT', 'ADMIN_PORT'] as const) {
        const other = option === 'PORT' ? 'ADMIN_PORT' : 'PORT'
        const { code, stderr } = await failure(t, {
          [`MERCURE_${option}`]: port,
          [`MERCURE_${other}`]: String(await freePort()),
          MERCURE_WORKERS: workers,
          ...(workers === '2' ? { MERCURE_TRANSPORT_URL: `lmdb:${mkdtempSync(join(tmpdir(), 'cinnabar-'))}` } : {}), // prettier-ignore
        })
        t.equal(code, 1)
        t.match(
          stderr,
          new RegExp(`^cinnabar serve: ${option.toLowerCase()}: ${port} on 127.0.0.1`),
        )
        t.match(stderr, taker)
        t.match(
          stderr,
          new RegExp(`--${option.toLowerCase().replace('_', '-')}, MERCURE_${option}`),
        )
      }
})

t.test('other failures of a start are a sentence too, and 1', async (t) => {
  const away = `redis://:hunter2@127.0.0.1:${await freePort()}/0`
  const ports = { MERCURE_PORT: '0', MERCURE_ADMIN_PORT: '0' }

  const host = await failure(t, { ...ports, MERCURE_HOST: '203.0.113.7' })
  t.match(host, { code: 1, stderr: /host: this machine has no address 203.0.113.7/ })
  const folder = await failure(t, { ...ports, MERCURE_TRANSPORT_URL: 'lmdb:/proc/nowhere' })
  t.match(folder, { code: 1, stderr: /transport_url: cannot use \/proc\/nowhere/ })
  const redis = await failure(t, { ...ports, MERCURE_TRANSPORT_URL: away })
  t.match(redis, { code: 1, stderr: /^(?!.*hunter2).*nothing listens there/ })
})

t.test(
  'faults of the configuration that only a start can see are 2, all of them at once',
  async (t) => {
    const { code, stderr } = await run(t, ['serve'], {
      env: {
        ...keys,
        MERCURE_TRANSPORT_URL: 'redis://:hunter2@ss/w0rd#1@host:6379/0',
        MERCURE_PUBLISHER_JWT_KEY: '"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"',
        MERCURE_PUBLISHER_JWT_ALG: 'ES256',
        MERCURE_CORS_ORIGINS: 'https://a.example/ https://b.example/',
      },
    })

    t.equal(code, 2)
    t.match(stderr, /percent-encode user and password/)
    t.match(stderr, /publisher_jwt_key: .*without quotes/)
    t.match(stderr, /"https:\/\/a.example\/"[^]*"https:\/\/b.example\/"/)
    t.notMatch(stderr, /hunter2|w0rd|AAAA/)
    const unread = await run(t, ['serve'], {
      env: { ...keys, MERCURE_TRANSPORT_URL: 'rediss://127.0.0.1/0?ca=/nowhere.pem' },
    })
    t.match(unread, { code: 2, stderr: /ca= to name a PEM file, got ENOENT/ })
  },
)

t.test('the stack is there at debug', async (t) => {
  const port = await occupied(
    t,
    createTcpServer(() => {}),
  )
  const { stdout } = await run(t, ['serve'], {
    env: { ...keys, MERCURE_PORT: port, MERCURE_ADMIN_PORT: '0', MERCURE_LOG_LEVEL: 'debug' },
  })

  t.match(stdout, /"stack":"/)
})

t.test(
  'where nobody can publish or subscribe, a warning and 405 say which key is missing',
  async (t) => {
    const { MERCURE_PUBLISHER_JWT_KEY, MERCURE_SUBSCRIBER_JWT_KEY, ...rest } = keys
    const mute = await HubProcess.start(t, { env: { ...rest, MERCURE_SUBSCRIBER_JWT_KEY } })
    const deaf = await HubProcess.start(t, { env: { ...rest, MERCURE_PUBLISHER_JWT_KEY } })

    t.ok(mute.log.some(({ level, msg }) => level === 40 && /nobody can publish/.test(String(msg))))
    t.match(await ask(mute.url, { method: 'POST' }), {
      status: 405,
      text: /publishing is off: no publisher_jwt_key/,
    })
    t.ok(
      deaf.log.some(({ level, msg }) => level === 40 && /nobody can subscribe/.test(String(msg))),
    )
    t.match(await ask(`${deaf.url}?match=a`), {
      status: 405,
      text: /subscribing is off: no subscriber_jwt_key/,
    })
  },
)

t.test('a misdirected request is told what the hub saw', async (t) => {
  const hub = await HubProcess.start(t, {
    env: {
      ...keys,
      MERCURE_PUBLIC_URLS: 'https://hub.example',
      MERCURE_TRUSTED_PROXIES: '127.0.0.9',
    },
  })

  t.match(await ask(`${hub.url}?match=a`, { headers: { host: 'hub.example' } }), {
    status: 421,
    text: /this looks like http:\/\/hub\.example \(no X-Forwarded-Proto; peer 127\.0\.0\.1 is not in trusted_proxies\)/,
  })
  const headers = { host: 'mercure', 'x-forwarded-proto': 'https' }
  t.match(await ask(`${hub.url}?match=a`, { headers }), {
    status: 421,
    text: /http:\/\/mercure \(X-Forwarded-Proto is not read.*list http:\/\/mercure too/,
  })
  await hub.stop()
  t.match(
    hub.log.filter(({ seen }) => seen !== undefined),
    [{ level: 40, seen: /hub\.example/ }, { seen: /mercure/ }],
  )
})

t.test(
  'a terminal shows what runs, where, and how to stop it; Ctrl-C says what it does',
  async (t) => {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'cinnabar-'))
    const serve = `${process.execPath} ${command} serve --playground --port ${port} --admin-port 0`
    const terminal = spawn('script', ['-qec', serve, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], MERCURE_TRANSPORT_URL: 'memory:' },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => terminal.kill('SIGKILL'))
    const shown = text(terminal.stdout)
    while (!(await ask(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined)));
    const stream = await fetch(`http://127.0.0.1:${port}/.well-known/mercure?match=a`)
    await stream.body?.getReader().read()

    terminal.stdin.write('\u0003')
    await once(terminal, 'close')

    const lines = (await shown).replace('^C', '').trim().split(/\r?\n/)
    t.match(lines, [
      /^Cinnabar runs its playground \(insecure/,
      `Open http://127.0.0.1:${port}/`,
      'Press Ctrl-C to stop',
      'Letting 1 open stream go, within 1 s; Ctrl-C again ends at once',
    ])
  },
)
