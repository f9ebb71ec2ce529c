import { HubError } from '../errors.ts'
import {
  canonicalHash,
  canonicalHostname,
  canonicalIpv6Hostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalSearch,
  canonicalUsername,
  isDefaultPort,
} from './canonical.ts'
import { maxBranches, maxInstructions } from './match/instructions.ts'
import {
  type Component,
  compileComponent,
  compileProtocol,
  matchesSpecialScheme,
} from './component-pattern.ts'
import type { ComponentName, UrlComponents } from './url-components.ts'
import { parseConstructorString, type PatternStrings } from './parse/constructor-string.ts'
import { inheritFrom } from './parse/base-url.ts'
import { notAPattern, tooComplex } from './errors.ts'
import type { Slice } from '../slice.ts'

/**
 * What an index can know of a pattern without trying it: the literal text that any URL it matches
 * has. `protocol`, `hostname` and `port` are there when nothing in them varies; the pathname begins
 * with `pathname` and ends with `pathnameSuffix`, or is `pathname` when `isWholePathname`.
 */
export interface LiteralPrefix {
  readonly protocol?: string
  readonly hostname?: string
  readonly port?: string
  readonly pathname: string
  readonly isWholePathname: boolean
  readonly pathnameSuffix: string
}

/** Literal texts: what a path begins and ends with, and what a query begins with. */
export interface Edges {
  readonly start: string
  readonly end: string
  readonly query: string
}

/** The segments of a path from its beginning. Unless they are all, others follow, the last of which may be known. */
export interface PathShape {
  readonly segments: readonly (string | undefined)[]
  readonly isWhole: boolean
  readonly last: string | undefined
  readonly edges: Edges
}

/**
 * A pattern of the WHATWG URL Pattern standard (https://urlpattern.spec.whatwg.org/), case-sensitive,
 * that matches in linear time.
 *
 * Where it is stricter than the standard it refuses, and never gives a pattern another meaning:
 * look-around, back-references, inline modifiers and sets of strings in custom groups, and patterns
 * beyond the limits in `code.ts` and `regexp.ts`.
 */
export class UrlPattern {
  readonly literal: LiteralPrefix
  /** Steps that it takes for one character, at most. */
  readonly cost: number
  readonly #components: Components
  /** Those that literal text does not decide. */
  readonly #programs: readonly ComponentName[]

