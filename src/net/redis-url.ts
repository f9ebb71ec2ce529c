import { readFileSync } from 'node:fs'

/** Where a `redis:` history lives, and what a publisher waits for: the transport URL, taken apart. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** Servers to ask: the one, the Sentinels, or nodes of the Cluster. */
  readonly nodes: readonly RedisAddress[]
  /** What Sentinel calls the primary. */
  readonly name: string
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: RedisTls | undefined
  /** Keys are named `{prefix}:…`: one slot of a Cluster, and apart from other hubs on the same server. */
  readonly prefix: string
  /** Replicas that confirm an append before it is acknowledged; undefined: one where there are any. */
  readonly replicas: number | undefined
  /** Whether an append waits until the primary's AOF is on disk, however `appendfsync` is set (Redis 7.2). */
  readonly waitsForDisk: boolean
}

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

export interface RedisTls {
  readonly ca?: Buffer
  readonly cert?: Buffer
  readonly key?: Buffer
  readonly servername?: string
}

const kinds = {
  'redis:': 'single',
  'rediss:': 'single',
  'redis+sentinel:': 'sentinel',
  'redis+cluster:': 'cluster',
} as const
const parameters = [
  'prefix',
  'node',
  'name',
  'replicas',
  'wait',
  'tls',
  'ca',
  'cert',
  'key',
  'servername',
]
const maxReplicas = 16

/** Whether a transport URL names a history in Redis. */
export function isRedisUrl(url: string): boolean {
  return /^redis(?:s|\+sentinel|\+cluster)?:/.test(url)
}

/** What is wrong with a URL; the message never holds a piece of the password. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError'
  readonly expected: string
  readonly got: string

  constructor(expected: string, got: string, options?: ErrorOptions) {
    super(`transport_url: expected ${expected}, got ${got}`, options)
    this.expected = expected
    this.got = got
  }
}

/**
 * Reads `redis://[user:password@]host:port/database?prefix=…` and its relatives.
 *
 * @param files `unread`: the PEM files that it names are not looked at
 * @throws RedisUrlError
 */
export function parseRedisUrl(text: string, files: 'read' | 'unread' = 'read'): RedisTarget {
  const url = takeApart(text)
  const kind = kinds[url.protocol as keyof typeof kinds]
  const { searchParams: query } = url
  for (const name of query.keys())
    if (!parameters.includes(name))
      throw wrong(`one of the parameters ${parameters.join(', ')}`, name)
  if (kind === undefined) throw wrong(Object.keys(kinds).join(', '), url.protocol)
  return {
    kind,
    nodes: nodesOf(url, kind),
    name: nameOf(query, kind),
    database: databaseOf(url, kind),
    username: decoded(url.username),
    password: decoded(url.password),
    tls: tlsOf(url, files),
    prefix: prefixOf(query),
    replicas: replicasOf(query),
    waitsForDisk: waitOf(query),
  }
}

/**
 * A password with `@`, `/`, `#` or `?` in it ends too early, and the rest of it would be taken for a
 * database or a parameter, and be quoted as such.
 */
