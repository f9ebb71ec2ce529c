import { hash } from 'node:crypto'
import { compactVerify } from 'jose'
import type { Grants } from '../protocol/grants.ts'
import { type Claims, readClaims, requireAudience, requireCurrent } from './claims.ts'
import type { Role } from './credentials.ts'
import { readGrants } from './details.ts'
import { miscased } from './json.ts'
import type { Keyring } from './keyring.ts'
import type { KeyHint, KeySource, RoleKeySource, VerificationKey } from './keys.ts'
import { invalidToken } from './refusal.ts'
import { decodeToken, type Token } from './token.ts'

/** Who is asking, and what may they do. */
export interface Identity {
  readonly grants: Grants
  readonly issuer?: string
  readonly subject?: string
  /**
   * SHA-256, base64url, of what the issuer signed; absent when anonymous. The signature is left out:
   * whoever holds an ECDSA token can compute a second valid signature for it, and would be somebody else.
   */
  readonly tokenHash?: string
  /** The token's `exp` in ms since the epoch; absent when anonymous. */
  readonly expiresAtMs?: number
}

/** What a token must be good for. */
export interface Purpose {
  readonly role: Role
  readonly audience: string
  readonly hubUrl: string
}

/** An identity, and the keys that it rests upon: it stands while `source` is of that `generation`. */
export interface Verified {
  readonly identity: Identity
  readonly source: KeySource
  readonly generation: number
}

const headerNames = ['alg', 'crit', 'kid', 'typ']
const legacyClaims = ['mercure', 'https://mercure.rocks/']

/**
 * Verifies 1.0 tokens (draft-08 § 1.7, RFC 9068, RFC 8725).
 *
 * What the token says about itself is looked at first and costs nothing: a storm of expired tokens
 * must not cost a signature each. Patterns are compiled last, for tokens that an issuer signed.
 * Keys come from the configuration alone; `jwk`, `jku`, `x5u` and their like in a token are ignored.
 */
export class Verifier {
  readonly #keyring: Keyring
  readonly #now: () => number

  constructor(keyring: Keyring, now: () => number) {
    this.#keyring = keyring
    this.#now = now
  }

  /** Rejects with HubError `invalid_token`; nothing in its message is secret, the token least of all. */
  async verify(text: string, purpose: Purpose): Promise<Verified> {
    const token = decodeToken(text)
    requireAccessToken(token)
    const hint = readHint(token)
    const claims = readClaims(token.claims)
    const keys = this.#keysOf(claims, purpose.role)
    requireCurrent(claims, this.#now())
    requireAudience(claims, purpose.audience)

    const generation = await verifySignature(token, hint, keys)
    requireCurrent(claims, this.#now()) // waiting for a JWK Set takes time
    const grants = readGrants(token.claims['authorization_details'], purpose.hubUrl)
    return { identity: identityOf(token, claims, grants), source: keys.source, generation }
  }

  /** The unverified `iss` only chooses among the configured issuers (RFC 8725 § 3.8). */
  #keysOf(claims: Claims, role: Role): RoleKeySource {
    const keys = this.#keyring.keysOf(claims.issuer, role)
    if (keys === undefined)
      throw invalidToken('issuer', `the issuer of the token is not trusted here for ${role}s`)
    return keys
  }
}

/** RFC 9068 § 4: `typ` keeps ID tokens and other JWTs of the same issuer out. */
function requireAccessToken({ header, claims }: Token): void {
  const wrong = miscased(header, headerNames)
  if (wrong !== undefined)
    throw invalidToken(
      'format',
      `the token has a header ${JSON.stringify(wrong)}; names are in lower case`,
    )
  const { typ } = header
  if (typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)) return
  if (legacyClaims.some((claim) => claim in claims) && !('authorization_details' in claims))
    throw invalidToken(
      'legacy',
      'this is a token of the protocol 0.x, which the hub only speaks with the option protocol_version_compatibility',
    )
  throw invalidToken('type', 'the token must have the type at+jwt (header typ)')
}

/** RFC 7515 § 4.1.11: `crit` names what must be understood, and this hub understands none of it. */
function readHint({ header: { alg, kid, crit } }: Token): KeyHint {
  if (crit !== undefined)
    throw invalidToken('format', 'the token has critical headers that are unknown here')
  if (typeof alg !== 'string')
    throw invalidToken('format', 'the token must name its algorithm (header alg)')
  if (kid !== undefined && typeof kid !== 'string')
    throw invalidToken('format', 'the key id of the token (header kid) must be a string')
  return { algorithm: alg, keyId: kid }
}

/** Returns the generation of the keys that verified the token. */
async function verifySignature(
  token: Token,
  hint: KeyHint,
  { source, algorithms }: RoleKeySource,
): Promise<number> {
  if (!algorithms.has(hint.algorithm)) throw unverified('algorithm')

  const { generation } = source
  const keys = source.find(hint)
  if (await isSignedBy(keys, token, hint)) return generation

  // With a key id, only an unknown one is a reason to look for newer keys; without, any of them may be new.
  const isKnown = keys.length > 0
  if (isKnown && hint.keyId !== undefined) throw unverified('signature')
  if (!(await source.refresh())) throw unverified(isKnown ? 'signature' : 'key')

  const renewed = source.generation
  const newKeys = source.find(hint)
  if (renewed === generation || !(await isSignedBy(newKeys, token, hint)))
    throw unverified(newKeys.length > 0 ? 'signature' : 'key')
  return renewed
}

async function isSignedBy(
  keys: readonly VerificationKey[],
  token: Token,
  { algorithm }: KeyHint,
): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(token.text, key, { algorithms: [algorithm] })
      return true
    } catch {
      // not this one: why not is nobody's business
    }
  }
  return false
}

/** One sentence for all three: a stranger shall not find out which keys and algorithms there are. */
function unverified(cause: 'algorithm' | 'key' | 'signature'): Error {
  return invalidToken(
    cause,
    'the token must be signed by its issuer, with an algorithm and a key that the hub knows for it',
  )
}

function identityOf(token: Token, claims: Claims, grants: Grants): Identity {
  return {
    grants,
    issuer: claims.issuer,
    ...(claims.subject === undefined ? {} : { subject: claims.subject }),
    tokenHash: hash('sha256', token.signed, 'base64url'),
    expiresAtMs: claims.expiresAtMs,
  }
}
