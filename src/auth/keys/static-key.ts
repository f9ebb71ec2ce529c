import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { KeySettings } from '../../config/settings.ts'
import { allAlgorithms, fits, hashOf, isSymmetric, namesOf } from './algorithms.ts'
import type { RoleKeySource, VerificationKey } from './key-source.ts'

type StaticKeySettings = Extract<KeySettings, { kind: 'static' }>

const pemLabel = /-----BEGIN ([A-Z0-9 ]+)-----/

/** RFC 7518 § 3.2: an HMAC key is at least as long as the digest. Shorter ones work, and can be guessed. */
export function isWeakSecret({ key, algorithm }: StaticKeySettings): boolean {
  const bits = Number(hashOf(algorithm)?.slice('SHA-'.length) ?? 0)
  return Buffer.byteLength(key) * 8 < bits
}

/**
 * Imports a secret (HS*: its UTF-8 bytes) or a PEM public key: SubjectPublicKeyInfo, PKCS#1 or an
 * X.509 certificate. The token's `kid` does not matter to a static key.
 *
 * @throws Error naming the rule; never with the key
 */
export async function importStaticKey(settings: StaticKeySettings): Promise<RoleKeySource> {
  const key = await importKey(settings)
  return {
    isStatic: true,
    algorithms: new Set(namesOf(settings.algorithm)),
    source: { generation: 0, find: () => [key], refresh: () => false, close: () => {} },
  }
}

async function importKey({ key, algorithm }: StaticKeySettings): Promise<VerificationKey> {
  const label = pemLabel.exec(key)?.[1]
  if (label !== undefined && (algorithm === '' || isSymmetric(algorithm)))
    throw new Error(
      'a PEM key needs its algorithm named, such as RS256; HS256 and its like are for secrets',
    )
  if (!allAlgorithms.includes(algorithm))
    throw new Error(
      `unknown algorithm ${JSON.stringify(algorithm)}; expected one of ${allAlgorithms.join(', ')}`,
    )
  if (isSymmetric(algorithm)) return importSecret(key, algorithm)
  if (label === undefined)
    throw new Error(`${algorithm} needs a public key or certificate in PEM form`)
  return importPem(key, label, algorithm)
}

async function importSecret(secret: string, algorithm: string): Promise<VerificationKey> {
  if (secret === '') throw new Error('the secret is empty')
  const shape = { name: 'HMAC', hash: hashOf(algorithm) ?? '' }
  return crypto.subtle.importKey('raw', new TextEncoder().encode(secret), shape, false, ['verify'])
}

function importPem(pem: string, label: string, algorithm: string): KeyObject {
  if (label.includes('PRIVATE'))
    // Node would quietly derive the public half
    throw new Error('this is a private key; the hub only verifies and must have the public one')
  const key = parsePem(pem, label)
  if (!fits(algorithm, key))
    throw new Error(
      `this key cannot be used with ${algorithm} (another type or curve, or RSA below 2048 bits)`,
    )
  return key
}

function parsePem(pem: string, label: string): KeyObject {
  try {
    return label.endsWith('CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem)
  } catch (cause) {
    throw new Error('the PEM text holds no public key or certificate that can be read', { cause })
  }
}
