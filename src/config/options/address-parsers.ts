import { isIP } from 'node:net'
import { isRedisUrl, parseRedisUrl, RedisUrlError } from '../../net/redis-url.ts'
import { isPlainText } from '../../protocol/text.ts'
import type { Parser } from './parsers.ts'

/** An address or a host name to listen on; brackets around an IPv6 address are dropped. */
export const host: Parser<string> = (text) => {
  const name = text.replace(/^\[(.*)\]$/, '$1')
  if (isIP(name) !== 0) return { value: name }
  if (/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i.test(text) && !/^[\d.]+$/.test(text))
    return { value: text }
  return { expected: 'an IP address or a host name such as "127.0.0.1"' }
}

/** A TCP port; 0 lets the system pick a free one. */
export const port: Parser<number> = (text) =>
  isPort(text) ? { value: Number(text) } : { expected: 'a port from 0 to 65535' }

/** A TCP port, or `off`. */
export const portOrOff: Parser<number | 'off'> = (text) => {
  if (text === 'off') return { value: 'off' }
  return isPort(text) ? { value: Number(text) } : { expected: 'a port from 0 to 65535, or off' }
}

/** An `http` or `https` URL with a host and without user, query or fragment, as its origin. */
export const publicUrl: Parser<string> = (text) => {
  const url = webUrl(text)
  if (url === undefined || /[?#]/.test(text))
    return { expected: 'an absolute http(s) URL such as "https://hub.example.com"' }
  return { value: url.origin }
}

/** A URL that names the hub, kept byte for byte because tokens are compared with it (RFC 8707 § 2). */
export const resourceIdentifier: Parser<string> = (text) =>
  webUrl(text) === undefined || text.includes('#')
    ? {
        expected:
          'an absolute http(s) URL without fragment such as "https://hub.example.com/.well-known/mercure"',
      }
    : { value: text }

/** Where a JWK Set is: `http`, `https`, or a `file` on this machine. */
export const jwksUri: Parser<string> = (text) => {
  if (webUrl(text) !== undefined) return { value: text }
  const isLocalFile = /^file:\/\/(?:localhost)?\/./.test(text) && URL.canParse(text)
  return isLocalFile
    ? { value: text }
    : { expected: 'a URL such as "https://app.example/jwks.json" or "file:///etc/jwks.json"' }
}

/**
 * An entry of a list of origins: `*`, `null`, or `scheme://host[:port]` with at most one `*` in it.
 * In lower case and without a default port, as browsers send origins.
 */
export const origin: Parser<string> = (text) => {
  const value = text.toLowerCase()
  if (value === '*' || value === 'null') return { value }
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9.*_-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}|\*))?$/.exec(
    value,
  )
  const [, scheme = '', name = '', number] = parts ?? []
  const isWhole = parts !== null && (value.match(/\*/g)?.length ?? 0) <= 1
  if (!isWhole || !isOriginHost(name) || !isOriginPort(number))
    return {
      expected:
        'an origin such as "https://app.example" (no path, no trailing slash), "https://*.app.example", "null" or "*"',
    }
  return { value: number === defaultPorts[scheme] ? `${scheme}://${name}` : value }
}

/** An IP address or a CIDR block. */
export const addressBlock: Parser<string> = (text) => {
  const [address = '', prefix, ...more] = text.split('/')
  const bits = isIP(address) === 4 ? 32 : 128
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  if (isIP(address) !== 0 && isPrefix && more.length === 0) return { value: text }
  return { expected: 'an IP address or a CIDR block such as "10.0.0.0/8"' }
}

/** Where the history is kept: `memory:`, `lmdb:PATH` or one of the `redis` family. */
export const transportUrl: Parser<string> = (text) => {
  if (text === 'memory:' || /^lmdb:(?!\/\/)[^?]+$/.test(text)) return { value: text }
  if (/^lmdb:./.test(text)) return { expected: plainPath }
  if (isRedisUrl(text)) return redisUrl(text)
  const other = /^(?:bolt|local):/.exec(text)?.[0]
  const expected = '"memory:", "lmdb:PATH" or "redis://host:port/db"'
  return other === undefined
    ? { expected }
    : { expected: `${expected} (${other} is another hub's; ${replacementFor(other)})` }
}

const plainPath =
  '"lmdb:PATH" with a plain path, such as "lmdb:/var/lib/cinnabar/history" (no // before it and no parameters behind it: history_size, MERCURE_HISTORY_SIZE, bounds the history)'

function redisUrl(text: string): ReturnType<Parser<string>> {
  try {
    parseRedisUrl(text, 'unread')
    return { value: text }
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error
    return { expected: error.expected, got: error.got }
  }
}

/** A name that fits a cookie (RFC 6265 § 4.1.1). */
export const cookieName: Parser<string> = (text) =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(text)
    ? { value: text }
    : { expected: 'a cookie name, without spaces or separators' }

/** A text that fits the `Authorization` header after `Bearer`. */
export const bearerToken: Parser<string> = (text) =>
  /^[\x21-\x7e]+$/.test(text)
    ? { value: text }
    : { expected: 'a token of visible ASCII characters without spaces' }

/** The `iss` of the tokens of one issuer: any text without control characters, most often a URL. */
export const issuerId: Parser<string> = (text) =>
  text !== '' && isPlainText(text)
    ? { value: text }
    : { expected: 'an issuer id such as "https://app.example"' }

const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' }

function replacementFor(scheme: string): string {
  return scheme === 'bolt:'
    ? 'lmdb:PATH keeps a history on disk, and MERCURE_HISTORY_SIZE bounds it'
    : 'memory: keeps one in memory'
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function isOriginHost(name: string): boolean {
  if (name.startsWith('[')) return isIP(name.slice(1, -1)) === 6
  return !name.startsWith('.') && !name.includes('..')
}

function isOriginPort(number: string | undefined): boolean {
  return number === undefined || number === '*' || (isPort(number) && number !== '0')
}

function webUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^/?#]/i.test(text) || /[\s\\]/.test(text) || !URL.canParse(text))
    return undefined
  const url = new URL(text)
  return url.host !== '' && url.username === '' && url.password === '' ? url : undefined
}
