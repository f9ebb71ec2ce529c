import { BlockList, isIP } from 'node:net'
import type { Parser } from '../config/options/parsers.ts'
import type { Settings } from '../config/settings.ts'
import { isLoopbackHost } from '../net/loopback.ts'
import { hubPath } from '../protocol/reserved.ts'

/** The value of `--hub`: the hub's whole URL, or its origin, which is completed. */
export const hubUrl: Parser<string> = (text) => {
  const isUrl = /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text)
  if (isUrl) return { value: /^[^/]+\/\/[^/?#]+\/?$/.test(text) ? completed(text) : text }
  return { expected: `the hub's whole URL such as "http://127.0.0.1:3000${hubPath}"` }
}

function completed(origin: string): string {
  return `${origin.replace(/\/$/, '')}${hubPath}`
}

/** Where the hub of these settings answers on this machine. */
export function ownHubUrl({ host, port }: Settings): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  const name = reachable.includes(':') ? `[${reachable}]` : reachable
  return `http://${name}:${port}${hubPath}`
}

/**
 * The audience that the hub expects in tokens (RFC 8707): its resource identifier, else its URL at
 * one of its public origins; `target` is the URL under which it is called.
 */
export function audienceOf(settings: Settings, target = ownHubUrl(settings)): string {
  return settings.resourceIdentifier ?? `${answeredOrigin(settings, target)}${hubPath}`
}

/** How a command calls a hub. */
export interface HubCall {
  readonly url: string
  /** What a proxy in front of the hub would say: the origin that the hub answers for. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * How to call the hub at `target`, by default the one of the settings.
 *
 * A hub with public URLs answers for nothing else (421), also on this machine. Where it believes
 * what a proxy on this machine says, it is told the public origin; else the call takes the way
 * that others take.
 */
export function callOf(settings: Settings, target = ownHubUrl(settings)): HubCall {
  const { origin, hostname, host } = new URL(target)
  const answered = new URL(answeredOrigin(settings, target))
  const isOwn = isLoopbackHost(hostname) || host === new URL(ownHubUrl(settings)).host
  if (!isOwn || answered.origin === origin) return { url: target, headers: {} }
  const scheme = answered.protocol.slice(0, -1)
  const forwarded = { 'x-forwarded-host': answered.host, 'x-forwarded-proto': scheme }
  if (isTrustedProxy(settings, hostname)) return { url: target, headers: forwarded }
  if (scheme === 'http') return { url: target, headers: { host: answered.host } }
  return { url: `${answered.origin}${hubPath}`, headers: {} }
}

/** The origin as which the hub at `target` is addressed. */
function answeredOrigin(settings: Settings, target: string): string {
  const { publicUrls, resourceIdentifier } = settings
  const { origin, host, hostname, port } = new URL(target)
  if (publicUrls.includes(origin)) return origin
  if (publicUrls[0] !== undefined) return publicUrls[0]
  // Without public URLs tokens are for loopback names only, whatever the hub listens on.
  const isNamed = resourceIdentifier !== undefined || isLoopbackHost(hostname)
  const isOwn = host === new URL(ownHubUrl(settings)).host
  return isNamed || !isOwn ? origin : `http://127.0.0.1${port === '' ? '' : `:${port}`}`
}

/** Whether the hub takes this machine, as it is seen from `hostname`, for a proxy. */
function isTrustedProxy({ trustedProxies }: Settings, hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, '$1')
  const address = isIP(name) === 0 ? '127.0.0.1' : name // only loopback names get here
  const list = new BlockList()
  for (const entry of trustedProxies) {
    const [base = '', prefix] = entry.split('/')
    const family = isIP(base) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(base, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family)
  }
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
