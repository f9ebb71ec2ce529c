import type { IssuerSettings, RoleKeys } from '../config/settings.ts'
import { HubError } from '../protocol/errors.ts'
import { Grants } from '../protocol/grants.ts'
import {
  type CredentialRules,
  findToken,
  type Presented,
  readHeader,
  readToken,
  type Role,
} from './credentials.ts'
import { Keyring, type KeySetState, type KeySourceEvent } from './keys/keyring.ts'
import { OriginList } from '../net/origin-list.ts'
import { type Protocol, protocolOf } from './token/protocol-version.ts'
import { missingToken, type RefusalCause } from './refusal.ts'
import { TokenCache } from './token/cache.ts'
import { type Identity, type Purpose, Verifier } from './token/verifier.ts'

export type { Identity, KeySourceEvent, Presented, Protocol, RefusalCause, Role }

export interface AuthOptions {
  readonly issuers: readonly IssuerSettings[]
  /** Keys of 0.x tokens, which name no issuer. */
  readonly legacyKeys?: RoleKeys
  /** Speak protocol 0.x too: 8, or 7 with what it kept from before; 0 for not at all. */
  readonly compatibility?: 0 | 7 | 8
  /** Subscribers may come without a token, for public updates. */
  readonly anonymous: boolean
  readonly cookieName: string
  /** Origins whose pages may publish with a cookie, besides the hub's own; see `OriginList`. */
  readonly publishOrigins: readonly string[]
  /** Told once per refused request, with a `RefusalCause`: the label of a metric. */
  readonly onFailure?: (cause: string) => void
  /** Told what becomes of the JWK Sets, for the log. */
  readonly onKeySource?: (event: KeySourceEvent) => void
  /** The clock, in ms since the epoch. */
  readonly now?: () => number
}

/** What became of credentials, for somebody who explains them. */
export interface Examination {
  /** The token they hold, verified or not. */
  readonly token: string | undefined
  /** Who presents them; absent when they were refused. */
  readonly identity?: Identity
  readonly refusal?: HubError
}

const anonymous: Identity = { grants: Grants.none }

/**
 * Turns the credentials of a request into an identity with grants (draft-08 §§ 1.2, 1.6 and 1.7).
 *
 * A token is verified once and then remembered until it expires or its issuer's keys change.
 */
export class Authenticator {
  #options: AuthOptions
  #rules: CredentialRules
  #keyring: Keyring
  #verifier: Verifier
  readonly #now: () => number
  readonly #cache = new TokenCache()
  /** Verifications under way: the same token presented a thousand times at once costs one. */
  readonly #pending = new Map<string, Promise<Identity>>()

  private constructor(options: AuthOptions, rules: CredentialRules, keyring: Keyring) {
    this.#options = options
    this.#rules = rules
    this.#keyring = keyring
    this.#now = options.now ?? Date.now
    this.#verifier = this.#newVerifier()
  }

  /**
   * Imports the keys and reads the JWK Sets in files; the fetch of remote ones is started, and may fail.
   *
   * @throws Error naming option, rule and value
   */
  static async open(options: AuthOptions): Promise<Authenticator> {
    return new Authenticator(options, rulesOf(options), await openKeyring(options))
  }

  /**
   * Takes other keys and origins from now on; tokens that were verified are verified again, streams go on.
   *
   * @throws Error naming option, rule and value; nothing has changed then
   */
  async renew(options: AuthOptions): Promise<void> {
    const rules = rulesOf(options)
    const keyring = await openKeyring(options)
    this.#keyring.close()
    this.#options = options
    this.#rules = rules
    this.#keyring = keyring
    this.#verifier = this.#newVerifier()
    this.#cache.clear()
    this.#pending.clear()
  }

  /** True when some issuer has a key for this role; without, nobody can take it with a token. */
  hasKeys(role: Role): boolean {
    return this.#keyring.hasKeys(role)
  }

  /** The JWK Sets in use: how many keys they have, and when they were last read. */
  keySets(): readonly KeySetState[] {
    return this.#keyring.keySets()
  }

  /** True when some issuer of 1.0 tokens is trusted, in whatever role. */
  get hasIssuers(): boolean {
    return this.#keyring.hasIssuers
  }

  /** Verified tokens that are remembered, and the bytes they take (estimated). */
  get cached(): { readonly entries: number; readonly bytes: number; readonly pending: number } {
    return {
      entries: this.#cache.entries,
      bytes: this.#cache.bytes,
      pending: this.#pending.size,
    }
  }

  /**
   * Who presents these credentials. At once for a token that is remembered and for anonymous
   * subscribers, else a promise. An invalid token is never taken for an anonymous subscriber.
   *
   * @throws HubError (or rejects with it) `missing_token`, `invalid_credentials`, `invalid_token`
   */
  authenticate(presented: Presented): Identity | Promise<Identity> {
    try {
      const identity = this.#identify(presented)
      return identity instanceof Promise ? this.#reported(identity) : identity
    } catch (error) {
      this.#report(error)
      throw error
    }
  }

