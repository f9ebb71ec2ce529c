import { Grants } from '../../protocol/grants.ts'
import type { JsonObject } from '../json-object.ts'
import { readGrants } from './authorization-details.ts'
import { atMs, isNumericDate } from './claims.ts'
import { decodeToken, type Token } from './decode.ts'
import { readLegacyGrants } from './legacy-claims.ts'
import { isLegacyToken, type Protocol } from './protocol-version.ts'

/** What a token says about itself. Nobody has verified it; the signature is left out. */
export interface Described {
  readonly header: JsonObject
  readonly claims: JsonObject
  readonly protocol: Protocol
  /** The token's `exp` in ms since the epoch; absent when it has none that can be read. */
  readonly expiresAtMs?: number
  /** What it would grant; nothing, when its grants break a rule. */
  readonly grants: Grants
}

/** Reads a token for somebody who looks at it; undefined when it is none. */
export function describeToken(text: string, hubUrl: string): Described | undefined {
  const token = attempt(() => decodeToken(text))
  if (token === undefined) return undefined
  const { header, claims } = token
  const protocol = isLegacyToken(token) ? '0.x' : '1.0'
  const { exp } = claims
  return {
    header,
    claims,
    protocol,
    ...(isNumericDate(exp) ? { expiresAtMs: atMs(exp) } : {}),
    grants: attempt(() => grantsOf(token, protocol, hubUrl)) ?? Grants.none,
  }
}

function grantsOf({ claims }: Token, protocol: Protocol, hubUrl: string): Grants {
  return protocol === '0.x'
    ? readLegacyGrants(claims, { hubUrl, compatibility: 8 })
    : readGrants(claims['authorization_details'], hubUrl)
}

/** What a stranger wrote may be wrong in any way; here that is no refusal. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
