import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The core of the server; the load generator has the other one. */
export const serverCore = 0
export const loadCore = 1

const root = fileURLToPath(new URL('../..', import.meta.url))
const nchanModule = '/usr/lib/nginx/modules/ngx_nchan_module.so'
const secret = '!ChangeThisMercureHubJWTSecretKey!'
const issuer = 'https://localhost'

/** A server that is measured, while it runs. */
export interface Server {
  readonly port: number
  /** Processes whose CPU and memory count. */
  readonly pids: readonly number[]
  /** How the load generator speaks to it: path, publish path, body, headers. */
  readonly dialect: Dialect
  /** Starts it again after it was killed, on the same port and history. */
  restart(): Promise<void>
  kill(): Promise<void>
  stop(): Promise<void>
  /** Of a cluster: its hubs, and the Redis that they share. */
  readonly cluster?: { readonly hubs: readonly Server[]; readonly redis: Server }
}

export interface Dialect {
  /** What a subscriber asks for; `%t` is its topic's number, `%i` its own. */
  readonly path: string
  readonly publishPath: string
  /** `%s` is the payload. */
  readonly body: string
  readonly contentType: string
  readonly publishHeaders: readonly string[]
  readonly subscribeHeaders: readonly string[]
}

/** Somebody who takes part in a bench. */
export interface Contestant {
  readonly name: string
  /** Why it cannot take part on this machine; nothing when it can. */
  readonly absence?: string
  start(): Promise<Server>
}

export interface HubOptions {
  readonly name?: string
  readonly env?: Readonly<Record<string, string>>
  readonly path?: string
  readonly body?: string
  /** Subscribers present this token's grants; absent: they are anonymous. */
  readonly grants?: readonly object[]
}

export const topic = 'https://example.com/u/t%t/7'
export const hubPath = '/.well-known/mercure'

/** This project's hub, as it was built; its history is in memory unless the options say otherwise. */
export function hub(options: HubOptions = {}): Contestant {
  const { name = 'cinnabar', env = {} } = options
  return {
    name,
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'cinnabar-bench-'))
      const port = await freePort()
      const command = [process.execPath, join(root, 'dist/src/cli/main.js'), 'serve']
      const audience = `http://127.0.0.1:${port}${hubPath}`
      const variables = {
        PATH: process.env['PATH'],
        MERCURE_PORT: String(port),
        MERCURE_ADMIN_PORT: 'off',
        MERCURE_ANONYMOUS: '1',
        MERCURE_TRUSTED_ISSUERS: issuer,
        MERCURE_PUBLISHER_JWT_KEY: secret,
        MERCURE_SUBSCRIBER_JWT_KEY: secret,
        MERCURE_TRANSPORT_URL: 'memory:',
        MERCURE_DRAIN_TIMEOUT: '0',
        MERCURE_LOG_LEVEL: 'error',
        ...env,
      }
      const dialect = {
        path: options.path ?? `${hubPath}?match=${topic}`,
        publishPath: hubPath,
        body: options.body ?? `topic=${encodeURIComponent('https://example.com/u/')}t%t/7&data=%s`,
        contentType: 'application/x-www-form-urlencoded',
        publishHeaders: [`Authorization: Bearer ${token(audience, [grant('publish', ['*'])])}`],
        subscribeHeaders:
          options.grants === undefined
            ? []
            : [`Authorization: Bearer ${token(audience, options.grants)}`],
      }
      return run(command, variables, folder, port, dialect)
    },
  }
}

/** The same hub with its history on disk. */
export function durableHub(options: HubOptions = {}): Contestant {
  return hub({
    name: 'cinnabar, durable',
    ...options,
    env: { MERCURE_TRANSPORT_URL: 'lmdb:./history', ...options.env },
  })
}

/** So many hubs on one Redis that has every update on the disk before it answers; all on the server's core. */
export function clusterOnRedis(count: number): Contestant {
  const isMissing = spawnSync('redis-server', ['--version']).status !== 0
  return {
    name: 'cinnabar, Redis',
    ...(isMissing ? { absence: 'redis-server is not installed' } : {}),
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'cinnabar-bench-'))
      const port = await freePort()
      const persistence = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
      const address = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder]
      const command = ['redis-server', ...address, ...persistence]
      const redis = await run(command, { PATH: process.env['PATH'] }, folder, port, noDialect)
      const env = { MERCURE_TRANSPORT_URL: `redis://127.0.0.1:${port}/0` }
      const hubs = await Promise.all(Array.from({ length: count }, () => hub({ env }).start()))
      const [first] = hubs as [Server]
      return {
        ...first,
        pids: hubs.flatMap(({ pids }) => pids),
        cluster: { hubs, redis },
        async stop() {
          for (const each of [...hubs, redis]) await each.stop()
        },
      }
    },
  }
}

