import type { OriginList } from '../net/origin-list.ts'
import { protocolOf } from './token/protocol-version.ts'
import { invalidCredentials, invalidToken } from './refusal.ts'

export type Role = 'publisher' | 'subscriber'

/** What a request presents, free of any framework. Fields are as received; nothing is parsed yet. */
export interface Presented {
  readonly role: Role
  /** The values of all `Authorization` field lines, one each: two lines are a defect, not a list. */
  readonly authorization: readonly string[]
  /** The `Cookie` field. */
  readonly cookie: string | undefined
  /** True for POST, where a cookie alone proves nothing about who asked; false for GET, HEAD and QUERY. */
  readonly isUnsafe: boolean
  /** The values of the query's `authorization` parameter, which protocol 0.x knows. */
  readonly queryTokens?: readonly string[]
  /** The request is one of protocol 0.x by its parameters, whatever its token. */
  readonly isLegacy?: boolean
  readonly origin: string | undefined
  readonly referer: string | undefined
  /** The hub's own origin for this request, from which cookies may publish without being listed; undefined equals none. */
  readonly ownOrigin: string | undefined
  /** The hub's URL for this request, base of relative patterns in the token. */
  readonly hubUrl: string
  /** The `aud` that tokens must carry; undefined when the hub cannot know it. */
  readonly audience: string | undefined
}

export interface CredentialRules {
  readonly cookieName: string
  readonly publishOrigins: OriginList
  /** Protocol 0.x is spoken too: its cookie and its query parameter count. */
  readonly speaksLegacy: boolean
}

/** The cookie of protocol 0.x. */
const legacyCookieName = 'mercureAuthorization'

/** Cookies that are looked at; browsers keep fewer than 200 for a site. */
const maxCookies = 512

/** The shortest text that can be a JWS. */
const minTokenBytes = 41

/** `Bearer`, a space and that (draft-08 § 1.2). */
const minHeaderBytes = 7 + minTokenBytes

/** RFC 6750 § 2.1, with the scheme in any case (RFC 9110 § 11.1). */
const bearer = /^bearer +(?<token>[A-Za-z0-9._~+/-]+=*)$/i

/**
 * The token that a request presents, or undefined when it presents none (draft-08 §§ 1.2 and 1.7).
 *
 * An `Authorization` field hides the cookie. There is no query parameter, because URLs end up in
 * logs; but 0.x has one, for 0.x tokens, which hides the cookie too.
 *
 * @throws HubError `invalid_credentials` for a presentation that is malformed, or a cookie that comes
 *   from an origin which may not send it; `invalid_token` for an unparsable `Referer`
 */
export function readToken(presented: Presented, rules: CredentialRules): string | undefined {
  const shown = readShown(presented, rules)
  if (shown !== undefined) return shown
  const token = readCookies(presented, rules)
  if (token !== undefined && presented.isUnsafe) requireKnownOrigin(presented, rules.publishOrigins)
  return token
}

/** The same, wherever a cookie comes from: for saying no in the right words. */
export function findToken(presented: Presented, rules: CredentialRules): string | undefined {
  return readShown(presented, rules) ?? readCookies(presented, rules)
}

/** What is presented by hand, as against a cookie that a browser adds. */
function readShown(presented: Presented, { speaksLegacy }: CredentialRules): string | undefined {
  if (presented.authorization.length > 0) return readHeader(presented.authorization)
  return speaksLegacy ? readQuery(presented) : undefined
}

/**
 * The token of the query. A 1.0 token does not count there, as if the parameter had another name; what
 * is no token at all is wrong to a 0.x request, and nothing to a 1.0 one.
 */
function readQuery({ queryTokens = [], isLegacy = false }: Presented): string | undefined {
  const [token] = queryTokens
  if (token === undefined) return undefined
  const isOne = queryTokens.length === 1 && token.length >= minTokenBytes
  const protocol = isOne ? protocolOf(token) : undefined
  if (protocol === '0.x') return token
  if (protocol === '1.0' || !isLegacy) return undefined
  throw invalidCredentials('malformed', 'the query must have one token as "authorization"')
}

function readCookies({ cookie }: Presented, rules: CredentialRules): string | undefined {
  const token = readCookie(cookie, rules.cookieName)
  if (token !== undefined || !rules.speaksLegacy) return token
  return readCookie(cookie, legacyCookieName)
}

/** The token of the `Authorization` lines. @throws HubError `invalid_credentials` */
export function readHeader(lines: readonly string[]): string {
  const [line = ''] = lines
  if (lines.length > 1)
    throw invalidCredentials('malformed', 'there must be one Authorization header at most')
  if (!/^bearer(?: |$)/i.test(line))
    throw invalidCredentials('malformed', 'the Authorization header must use the Bearer scheme')
  if (line.length < minHeaderBytes)
    throw invalidCredentials(
      'malformed',
      line.slice('bearer'.length).trim() === ''
        ? 'there is no token after "Bearer"'
        : 'this is no JSON Web Token: it is too short',
    )

  const token = bearer.exec(line)?.groups?.['token']
  if (token === undefined)
    throw invalidCredentials(
      'malformed',
      'the Authorization header must be "Bearer", a space and the token',
    )
  return token
}

/** The first cookie called `name`; cookie values are opaque, but for the quotes some senders add (RFC 6265bis § 4.1.1). */
function readCookie(field: string | undefined, name: string): string | undefined {
  for (const pair of cookiesOf(field)) {
    const equals = pair.indexOf('=')
    if (equals === -1 || pair.slice(0, equals).trim() !== name) continue
    const value = pair.slice(equals + 1).trim()
    return /^".*"$/.test(value) ? value.slice(1, -1) : value
  }
  return undefined
}

function* cookiesOf(field = ''): Generator<string> {
  for (let [start, count] = [0, 0]; start < field.length; count++) {
    if (count === maxCookies)
      throw invalidCredentials('malformed', `the Cookie header has more than ${maxCookies} cookies`)
    const end = field.indexOf(';', start)
    yield field.slice(start, end < 0 ? undefined : end)
    start = end < 0 ? field.length : end + 1
  }
}

/**
 * Browsers add cookies to requests that other sites make: an unsafe request must say where it comes
 * from, and that must be the hub itself or a listed origin (draft-08 § 1.7, cross-site request forgery).
 */
function requireKnownOrigin(presented: Presented, publishOrigins: OriginList): void {
  const origin = presented.origin || originOfReferer(presented.referer)
  if (!origin)
    throw invalidCredentials(
      'origin',
      'publishing with a cookie needs an Origin or Referer header; use an Authorization header elsewhere',
    )
  if (origin.toLowerCase() === presented.ownOrigin?.toLowerCase()) return
  if (!publishOrigins.allows(origin))
    throw invalidCredentials(
      'origin',
      'this origin may not publish with a cookie (see publish_origins)',
    )
}

/**
 * The origin of a `Referer`, written as browsers write origins.
 *
 * A host with percent escapes is no URL that a browser would send: the URL parser would repair it,
 * and a repaired origin must not decide.
 */
function originOfReferer(referer: string | undefined): string | undefined {
  if (!referer) return undefined
  const hasEscapedHost = /^[^/?#]*:\/\/[^/?#]*%/.test(referer)
  if (hasEscapedHost || !URL.canParse(referer))
    throw invalidToken('origin', 'the Referer header is not a URL')
  const url = new URL(referer)
  return `${url.protocol}//${url.host}`
}
