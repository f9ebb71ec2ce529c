import { createPublicKey, type KeyObject, sign } from 'node:crypto'

/** DER of the signature algorithms we need: sha256WithRSAEncryption, ecdsa-with-SHA256, Ed25519. */
const signatureAlgorithms: Readonly<Record<string, string>> = {
  rsa: '300d06092a864886f70d01010b0500',
  ec: '300a06082a8648ce3d040302',
  ed25519: '300506032b6570',
}

/** A self-signed X.509 certificate in PEM form (RFC 5280 § 4.1), for the year 2026 and some after. */
export function certificateOf(privateKey: KeyObject): string {
  const type = privateKey.asymmetricKeyType ?? ''
  const algorithm = Buffer.from(signatureAlgorithms[type] ?? '', 'hex')
  const name = der(
    0x30,
    der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('issuer')))),
  )
  const validity = der(
    0x30,
    der(0x17, Buffer.from('260101000000Z')),
    der(0x17, Buffer.from('460101000000Z')),
  )
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const version = der(0xa0, der(0x02, Buffer.from([2])))
  const body = der(
    0x30,
    version,
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    spki,
  )

  const signature = sign(type === 'ed25519' ? null : 'sha256', body, privateKey)
  const certificate = der(0x30, body, algorithm, der(0x03, Buffer.from([0]), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content)]), content])
}

function lengthOf({ length }: Buffer): number[] {
  if (length < 128) return [length]
  if (length < 256) return [0x81, length]
  return [0x82, length >> 8, length & 255]
}
