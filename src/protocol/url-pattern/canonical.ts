import { notAPattern } from './errors.ts'

/**
 * The encoding callbacks of the standard (URL Pattern § 3.1): literal text of a pattern, in the form
 * it takes in a parsed URL. The runtime's own `URL` does the work wherever its interface lets us;
 * where it would hide a failure or trim, the few steps are written out.
 */

const badHost = 'its host is not valid'

/** The special schemes of the URL standard, with their default ports. */
const defaultPorts: Readonly<Record<string, string>> = {
  ftp: '21',
  file: '',
  http: '80',
  https: '443',
  ws: '80',
  wss: '443',
}

export const specialSchemes: readonly string[] = Object.keys(defaultPorts)

/** True when `port` says what a URL of this special scheme leaves out. */
export function isDefaultPort(protocol: string, port: string): boolean {
  return port !== '' && Object.hasOwn(defaultPorts, protocol) && defaultPorts[protocol] === port
}

export function canonicalProtocol(value: string): string {
  if (value === '') return value
  return parsed(`${value}://dummy.invalid/`, 'its scheme is not valid').protocol.slice(0, -1)
}

export function canonicalUsername(value: string): string {
  const url = dummyUrl()
  url.username = value
  return url.username
}

export function canonicalPassword(value: string): string {
  const url = dummyUrl()
  url.password = value
  return url.password
}

/**
 * The hostname setter swallows failures, so its steps are done here: tabs and newlines do not
 * count, the host ends at a path, query or fragment, and neither a port nor credentials may follow.
 */
export function canonicalHostname(value: string): string {
  if (value === '') return value
  const host = /^[^/\\?#]*/.exec(withoutBreaks(value))?.[0] ?? ''
  if (host === '' || host.includes('@') || hasPort(host)) throw notAPattern(badHost)
  return parsed(`https://${host}/`, badHost).hostname
}

/** A piece of an IPv6 address cannot be parsed alone: its characters are all that can be checked. */
export function canonicalIpv6Hostname(value: string): string {
  if (!/^[\da-f:[\]]*$/i.test(value)) throw notAPattern(badHost)
  return value.toLowerCase()
}

/** Leading digits count, the rest is dropped: what the URL parser does in its port state. */
export function canonicalPort(value: string): string {
  if (value === '') return value
  const digits = /^\d+/.exec(withoutBreaks(value))?.[0]
  if (digits === undefined || Number(digits) > 65_535)
    throw notAPattern('its port is none up to 65535')
  return `${Number(digits)}`
}

/** Text in the middle of a path must not get a slash, nor lose its first dot: `/-` keeps both away. */
export function canonicalPathname(value: string): string {
  if (value === '' || value === '/') return value
  const url = dummyUrl()
  if (value.startsWith('/')) {
    url.pathname = value
    return url.pathname
  }
  url.pathname = `/-${value}`
  return url.pathname.slice(2)
}

/** A whole URL with an opaque path would lose trailing spaces, so the C0 control set is applied here. */
export function canonicalOpaquePathname(value: string): string {
  const path = /^[^?#]*/.exec(withoutBreaks(value))?.[0] ?? ''
  return path.replace(/[^ -~]+/g, encodeURIComponent)
}

export function canonicalSearch(value: string): string {
  const url = dummyUrl()
  url.search = `?${value}`
  return url.search.slice(1)
}

export function canonicalHash(value: string): string {
  const url = dummyUrl()
  url.hash = `#${value}`
  return url.hash.slice(1)
}

function dummyUrl(): URL {
  return new URL('https://dummy.invalid/')
}

function parsed(url: string, fault: string): URL {
  if (!URL.canParse(url)) throw notAPattern(fault)
  return new URL(url)
}

function withoutBreaks(value: string): string {
  return value.replace(/[\t\n\r]/g, '')
}

function hasPort(host: string): boolean {
  return host.replace(/\[[^\]]*\]?/g, '').includes(':')
}
