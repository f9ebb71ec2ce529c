import { domainToASCII } from 'node:url'

const form =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>\[[0-9a-f:.]+\]|[^\s/\\?#@:[\]]*)(?::(?<port>\d{1,5}|\*))?$/

/** Ports that browsers leave out of an origin. */
const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** What a `*` inside an entry may stand for: part of a host, or a port. Never a path or user info. */
const wild = /^[a-z0-9.:_-]*$/

/**
 * The origins that an option lists, such as `publish_origins` and `cors_origins` (draft-08 §§ 1.7 and 1.8).
 *
 * An entry is `*` (any origin), `null` (the opaque origin), or `scheme://host[:port]` with at most
 * one `*` in host or port. Origins are compared in lower case.
 */
export class OriginList {
  readonly allowsAny: boolean
  readonly #exact: ReadonlySet<string>
  readonly #wildcards: readonly Wildcard[]

  private constructor(origins: readonly string[]) {
    this.allowsAny = origins.includes('*')
    this.#exact = new Set(origins.filter((origin) => !origin.includes('*')))
    this.#wildcards = origins
      .filter((origin) => origin !== '*' && origin.includes('*'))
      .map(wildcard)
  }

  /** @throws Error with the rule and the entry, for the first entry that is no origin */
  static parse(entries: readonly string[]): OriginList {
    return new OriginList(entries.map(parseOrigin))
  }

  /** True when `origin`, as an `Origin` field says it, is listed. */
  allows(origin: string): boolean {
    if (this.allowsAny) return true
    const asked = origin.toLowerCase()
    return this.#exact.has(asked) || this.#wildcards.some((entry) => matches(entry, asked))
  }
}

/** What stands before and after the `*` of an entry. */
interface Wildcard {
  readonly before: string
  readonly after: string
}

function wildcard(origin: string): Wildcard {
  const star = origin.indexOf('*')
  return { before: origin.slice(0, star), after: origin.slice(star + 1) }
}

function matches({ before, after }: Wildcard, origin: string): boolean {
  return (
    origin.length >= before.length + after.length &&
    origin.startsWith(before) &&
    origin.endsWith(after) &&
    wild.test(origin.slice(before.length, origin.length - after.length))
  )
}

/** An entry as browsers serialise origins: lower case, punycode, without the scheme's default port. */
function parseOrigin(entry: string): string {
  const text = entry.toLowerCase()
  if (text === '*' || text === 'null') return text

  const { scheme = '', host = '', port } = form.exec(text)?.groups ?? {}
  const asciiHost = asciiOf(host)
  if (scheme === '' || asciiHost === undefined) throw noOrigin(entry)
  if (host === '' && scheme in defaultPorts) throw noOrigin(entry)
  if (port !== undefined && port !== '*' && (port === '0' || Number(port) > 65_535))
    throw noOrigin(entry)

  const suffix = port === undefined || port === defaultPorts[scheme] ? '' : `:${port}`
  const origin = `${scheme}://${asciiHost}${suffix}`
  if (origin.split('*').length > 2) throw noOrigin(entry)
  return origin
}

function asciiOf(host: string): string | undefined {
  if (host === '' || host.startsWith('[')) return host
  return domainToASCII(host) || undefined // empty: no host name at all
}

function noOrigin(entry: string): Error {
  return new Error(
    `expected "*", "null" or scheme://host[:port] with at most one "*" in it, such as "https://*.example.com", got ${JSON.stringify(entry)}`,
  )
}