function takeApart(text: string): URL {
  const [beforeQuery = '', ...query] = text.replace(/^[^:]*:\/\//, '').split('?')
  const [, ...path] = beforeQuery.split('/')
  const isCut =
    text.includes('#') ||
    path.join('/').includes('@') ||
    query.slice(1).join('').includes('@') ||
    [...new URLSearchParams(query.join('?')).keys()].some((name) => name.includes('@'))
  if (isCut || (!URL.canParse(text) && text.includes('@'))) throw notEncoded()
  if (!URL.canParse(text) || new URL(text).host === '')
    throw new RedisUrlError('redis://host:port/database', 'a URL that cannot be taken apart')
  return new URL(text)
}

function decoded(part: string): string | undefined {
  try {
    return part === '' ? undefined : decodeURIComponent(part)
  } catch {
    throw notEncoded()
  }
}

function notEncoded(): RedisUrlError {
  return new RedisUrlError(
    'redis://user:password@host:port/database; percent-encode user and password (%40 for @, %2F for /, %23 for #, %3F for ?, %25 for %)',
    'a URL that cannot be taken apart',
  )
}

function nodesOf(url: URL, kind: RedisTarget['kind']): RedisAddress[] {
  const port = kind === 'sentinel' ? 26_379 : 6_379
  const more = url.searchParams.getAll('node')
  if (more.length > 0 && kind === 'single')
    throw wrong('node= only with redis+sentinel: or redis+cluster:', more[0])
  return [url.host, ...more].map((node) => addressOf(node, port))
}

function addressOf(node: string, defaultPort: number): RedisAddress {
  const parts = /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?$/i.exec(node)
  const port = Number(parts?.[2] ?? defaultPort)
  if (parts?.[1] === undefined || port === 0 || port > 65_535)
    throw wrong('servers as host:port', node)
  return { host: parts[1].replace(/^\[|\]$/g, ''), port }
}

function nameOf(query: URLSearchParams, kind: RedisTarget['kind']): string {
  const name = query.get('name')
  if (kind !== 'sentinel' && name !== null)
    throw wrong('name= only with redis+sentinel:', `name=${name}`)
  if (kind === 'sentinel' && (name === null || name === ''))
    throw wrong('name=, what Sentinel calls the primary', 'none')
  return name ?? ''
}

function databaseOf(url: URL, kind: RedisTarget['kind']): number {
  const path = url.pathname.replace(/^\//, '')
  if (!/^\d{0,5}$/.test(path)) throw wrong('a database number after the slash', path)
  const database = Number(path)
  if (kind === 'cluster' && database !== 0)
    throw wrong('database 0, the only one that a Cluster has', path)
  return database
}

function tlsOf(url: URL, from: 'read' | 'unread'): RedisTls | undefined {
  const { searchParams: query } = url
  const tls = query.get('tls') ?? (url.protocol === 'rediss:' ? '1' : '0')
  if (tls !== '0' && tls !== '1') throw wrong('tls=1 or tls=0', `tls=${tls}`)
  const files = ['ca', 'cert', 'key'].filter((name) => query.has(name))
  if (tls === '0') {
    if (files.length > 0 || query.has('servername'))
      throw wrong(`rediss: (or tls=1) with ${files[0] ?? 'servername'}=`, 'no TLS')
    return undefined
  }
  if (from === 'unread') return {}
  const contents = files.map((name) => [name, contentOf(name, query.get(name) ?? '')])
  const servername = query.get('servername')
  return { ...Object.fromEntries(contents), ...(servername === null ? {} : { servername }) }
}

function contentOf(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    const { code = 'an error' } = cause as NodeJS.ErrnoException
    throw new RedisUrlError(`${name}= to name a PEM file`, `${code} for ${path}`, { cause })
  }
}

function prefixOf(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? 'mercure'
  if (!/^[\w.:/-]{1,64}$/.test(prefix))
    throw wrong(
      'prefix= to have 1 to 64 letters, digits, or . : / _ -',
      prefix === '' ? 'an empty one' : prefix,
    )
  return prefix
}

function replicasOf(query: URLSearchParams): number | undefined {
  const replicas = query.get('replicas')
  if (replicas === null) return undefined
  if (!/^\d{1,2}$/.test(replicas) || Number(replicas) > maxReplicas)
    throw wrong(`replicas= to be a number up to ${maxReplicas}`, replicas)
  return Number(replicas)
}

function waitOf(query: URLSearchParams): boolean {
  const wait = query.get('wait')
  if (wait !== null && wait !== 'aof') throw wrong('wait=aof', `wait=${wait}`)
  return wait === 'aof'
}

function wrong(expected: string, got = 'nothing'): Error {
  return new RedisUrlError(expected, got)
}