  private constructor(components: Components) {
    this.#components = components
    this.literal = literalOf(components)
    this.#programs = componentNames.filter((name) => components[name].cost > 0)
    this.cost = Math.max(0, ...this.#programs.map((name) => components[name].cost))
  }

  /**
   * Compiles a constructor string such as `https://example.com/books/:id`.
   *
   * @param base the URL from which a relative pattern, that is one without a protocol, takes what it
   *   does not say itself
   * @throws HubError `invalid_matcher`
   */
  static compile(pattern: string, base: string): UrlPattern {
    try {
      const given = parseConstructorString(pattern.replace(/\p{Surrogate}/gu, '\ufffd'))
      return UrlPattern.ofStrings(given.protocol === undefined ? inheritFrom(base, given) : given)
    } catch (error) {
      throw error instanceof HubError ? error : notAPattern(undefined, error)
    }
  }

  /** Compiles one pattern string for each component; an absent one matches anything. */
  static ofStrings(given: PatternStrings): UrlPattern {
    const components = compileComponents(normalized(given))
    checkSize(components)
    return new UrlPattern(components)
  }

  /** What an index of paths can know, segment by segment: a text, or undefined where it varies. */
  get pathShape(): PathShape {
    const { pathname, search } = this.#components
    const edges = { start: pathname.prefix, end: pathname.suffix, query: search.prefix }
    const last = pathname.suffix.includes('/') ? pathname.suffix.split('/').at(-1) : undefined
    return { segments: pathname.segments, isWhole: pathname.hasAllSegments, last, edges }
  }

  /** False when a literal text rules the URL out: a few comparisons, where `test` runs the pattern. */
  canMatch(url: UrlComponents): boolean {
    const components = this.#components
    return (
      components.protocol.canMatch(url.protocol) &&
      components.hostname.canMatch(url.hostname) &&
      components.pathname.canMatch(url.pathname) &&
      components.port.canMatch(url.port) &&
      components.search.canMatch(url.search) &&
      components.hash.canMatch(url.hash) &&
      components.username.canMatch(url.username) &&
      components.password.canMatch(url.password)
    )
  }

  /** True when the URL with these components matches. Never throws. */
  test(url: UrlComponents): boolean {
    if (!this.canMatch(url)) return false
    for (const name of this.#programs) if (!this.#components[name].matches(url[name])) return false
    return true
  }

  /** The same in portions. */
  *testing(url: UrlComponents, slice: Slice): Generator<undefined, boolean> {
    if (!this.canMatch(url)) return false
    for (const name of this.#programs)
      if (!(yield* this.#components[name].matching(url[name], slice))) return false
    return true
  }
}

type Components = Readonly<Record<ComponentName, Component>>

const componentNames = [
  'protocol',
  'hostname',
  'pathname',
  'port',
  'search',
  'hash',
  'username',
  'password',
] as const satisfies readonly ComponentName[]

/** The last steps before compilation: leave out separators and default ports. */
function normalized(given: PatternStrings): Required<PatternStrings> {
  const strings: Required<PatternStrings> = { ...anything, ...given }
  strings.protocol = strings.protocol.replace(/:$/, '')
  strings.search = strings.search.replace(/^\?/, '')
  strings.hash = strings.hash.replace(/^#/, '')
  if (isDefaultPort(strings.protocol, strings.port)) strings.port = ''
  return strings
}

const anything = {
  protocol: '*',
  username: '*',
  password: '*',
  hostname: '*',
  port: '*',
  pathname: '*',
  search: '*',
  hash: '*',
} as const satisfies Record<ComponentName, string>

function compileComponents(strings: Required<PatternStrings>): Components {
  const protocol = compileProtocol(strings.protocol)
  return {
    protocol,
    username: compileComponent(strings.username, canonicalUsername),
    password: compileComponent(strings.password, canonicalPassword),
    hostname: compileHostname(strings.hostname),
    port: compileComponent(strings.port, canonicalPort),
    pathname: compilePathname(strings.pathname, matchesSpecialScheme(protocol)),
    search: compileComponent(strings.search, canonicalSearch),
    hash: compileComponent(strings.hash, canonicalHash),
  }
}

function compileHostname(hostname: string): Component {
  const isIpv6 = /^[\\{]?\[/.test(hostname) && hostname.length > 1
  const encode = isIpv6 ? canonicalIpv6Hostname : canonicalHostname
  return compileComponent(hostname, encode, { delimiter: '.', prefix: '' })
}

/** Only the path of a special URL is sure to have segments. */
function compilePathname(pathname: string, isSpecial: boolean): Component {
  return isSpecial
    ? compileComponent(pathname, canonicalPathname, { delimiter: '/', prefix: '/' })
    : compileComponent(pathname, canonicalOpaquePathname)
}

function checkSize(components: Components): void {
  let instructions = 0
  let branches = 0
  for (const { varying } of Object.values(components)) {
    if (varying === undefined || varying === 'anything') continue
    instructions += varying.instructions
    branches += varying.branches
  }
  if (instructions > maxInstructions || branches > maxBranches) throw tooComplex()
}

function literalOf({ protocol, hostname, port, pathname }: Components): LiteralPrefix {
  return {
    ...(protocol.literal !== undefined && { protocol: protocol.literal }),
    ...(hostname.literal !== undefined && { hostname: hostname.literal }),
    ...(port.literal !== undefined && { port: port.literal }),
    pathname: pathname.prefix,
    isWholePathname: pathname.literal !== undefined,
    pathnameSuffix: pathname.suffix,
  }
}
