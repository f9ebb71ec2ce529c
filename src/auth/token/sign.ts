import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { fits, isSymmetric } from '../keys/algorithms.ts'

/** A secret (HS*: its UTF-8 bytes) or the PEM text of a private key, and what to sign with. */
export interface SigningKey {
  readonly key: string
  readonly algorithm: string
}

/** The key cannot sign. The message says why, and never holds the key. */
export class UnusableKey extends Error {
  override readonly name = 'UnusableKey'
}

/**
 * Signs a token: `at+jwt` for protocol 1.0, `JWT` for 0.x.
 *
 * @throws UnusableKey when the key is not private, cannot be read, or does not fit the algorithm
 */
export async function signToken(
  claims: Readonly<Record<string, unknown>>,
  type: 'at+jwt' | 'JWT',
  { key, algorithm }: SigningKey,
): Promise<string> {
  const imported = isSymmetric(algorithm)
    ? new TextEncoder().encode(key)
    : importPrivateKey(key, algorithm)
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithm, typ: type }).sign(imported)
}

function importPrivateKey(pem: string, algorithm: string): KeyObject {
  const key = parsePrivateKey(pem)
  if (fits(algorithm, createPublicKey(key))) return key
  const curve = key.asymmetricKeyDetails?.namedCurve
  const kind = [key.asymmetricKeyType, curve].filter(Boolean).join(' ')
  throw new UnusableKey(`this key (${kind}) cannot sign with ${algorithm}`)
}

function parsePrivateKey(pem: string): KeyObject {
  if (/-----BEGIN (?:[A-Z ]*PUBLIC KEY|CERTIFICATE)-----/.test(pem))
    throw new UnusableKey('this is a public key; signing needs the private one')
  if (pem.includes('ENCRYPTED')) throw new UnusableKey('this private key is encrypted')
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new UnusableKey('the PEM text holds no private key that can be read', { cause })
  }
}
