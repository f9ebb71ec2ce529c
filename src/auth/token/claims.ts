import { type JsonObject, miscased } from '../json-object.ts'
import { invalidToken } from '../refusal.ts'

/** The registered claims of a 1.0 token (RFC 7519 § 4.1, RFC 9068 § 2.2), well typed and not yet judged. */
export interface Claims {
  readonly issuer: string
  readonly subject: string | undefined
  readonly audiences: readonly string[]
  readonly expiresAtMs: number
  readonly notBeforeMs: number | undefined
}

export const claimNames = ['iss', 'sub', 'aud', 'exp', 'nbf', 'authorization_details']

/** The last moment that a `Date` can say; an `exp` beyond it means never. */
const maxDateMs = 8.64e15

/** @throws HubError `invalid_token` for a claim that is missing, of the wrong type or in other letters */
export function readClaims(payload: JsonObject): Claims {
  const wrong = miscased(payload, claimNames)
  if (wrong !== undefined)
    throw invalidToken(
      'claims',
      `the token has a claim ${JSON.stringify(wrong)}; names are in lower case`,
    )

  const { iss, sub, aud, exp, nbf } = payload
  if (typeof iss !== 'string' || iss === '')
    throw invalidToken('claims', 'the token must name its issuer (iss)')
  if (sub !== undefined && typeof sub !== 'string')
    throw invalidToken('claims', 'the subject (sub) of the token must be a string')
  if (!isNumericDate(exp))
    throw invalidToken(
      'claims',
      'the token must have an expiration time (exp), a number of seconds',
    )
  if (nbf !== undefined && !isNumericDate(nbf))
    throw invalidToken('claims', 'the nbf of the token must be a number of seconds')
  return {
    issuer: iss,
    subject: sub,
    audiences: readAudiences(aud),
    expiresAtMs: atMs(exp),
    notBeforeMs: nbf === undefined ? undefined : nbf * 1000,
  }
}

/** When a token counts; open to the side that is undefined. */
export interface Validity {
  readonly expiresAtMs: number | undefined
  readonly notBeforeMs: number | undefined
}

/** A time of a token in ms since the epoch; an `exp` beyond what a `Date` can say means never. */
export function atMs(seconds: number): number {
  return Math.min(seconds * 1000, maxDateMs)
}

export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) // 1e999 parses as Infinity
}

function readAudiences(aud: unknown): readonly string[] {
  if (typeof aud === 'string') return [aud]
  if (Array.isArray(aud) && aud.every((entry) => typeof entry === 'string')) return aud
  throw invalidToken(
    'claims',
    'the token must have an audience (aud), a string or an array of strings',
  )
}

/** Zero leeway: hubs and issuers have synchronised clocks, and an expired token is expired (draft-08 § 1.7). */
export function requireCurrent({ expiresAtMs, notBeforeMs }: Validity, nowMs: number): void {
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs)
    throw invalidToken('expired', 'the token has expired')
  if (notBeforeMs !== undefined && notBeforeMs > nowMs)
    throw invalidToken('not_yet_valid', 'the token is not valid yet')
}

/** Compares byte for byte: identifiers are not URLs to be normalised (RFC 9068 § 4). */
export function requireAudience({ audiences }: Claims, expected: string | undefined): void {
  if (expected === undefined)
    throw invalidToken(
      'audience_unknown',
      'the hub cannot tell which audience the token must have; its operator has to set MERCURE_PUBLIC_URLS or MERCURE_RESOURCE_IDENTIFIER',
    )
  if (!audiences.includes(expected))
    throw invalidToken('audience', `the token is for another audience; expected ${expected}`)
}
