import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { countedAddress, plainAddress } from '../../net/ip.ts'
import { isLoopbackHost } from '../../net/loopback.ts'
import { HubError } from '../../protocol/errors.ts'
import { hubPath } from '../../protocol/reserved.ts'

export const metadataPath = `/.well-known/oauth-protected-resource${hubPath}`

/** Who the hub is to one request. */
export interface HubUrls {
  /** `scheme://host[:port]`, lower case; undefined when the request names no host that could be one. */
  readonly origin: string | undefined
  /** The hub's own URL: the base of relative patterns and topics. */
  readonly hubUrl: string
  /** The `aud` that tokens must name; undefined when the request's host proves nothing. */
  readonly audience: string | undefined
  /** Where the protected resource metadata is; undefined when there is no audience. */
  readonly metadataUrl: string | undefined
  /** The request was meant for somebody else: 421. */
  readonly isMisdirected: boolean
}

export interface HubUrlOptions {
  readonly resourceIdentifier: string | undefined
  readonly publicUrls: readonly string[]
  readonly trustedProxies: readonly string[]
  /** The playground answers loopback names only. */
  readonly isLoopbackOnly: boolean
}

/** Hosts that are remembered with what they mean, and the longest of them, in characters. */
const rememberedHosts = 256
const longestHost = 300
/** Addresses of one `X-Forwarded-For` that are looked at, from its end. */
const mostHops = 64
const longestShown = 200

/**
 * Tells, per request, which URLs are the hub's own (decision 6).
 *
 * They come from the configuration. Without, they are derived from `Host`, and only for loopback
 * names may tokens be verified against that: any other name is the client's to choose.
 *
 * `X-Forwarded-Host` chooses among the hosts that are allowed, and never adds one. A page under a name that
 * leads to this machine (DNS rebinding) comes from a trusted address and may set that field; what it cannot
 * set is its own `Host`. So the field counts when `Host` is a name of the hub's, or an address literal, as
 * proxies send it that do not keep the name.
 */
export class HubUrlResolver {
  readonly #options: HubUrlOptions
  readonly #proxies: BlockList
  readonly #publicOrigins: ReadonlySet<string>
  /** Names, without ports, that the operator gave to the hub. */
  readonly #ownNames: ReadonlySet<string>
  readonly #known = new Map<string, HubUrls>()

  constructor(options: HubUrlOptions) {
    this.#options = options
    this.#proxies = blockListOf(options.trustedProxies)
    this.#publicOrigins = new Set(options.publicUrls.map((url) => originOf(url) ?? url))
    const { publicUrls, resourceIdentifier = '' } = options
    this.#ownNames = new Set([...publicUrls, resourceIdentifier].map(nameOf))
  }

  resolve(request: IncomingMessage): HubUrls {
    const { headers, socket } = request
    const isForwarded = this.#isFromProxy(request)
    const scheme =
      (isForwarded ? schemeOf(headers['x-forwarded-proto']) : undefined) ??
      ((socket as TLSSocket).encrypted === true ? 'https' : 'http')
    const forwarded = isForwarded ? firstOf(headers['x-forwarded-host']) : undefined
    return this.#urlsFor(scheme, hostOf(request), forwarded)
  }

  #urlsFor(scheme: string, host: string, forwarded: string | undefined): HubUrls {
    const asked = `${scheme}://${host}${forwarded === undefined ? '' : `\n${forwarded}`}`
    let urls = this.#known.get(asked)
    if (urls !== undefined) return urls
    const isBelieved = forwarded !== undefined && this.#mayForward(host)
    urls = this.#urlsOf(`${scheme}://${isBelieved ? forwarded : host}`)
    if (asked.length > longestHost) return urls
    if (this.#known.size >= rememberedHosts) this.#known.clear()
    this.#known.set(asked, urls)
    return urls
  }

  /** What a request gets that was meant for somebody else. Who asks from this machine reads what the log says. */
  misdirected(request: IncomingMessage): HubError {
    const seen = this.#seen(request)
    const isNear = isLoopbackHost(plainAddress(request.socket.remoteAddress ?? '') ?? '')
    const sentence = isNear ? `${notPublic}: ${seen}` : notPublic
    return new HubError('misdirected', sentence, { cause: new Error(seen) })
  }