const noDialect = {
  path: '/',
  publishPath: '/',
  body: '',
  contentType: 'text/plain',
  publishHeaders: [],
  subscribeHeaders: [],
}

/** Seconds of CPU that processes have used. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) / 100
}

/** The least that a Node process can do (bench/load/floor.mjs): no token, no matching, no history, no bound. */
export function floor(mode: keyof typeof floors): Contestant {
  return {
    name: floors[mode],
    async start() {
      const port = await freePort()
      const command = [process.execPath, join(root, 'bench/load/floor.mjs'), mode, String(port)]
      const knowsTopics = mode === 'topics'
      return run(command, { PATH: process.env['PATH'] }, undefined, port, {
        path: knowsTopics ? '/?topic=t%t' : '/',
        publishPath: '/',
        body: knowsTopics ? 'topic=t%t&data=%s' : 'data=%s',
        contentType: 'application/x-www-form-urlencoded',
        publishHeaders: [],
        subscribeHeaders: [],
      })
    },
  }
}

/** What the floor does with an update, and what the tables call it. */
const floors = {
  res: 'Node, res.write',
  sock: 'Node, a write per update',
  coalesce: 'Node, a write per turn',
  topics: 'Node, by topic',
}

/** Nchan, a module of nginx in C (Debian: libnginx-mod-nchan). */
export const nchan: Contestant = {
  name: 'Nchan',
  ...(existsSync(nchanModule) ? {} : { absence: 'libnginx-mod-nchan is not installed' }),
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'cinnabar-bench-'))
    const port = await freePort()
    mkdirSync(join(folder, 'tmp'))
    const configuration = readFileSync(join(root, 'bench/load/nchan.conf'), 'utf8')
      .replaceAll('@RUN@', folder)
      .replaceAll('@PORT@', String(port))
    writeFileSync(join(folder, 'nchan.conf'), `daemon off;\n${configuration}`)
    const command = ['nginx', '-p', `${folder}/`, '-c', 'nchan.conf']
    return run(command, { PATH: process.env['PATH'] }, folder, port, {
      path: '/sub/t%t',
      publishPath: '/pub/t%t',
      body: '%s',
      contentType: 'text/plain',
      publishHeaders: [],
      subscribeHeaders: [],
    })
  },
}

/** A Mercure hub that runs elsewhere on this machine; its CPU and memory are not known. */
export function peer(name: string, url: string): Contestant {
  const { port, pathname } = new URL(url)
  const audience = url
  return {
    name,
    async start() {
      return {
        port: Number(port),
        pids: [],
        dialect: {
          path: `${pathname}?match=${topic}`,
          publishPath: pathname,
          body: `topic=${topic}&data=%s`,
          contentType: 'application/x-www-form-urlencoded',
          publishHeaders: [`Authorization: Bearer ${token(audience, [grant('publish', ['*'])])}`],
          subscribeHeaders: [],
        },
        restart: async () => {},
        kill: async () => {},
        stop: async () => {},
      }
    },
  }
}

/** An authorization detail of a token. */
export function grant(action: 'publish' | 'subscribe', topics: readonly string[]): object {
  return {
    type: 'https://mercure.rocks/authorization-detail',
    actions: [action],
    topics: topics.map((match) => ({ match })),
  }
}

/** A 1.0 access token for the hubs of these benches. */
export function token(audience: string, details: readonly object[], subject = 'bench'): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const expires = Math.floor(Date.now() / 1000) + 86_400
  const claims = {
    iss: issuer,
    aud: audience,
    sub: subject,
    exp: expires,
    authorization_details: details,
  }
  const signed = `${encode({ typ: 'at+jwt', alg: 'HS256' })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

async function run(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  folder: string | undefined,
  port: number,
  dialect: Dialect,
): Promise<Server> {
  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const ending = child
    child = undefined
    if (ending === undefined || ending.exitCode !== null) return
    const closed = once(ending, 'close')
    ending.kill(signal)
    await closed
  }
  const begin = async () => {
    child = spawn('taskset', ['-c', String(serverCore), ...command], {
      env,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await listens(port)
  }
  const last = () => void end('SIGKILL')
  process.once('exit', last)
  await begin()
  return {
    port,
    get pids() {
      return child?.pid === undefined ? [] : [child.pid, ...childrenOf(child.pid)]
    },
    dialect,
    restart: begin,
    kill: () => end('SIGKILL'),
    async stop() {
      process.removeListener('exit', last)
      await end('SIGTERM')
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number)
  } catch {
    return []
  }
}

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
