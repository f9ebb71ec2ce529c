import { createPublicKey, type KeyObject } from 'node:crypto'
import { asymmetricAlgorithms, fits } from './algorithms.ts'
import { isObject, type JsonObject } from '../json-object.ts'
import type { KeyHint } from './key-source.ts'

/** More keys than any issuer rotates through; without a bound, a token without `kid` could cost as many verifications. */
export const maxKeys = 100

interface SetMember {
  readonly id: string | undefined
  readonly algorithm: string | undefined
  readonly key: KeyObject
}

/**
 * A JWK Set as it was published at one moment (RFC 7517 § 5).
 *
 * Members that cannot verify a signature are left out: symmetric and private keys, keys for
 * encryption (`use`, `key_ops`), unknown types. `text` is equal for sets with equal keys.
 */
export class JwkSet {
  static readonly empty = new JwkSet([], '')

  readonly text: string
  readonly #members: readonly SetMember[]

  private constructor(members: readonly SetMember[], text: string) {
    this.#members = members
    this.text = text
  }

  /** @throws Error when `text` is no JWK Set, or has more than `maxKeys` keys */
  static parse(text: string): JwkSet {
    const set: unknown = JSON.parse(text)
    const jwks = isObject(set) ? set['keys'] : undefined
    if (!Array.isArray(jwks)) throw new Error('a JWK Set is an object with an array "keys"')
    if (jwks.length > maxKeys) throw new Error(`a JWK Set has at most ${maxKeys} keys here`)
    return new JwkSet(jwks.flatMap(readMember), JSON.stringify(jwks))
  }

  get size(): number {
    return this.#members.length
  }

  /** The keys that may have signed: the one with the token's `kid`, or all that fit when it has none. */
  find({ algorithm, keyId }: KeyHint): readonly KeyObject[] {
    return this.#members
      .filter((member) => keyId === undefined || member.id === keyId)
      .filter((member) => member.algorithm === undefined || member.algorithm === algorithm)
      .map((member) => member.key)
      .filter((key) => fits(algorithm, key))
  }
}

/** One member of a set, or none when it is not for us (RFC 7517 § 5: implementations should ignore those). */
function readMember(jwk: unknown): SetMember[] {
  if (!isObject(jwk)) return []
  const { kid, alg, use, key_ops: operations } = jwk
  if (kid !== undefined && typeof kid !== 'string') return []
  if (alg !== undefined && (typeof alg !== 'string' || !asymmetricAlgorithms.includes(alg)))
    return []
  if (use !== undefined && use !== 'sig') return []
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return []
  if (jwk['kty'] === 'oct' || 'd' in jwk) return []

  const key = importJwk(jwk)
  return key === undefined ? [] : [{ id: kid, algorithm: alg, key }]
}

function importJwk(jwk: JsonObject): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return undefined
  }
}
