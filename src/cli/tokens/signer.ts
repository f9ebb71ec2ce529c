import type { SigningKey } from '../../auth/token/sign.ts'
import { developmentKey, isForSecrets, isPem, withLineEnds } from '../../config/keys/role-keys.ts'
import type { KeySettings, RoleKeys, Settings } from '../../config/settings.ts'
import type { Wish } from './claims.ts'

/** Whose tokens these are, the key that signs them, and what the caller should know about it. */
export interface Signer {
  readonly issuer: string
  readonly key: SigningKey
  readonly notes: readonly string[]
}

/** Why the settings offer no key to sign with. `expected` reads well after "expected". */
export interface NoSigner {
  readonly expected: string
  readonly got: string
}

export const playgroundIssuer = 'https://localhost'

/** A key given by hand, with the algorithm that its text implies when none is named. */
export function givenKey(text: string, algorithm: string | undefined): SigningKey | NoSigner {
  if (!isPem(text)) {
    if (text === '') return { expected: 'a secret or a private key as PEM', got: 'nothing' }
    if (algorithm === undefined || isForSecrets(algorithm))
      return { key: text, algorithm: algorithm ?? 'HS256' }
    return { expected: `a private key as PEM for ${algorithm}`, got: 'a secret' }
  }
  if (algorithm === undefined)
    return { expected: '--alg beside it, such as RS256 or ES256', got: 'a PEM key without' }
  if (isForSecrets(algorithm)) return { expected: `a secret for ${algorithm}`, got: 'a PEM key' }
  return { key: withLineEnds(text), algorithm }
}

/**
 * The hub's own key for what is wished: the publisher's when publishing is part of it.
 *
 * Without any key in the settings it is the playground's, and a note says so.
 */
export function signerFrom(
  settings: Settings,
  wish: Wish,
  { issuer, isLegacy }: { readonly issuer?: string | undefined; readonly isLegacy: boolean },
): Signer | NoSigner {
  if (!hasKeys(settings)) return playgroundSigner(issuer)
  const named = settings.issuers.find(({ id }) => id === (issuer ?? id))
  const chosen = isLegacy ? (named ?? settings.issuers[0]) : named // a 0.x token names no issuer
  const keys = isLegacy && hasAny(settings.legacyKeys) ? settings.legacyKeys : chosen
  if (keys === undefined) return noSuchIssuer(settings, issuer)
  const roles = rolesOf(wish)
  const [role, ...others] = roles.filter((one) => keys[one] !== undefined)
  if (role === undefined)
    return {
      expected: `a key, because the hub's settings have none for a ${roles.join(' or ')}`,
      got: 'nothing',
    }
  const signing = signingKey(keys[role])
  if ('expected' in signing) return signing
  const isPartial =
    roles.length > others.length + 1 || !others.every((one) => isSame(keys[one], keys[role]))
  return {
    issuer: issuer ?? chosen?.id ?? playgroundIssuer,
    key: signing,
    notes: isPartial ? [partialNote(role)] : [],
  }
}

type Role = 'publisher' | 'subscriber'

function rolesOf({ publish, subscribe }: Wish): readonly Role[] {
  const publisher: readonly Role[] = publish.length > 0 ? ['publisher'] : []
  return subscribe.length > 0 ? [...publisher, 'subscriber'] : publisher
}

export function hasKeys({ issuers, legacyKeys }: Settings): boolean {
  return issuers.length > 0 || hasAny(legacyKeys)
}

export function hasLegacyKeys({ legacyKeys }: Settings): boolean {
  return hasAny(legacyKeys)
}

function hasAny(keys: RoleKeys): boolean {
  return keys.publisher !== undefined || keys.subscriber !== undefined
}

function playgroundSigner(issuer = playgroundIssuer): Signer {
  return {
    issuer,
    key: developmentKey,
    notes: ["no key is configured; signed with the playground's development key"],
  }
}

function noSuchIssuer({ issuers }: Settings, issuer: string | undefined): NoSigner {
  const ids = issuers.map(({ id }) => JSON.stringify(id)).join(', ')
  return issuer === undefined || ids === ''
    ? {
        expected:
          "a key, because the hub's settings only have keys for 0.x tokens (--legacy makes one)",
        got: 'nothing',
      }
    : {
        expected: `a key for ${JSON.stringify(issuer)}, because the hub trusts ${ids}`,
        got: 'nothing',
      }
}

function signingKey(settings: KeySettings | undefined): SigningKey | NoSigner {
  if (settings?.kind === 'static' && !isPem(settings.key)) return settings
  const what = settings?.kind === 'jwks' ? 'a JWK Set' : 'the public key'
  return {
    expected: `the private key, because the hub's settings only have ${what}`,
    got: 'nothing',
  }
}

function isSame(a: KeySettings | undefined, b: KeySettings | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function partialNote(role: Role): string {
  const does = role === 'publisher' ? 'publish' : 'subscribe'
  return `publisher and subscriber do not share a key; this token is signed with the ${role}'s and can only ${does}; make another one for the other`
}
