import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { countedAddress, plainAddress } from '../../net/ip.ts'
import { isLoopbackHost } from '../../net/loopback.ts'
import { HubError } from '../../protocol/errors.ts'
import { hubPath } from '../../protocol/reserved.ts'

export const metadataPath = `/.well-known/oauth-protected-resource${hubPath}`

/** Who the hub is to one request. */
export interface HubUrls {
  /** `scheme://host[:port]`, lower case. */
  readonly origin: string
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

const rememberedHosts = 256
const longestShown = 200

/**
 * Tells, per request, which URLs are the hub's own (decision 6).
 *
 * They come from the configuration. Without, they are derived from `Host`, and only for loopback
 * names may tokens be verified against that: any other name is the client's to choose.
 */
export class HubUrlResolver {
  readonly #options: HubUrlOptions
  readonly #proxies: BlockList
  readonly #publicOrigins: ReadonlySet<string>
  readonly #known = new Map<string, HubUrls>()

  constructor(options: HubUrlOptions) {
    this.#options = options
    this.#proxies = blockListOf(options.trustedProxies)
    this.#publicOrigins = new Set(options.publicUrls.map((url) => originOf(url) ?? url))
  }

  resolve(request: IncomingMessage): HubUrls {
    const isForwarded = this.#isFromProxy(request)
    const scheme =
      (isForwarded ? firstOf(request.headers['x-forwarded-proto']) : undefined) ??
      ((request.socket as TLSSocket).encrypted === true ? 'https' : 'http')
    const host =
      (isForwarded ? firstOf(request.headers['x-forwarded-host']) : undefined) ??
      authorityOf(request.url ?? '') ??
      firstOf(request.headers.host ?? (request.headers[':authority'] as string | undefined)) ??
      ''
    const name = `${scheme}://${host}`
    let urls = this.#known.get(name)
    if (urls === undefined) {
      if (this.#known.size >= rememberedHosts) this.#known.clear()
      urls = this.#urlsOf(name)
      this.#known.set(name, urls)
    }
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
    const looksLike = origin === 'null' ? 'no host' : origin.slice(0, longestShown)
    const isInternal = /^https?:\/\/[\w-]+(?::\d+)?$/.test(origin)
    const hint = isInternal ? `; list ${looksLike} too if containers call the hub by that name` : ''
    return `this looks like ${looksLike} (${proto}; ${trust})${hint}`
  }

  /** Whom limits count a request to: the peer, or what a trusted proxy says; see `countedAddress`. */
  addressOf(request: IncomingMessage): string {
    const peer = request.socket.remoteAddress ?? ''
    if (!this.#isTrusted(peer)) return countedAddress(plainAddress(peer) ?? peer)
    let client = peer
    const hops = String(request.headers['x-forwarded-for'] ?? '').split(',')
    for (const hop of hops.reverse()) {
      const address = plainAddress(hop.trim())
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
      origin: origin ?? 'null',
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

  #isTrusted(address: string): boolean {
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address
    return this.#proxies.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
  }
}

const notPublic = 'this host is not one of the hub’s public URLs (public_urls)'

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