  #seen(request: IncomingMessage): string {
    const { origin } = this.resolve(request)
    const peer = request.socket.remoteAddress ?? ''
    const isTrusted = this.#isTrusted(peer)
    const scheme = request.headers['x-forwarded-proto']
    const proto = `${scheme === undefined ? 'no X-Forwarded-Proto' : `X-Forwarded-Proto is ${isTrusted ? '' : 'not '}read`}`
    const trust = `peer ${plainAddress(peer) ?? peer} is ${isTrusted ? '' : 'not '}in trusted_proxies`
    const looksLike = origin?.slice(0, longestShown) ?? 'no host'
    const isInternal = /^https?:\/\/[\w-]+(?::\d+)?$/.test(origin ?? '')
    const hint = isInternal ? `; list ${looksLike} too if containers call the hub by that name` : ''
    return `this looks like ${looksLike} (${proto}; ${trust})${hint}`
  }

  /** Whom limits count a request to: the peer, or what a trusted proxy says; see `countedAddress`. */
  addressOf(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? ''
    if (!this.#isTrusted(peer)) return countedAddress(plainAddress(peer) ?? peer)
    let client = peer
    for (const hop of lastHops(String(request.headers['x-forwarded-for'] ?? ''))) {
      const address = plainAddress(hop)
      if (address === undefined) break // whoever stands before it cannot be told
      client = address
      if (!this.#isTrusted(address)) break
    }
    return countedAddress(client)
  }

  #urlsOf(name: string): HubUrls {
    const { resourceIdentifier, publicUrls, isLoopbackOnly } = this.#options
    const origin = originOf(name)
    const isPublic = origin !== undefined && this.#publicOrigins.has(origin)
    const isLoopback = origin !== undefined && isLoopbackName(new URL(origin).hostname)
    const derived = `${origin ?? 'http://localhost'}${hubPath}`
    const audience = resourceIdentifier ?? (isPublic || isLoopback ? derived : undefined)
    return {
      origin,
      hubUrl: resourceIdentifier?.endsWith(hubPath) === true ? resourceIdentifier : derived,
      audience,
      metadataUrl:
        audience === undefined ? undefined : `${new URL(audience).origin}${metadataPath}`,
      isMisdirected: (publicUrls.length > 0 && !isPublic) || (isLoopbackOnly && !isLoopback),
    }
  }

  #isFromProxy(request: IncomingMessage): boolean {
    const { headers } = request
    if (headers['x-forwarded-proto'] === undefined && headers['x-forwarded-host'] === undefined)
      return false
    return this.#isTrusted(request.socket.remoteAddress ?? '')
  }

  /** Whether a proxy that calls the hub by this host may say what its client called it. */
  #mayForward(host: string): boolean {
    if (this.#options.isLoopbackOnly) return false
    const name = nameOf(`http://${host}`)
    return this.#ownNames.has(name) ? name !== '' : isAddress(name)
  }

  #isTrusted(address: string): boolean {
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address
    return this.#proxies.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
  }
}

const notPublic = 'this host is not one of the hub’s public URLs (public_urls)'

/** What the client, or the proxy before the hub, calls the hub; empty when it does not say. */
function hostOf({ url = '', headers }: IncomingMessage): string {
  const field = headers.host ?? (headers[':authority'] as string | undefined)
  return authorityOf(url) ?? field?.trim() ?? ''
}

/** The authority of an absolute-form target, which stands above `Host` (RFC 9112 § 3.2.2). */
function authorityOf(target: string): string | undefined {
  if (target.startsWith('/')) return undefined
  return /^https?:\/\/([^/?#]+)/i.exec(target)?.[1]
}

/** A host name that only this machine reaches. */
export function isLoopbackName(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  )
}

function originOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, host, username, password } = new URL(url)
  return host === '' || username !== '' || password !== '' ? undefined : `${protocol}//${host}`
}

/** The host name of a URL; empty when it has none. */
function nameOf(url: string): string {
  const origin = originOf(url)
  return origin === undefined ? '' : new URL(origin).hostname
}

function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
}

function schemeOf(field: string | string[] | undefined): string | undefined {
  const scheme = firstOf(field)?.toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}

/** The addresses of an `X-Forwarded-For`, nearest first. */
function* lastHops(field: string): Generator<string> {
  let end = field.length
  for (let hop = 0; hop < mostHops && end >= 0; hop++) {
    const comma = end === 0 ? -1 : field.lastIndexOf(',', end - 1)
    yield field.slice(comma + 1, end).trim()
    end = comma
  }
}

function firstOf(field: string | string[] | undefined): string | undefined {
  let first = Array.isArray(field) ? field[0] : field
  if (first?.includes(',') === true) first = first.slice(0, first.indexOf(','))
  first = first?.trim()
  return first === '' ? undefined : first
}

function blockListOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