  /** The same for somebody who explains credentials: a refusal is an answer, and is neither counted nor told. */
  async examine(presented: Presented): Promise<Examination> {
    const token = this.#findToken(presented)
    try {
      return { token, identity: await this.#identify(presented) }
    } catch (error) {
      if (error instanceof HubError) return { token, refusal: error }
      throw error
    }
  }

  /**
   * The same as far as it is known at once: a token that is remembered, or nobody in particular. Undefined:
   * `authenticate` finds out, or tells why not; nothing is reported before.
   */
  recognise(presented: Presented): Identity | undefined {
    try {
      const token = this.#tokenOf(presented)
      if (token === undefined) return anonymous
      return this.recall(this.#cache.keyOf(token, presented))
    } catch {
      return undefined
    }
  }

  /** Under what a token is remembered, for `recall`; undefined when the `Authorization` line holds none. */
  keyOf(line: string, purpose: Purpose): string | undefined {
    try {
      return this.#cache.keyOf(readHeader([line]), purpose)
    } catch {
      return undefined
    }
  }

  /** The identity of a token that was verified before, while it holds; undefined: `authenticate` tells why. */
  recall(key: string): Identity | undefined {
    return this.#cache.get(key, this.#now())
  }

  close(): void {
    this.#keyring.close()
    this.#cache.clear()
  }

  /**
   * The protocol of the token that these credentials hold, verified or not: it decides how a refusal
   * is spelled. Undefined when there is none that can be read.
   */
  protocolOf(presented: Presented): Protocol | undefined {
    const token = this.#findToken(presented)
    return token === undefined ? undefined : protocolOf(token)
  }

  #findToken(presented: Presented): string | undefined {
    try {
      return findToken(presented, this.#rules)
    } catch {
      return undefined // presented in a way that the protocol does not know
    }
  }

  #newVerifier(): Verifier {
    return new Verifier(this.#keyring, {
      compatibility: this.#options.compatibility ?? 0,
      now: this.#now,
    })
  }

  #identify(presented: Presented): Identity | Promise<Identity> {
    const token = this.#tokenOf(presented)
    return token === undefined ? anonymous : this.#identifyToken(token, purposeOf(presented))
  }

  /** The token to be verified; undefined for who may come without, and does. */
  #tokenOf(presented: Presented): string | undefined {
    const mayBeAnonymous = this.#options.anonymous && presented.role === 'subscriber'
    if (mayBeAnonymous && !this.hasKeys('subscriber')) return undefined // nothing could be verified anyway

    const token = readToken(presented, this.#rules)
    if (token === undefined && !mayBeAnonymous) throw missingToken()
    return token
  }

  #identifyToken(token: string, purpose: Purpose): Identity | Promise<Identity> {
    const key = this.#cache.keyOf(token, purpose)
    return (
      this.#cache.get(key, this.#now()) ??
      this.#pending.get(key) ??
      this.#verify(key, token, purpose)
    )
  }

  #verify(key: string, token: string, purpose: Purpose): Promise<Identity> {
    const verifier = this.#verifier
    const verification = verifier
      .verify(token, purpose)
      .then((verified) => {
        if (verifier === this.#verifier) this.#cache.set(key, verified)
        return verified.identity
      })
      .finally(() => {
        if (verifier === this.#verifier) this.#pending.delete(key)
      })
    this.#pending.set(key, verification)
    return verification
  }

  async #reported(identity: Promise<Identity>): Promise<Identity> {
    try {
      return await identity
    } catch (error) {
      this.#report(error)
      throw error
    }
  }

  #report(error: unknown): void {
    if (error instanceof HubError) this.#options.onFailure?.(String(error.cause))
  }
}

function rulesOf(options: AuthOptions): CredentialRules {
  return {
    cookieName: options.cookieName,
    publishOrigins: parsePublishOrigins(options),
    speaksLegacy: (options.compatibility ?? 0) !== 0,
  }
}

function openKeyring({
  issuers,
  legacyKeys = {},
  compatibility = 0,
  onKeySource,
  now,
}: AuthOptions): Promise<Keyring> {
  return Keyring.open(issuers, {
    legacyKeys: compatibility === 0 ? {} : legacyKeys,
    onKeySource: onKeySource ?? (() => {}),
    now: now ?? Date.now,
  })
}

function purposeOf({ role, audience, hubUrl }: Presented): Purpose {
  return { role, audience, hubUrl }
}

function parsePublishOrigins({ publishOrigins }: AuthOptions): OriginList {
  try {
    return OriginList.parse(publishOrigins)
  } catch (cause) {
    throw new Error(`publish_origins: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}
