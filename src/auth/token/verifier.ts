import { hash } from 'node:crypto'
import type { Grants } from '../../protocol/grants.ts'
import { type Claims, readClaims, requireAudience, requireCurrent } from './claims.ts'
import type { Role } from '../credentials.ts'
import { readGrants } from './authorization-details.ts'
import { miscased } from '../json-object.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { KeySource, RoleKeySource } from '../keys/key-source.ts'
import { readLegacyClaims, readLegacyGrants } from './legacy-claims.ts'
import { hasLegacyClaim, isAccessToken, isLegacyToken, type Protocol } from './protocol-version.ts'
import { invalidToken } from '../refusal.ts'
import { readHint, verifySignature } from './signature.ts'
import { decodeToken, type Token } from './decode.ts'

/** Who is asking, and what may they do. */
export interface Identity {
  readonly grants: Grants
  /** The protocol of the token; absent when anonymous. */
  readonly protocol?: Protocol
  /** Absent for a token of protocol 0.x, where nothing vouches for it. */
  readonly issuer?: string
  readonly subject?: string
  /**
   * SHA-256, base64url, of what the issuer signed; absent when anonymous. The signature is left out:
   * whoever holds an ECDSA token can compute a second valid signature for it, and would be somebody else.
   */
  readonly tokenHash?: string
  /** The token's `exp` in ms since the epoch; absent when anonymous, and for a 0.x token without. */
  readonly expiresAtMs?: number
}

/** What a token must be good for. */
export interface Purpose {
  readonly role: Role
  /** The `aud` of 1.0 tokens; undefined when the hub cannot tell who it is for this request. */
  readonly audience: string | undefined
  readonly hubUrl: string
}

/** An identity, and the keys that it rests upon: it stands while `source` is of that `generation`. */
export interface Verified {
  readonly identity: Identity
  readonly source: KeySource
  readonly generation: number
}

const headerNames = ['alg', 'crit', 'kid', 'typ']

/** What a hub takes besides tokens of protocol 1.0. */
export interface VerifierOptions {
  /** The lowest version of protocol 0.x that is spoken too; 0 for none. */
  readonly compatibility: 0 | 7 | 8
  readonly now: () => number
}

/**
 * Verifies tokens of protocol 1.0 (draft-08 § 1.7, RFC 9068, RFC 8725), and with compatibility those
 * of 0.x (draft-07 § 2.3). A token is of one protocol by its form: what fails as one is never tried
 * as the other.
 *
 * What the token says about itself is looked at first and costs nothing: a storm of expired tokens
 * must not cost a signature each. Patterns are compiled last, for tokens that an issuer signed.
 * Keys come from the configuration alone; `jwk`, `jku`, `x5u` and their like in a token are ignored.
 */
export class Verifier {
  readonly #keyring: Keyring
  readonly #options: VerifierOptions

  constructor(keyring: Keyring, options: VerifierOptions) {
    this.#keyring = keyring
    this.#options = options
  }

  /** Rejects with HubError `invalid_token`; nothing in its message is secret, the token least of all. */
  async verify(text: string, purpose: Purpose): Promise<Verified> {
    const token = decodeToken(text)
    requireKnownNames(token)
    if (this.#options.compatibility !== 0 && isLegacyToken(token))
      return this.#verifyLegacy(token, purpose)
    requireAccessToken(token)
    const hint = readHint(token)
    const claims = readClaims(token.claims)
    const keys = this.#keysOf(claims, purpose.role)
    requireCurrent(claims, this.#options.now())
    requireAudience(claims, purpose.audience)

    const generation = await verifySignature(token, hint, keys)
    requireCurrent(claims, this.#options.now()) // waiting for a JWK Set takes time
    const grants = readGrants(token.claims['authorization_details'], purpose.hubUrl)
    return { identity: identityOf(token, claims, grants), source: keys.source, generation }
  }

  /** A 0.x token names no issuer that counts: its keys are those that the operator set aside for it. */
  async #verifyLegacy(token: Token, { role, hubUrl }: Purpose): Promise<Verified> {
    const { compatibility, now } = this.#options
    const hint = readHint(token)
    const keys = this.#keyring.legacyKeysOf(role)
    if (keys === undefined)
      throw invalidToken('issuer', `the hub has no key for ${role}s of protocol 0.x`)
    const claims = readLegacyClaims(token.claims, keys.isStatic)
    requireCurrent(claims, now())

    const generation = await verifySignature(token, hint, keys)
    requireCurrent(claims, now())
    const grants = readLegacyGrants(token.claims, { hubUrl, compatibility })
    return { identity: legacyIdentityOf(token, claims, grants), source: keys.source, generation }
  }

  /** The unverified `iss` only chooses among the configured issuers (RFC 8725 § 3.8). */
  #keysOf(claims: Claims, role: Role): RoleKeySource {
    const keys = this.#keyring.keysOf(claims.issuer, role)
    if (keys === undefined)
      throw invalidToken('issuer', `the issuer of the token is not trusted here for ${role}s`)
    return keys
  }
}

/** What another parser would read as another token is none (decision 6). */
function requireKnownNames({ header }: Token): void {
  const wrong = miscased(header, headerNames)
  if (wrong !== undefined)
    throw invalidToken(
      'format',
      `the token has a header ${JSON.stringify(wrong)}; names are in lower case`,
    )
}

/** RFC 9068 § 4: `typ` keeps ID tokens and other JWTs of the same issuer out. */
function requireAccessToken(token: Token): void {
  if (isAccessToken(token)) return
  if (hasLegacyClaim(token) && isLegacyToken(token))
    throw invalidToken(
      'legacy',
      'this is a token of the protocol 0.x, which the hub only speaks with the option protocol_version_compatibility',
    )
  throw invalidToken('type', 'the token must have the type at+jwt (header typ)')
}

function identityOf(token: Token, claims: Claims, grants: Grants): Identity {
  return {
    grants,
    protocol: '1.0',
    issuer: claims.issuer,
    ...(claims.subject === undefined ? {} : { subject: claims.subject }),
    tokenHash: hash('sha256', token.signed, 'base64url'),
    expiresAtMs: claims.expiresAtMs,
  }
}

/** No issuer: what a 0.x token says of one was never checked, and must not be taken for a 1.0 identity. */
function legacyIdentityOf(
  token: Token,
  { subject, expiresAtMs }: ReturnType<typeof readLegacyClaims>,
  grants: Grants,
): Identity {
  return {
    grants,
    protocol: '0.x',
    ...(subject === undefined ? {} : { subject }),
    tokenHash: hash('sha256', token.signed, 'base64url'),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  }
}
