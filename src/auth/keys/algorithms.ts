import type { KeyObject } from 'node:crypto'

/** What a key must be for a signature algorithm (RFC 7518 § 3, RFC 8037, RFC 9864). */
type KeyShape =
  | { readonly type: 'secret'; readonly hash: string }
  | { readonly type: 'rsa' }
  | { readonly type: 'ec'; readonly curve: string }
  | { readonly type: 'ed25519' }

/** Every algorithm the hub can verify. `none` is not here, and never will be. */
const algorithms: ReadonlyMap<string, KeyShape> = new Map<string, KeyShape>([
  ['HS256', { type: 'secret', hash: 'SHA-256' }],
  ['HS384', { type: 'secret', hash: 'SHA-384' }],
  ['HS512', { type: 'secret', hash: 'SHA-512' }],
  ['RS256', { type: 'rsa' }],
  ['RS384', { type: 'rsa' }],
  ['RS512', { type: 'rsa' }],
  ['PS256', { type: 'rsa' }],
  ['PS384', { type: 'rsa' }],
  ['PS512', { type: 'rsa' }],
  ['ES256', { type: 'ec', curve: 'prime256v1' }],
  ['ES384', { type: 'ec', curve: 'secp384r1' }],
  ['ES512', { type: 'ec', curve: 'secp521r1' }],
  ['EdDSA', { type: 'ed25519' }],
  ['Ed25519', { type: 'ed25519' }],
])

/** RSA keys shorter than this are broken or soon will be; the JWS library refuses them too. */
const minRsaBits = 2048

export const allAlgorithms: readonly string[] = [...algorithms.keys()]

/** What a JWK Set may be used with: whoever can read a set could sign with an HMAC key in it. */
export const asymmetricAlgorithms: readonly string[] = allAlgorithms.filter(
  (name) => !isSymmetric(name),
)

export function isSymmetric(algorithm: string): boolean {
  return algorithms.get(algorithm)?.type === 'secret'
}

/** The digest of an HMAC algorithm, as WebCrypto names it. */
export function hashOf(algorithm: string): string | undefined {
  const shape = algorithms.get(algorithm)
  return shape?.type === 'secret' ? shape.hash : undefined
}

/** The two names of Ed25519 signatures mean the same (RFC 9864 § 2.2); every other algorithm has one. */
export function namesOf(algorithm: string): readonly string[] {
  return algorithm === 'EdDSA' || algorithm === 'Ed25519' ? ['EdDSA', 'Ed25519'] : [algorithm]
}

/** True when `key` is a public key that `algorithm` can be verified with. */
export function fits(algorithm: string, key: KeyObject): boolean {
  const shape = algorithms.get(algorithm)
  if (shape === undefined || key.type !== 'public' || key.asymmetricKeyType !== shape.type)
    return false
  const details = key.asymmetricKeyDetails
  if (shape.type === 'ec') return details?.namedCurve === shape.curve
  if (shape.type === 'rsa') return (details?.modulusLength ?? 0) >= minRsaBits
  return true
}
