import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'

const curves: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
}
const leastRsaBits = 2048

/** What a PEM text should be for this algorithm and is not; undefined when it fits. */
export function pemFault(
  pem: string,
  algorithm: string,
): { readonly expected: string; readonly got: string } | undefined {
  if (/^\s*["'`]/.test(pem)) return { expected: 'PEM text without quotes around it', got: 'quotes' }
  const key = publicKeyOf(pem)
  if (key === undefined)
    return { expected: 'a public key or certificate as PEM text', got: 'one that cannot be read' }
  return fits(algorithm, key) ? undefined : { expected: kindFor(algorithm), got: kindOf(key) }
}

function publicKeyOf(pem: string): KeyObject | undefined {
  try {
    return pem.includes('CERTIFICATE-----')
      ? new X509Certificate(pem).publicKey
      : createPublicKey(pem)
  } catch {
    return undefined
  }
}

function fits(algorithm: string, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const curve = curves[algorithm]
  if (curve !== undefined) return asymmetricKeyDetails?.namedCurve === curve
  if (algorithm.startsWith('Ed')) return asymmetricKeyType === 'ed25519'
  return asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= leastRsaBits
}

function kindFor(algorithm: string): string {
  const curve = curves[algorithm]
  if (curve !== undefined) return `a key on the curve ${curve} for ${algorithm}`
  return algorithm.startsWith('Ed')
    ? `an Ed25519 key for ${algorithm}`
    : `an RSA key of at least ${leastRsaBits} bits for ${algorithm}`
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const detail = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength
  return detail === undefined ? `${asymmetricKeyType}` : `${asymmetricKeyType} (${detail})`
}
