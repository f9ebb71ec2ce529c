import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { JwkSet, maxKeys } from '../../../src/auth/keys/jwk-set.ts'
import { ec, ed, jwk, otherEc, rsa, setOf } from '../issuer-server.ts'

const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ed448 = generateKeyPairSync('ed448')

/** How many keys of the set could have signed such a token. */
function count(text: string, algorithm: string, keyId?: string): number {
  return JwkSet.parse(text).find({ algorithm, keyId }).length
}

/** A set of so many keys. */
function keys(amount: number): string {
  return setOf(...Array.from({ length: amount }, () => jwk(ec.publicKey)))
}

function holds(keys: readonly KeyObject[], key: KeyObject): boolean {
  return keys.length === 1 && keys.every((found) => found.equals(key))
}

t.test('a token with a key id is verified with that key only', (t) => {
  const set = JwkSet.parse(
    setOf(jwk(ec.publicKey, { kid: 'a' }), jwk(otherEc.publicKey, { kid: 'b' })),
  )

  t.ok(holds(set.find({ algorithm: 'ES256', keyId: 'a' }), ec.publicKey))
  t.ok(holds(set.find({ algorithm: 'ES256', keyId: 'b' }), otherEc.publicKey))
  t.strictSame(set.find({ algorithm: 'ES256', keyId: 'c' }), [])
  t.strictSame(set.find({ algorithm: 'ES256', keyId: '' }), [])
  t.end()
})

t.test('a token without key id may be signed by any key that fits its algorithm', (t) => {
  const all = setOf(
    jwk(ec.publicKey, { kid: 'a' }),
    jwk(otherEc.publicKey),
    jwk(rsa.publicKey),
    jwk(ed.publicKey),
  )

  t.equal(count(all, 'ES256'), 2)
  t.equal(count(all, 'ES384'), 0)
  t.equal(count(all, 'PS512'), 1)
  t.equal(count(all, 'RS256'), 1)
  t.equal(count(all, 'EdDSA'), 1)
  t.equal(count(all, 'none'), 0)
  t.end()
})

t.test('a key without id does not serve a token with one', (t) => {
  t.equal(count(setOf(jwk(ec.publicKey)), 'ES256', 'a'), 0)
  t.end()
})

t.test('an algorithm at the key must be that of the token', (t) => {
  t.equal(count(setOf(jwk(rsa.publicKey, { alg: 'RS256' })), 'RS256'), 1)
  t.equal(count(setOf(jwk(rsa.publicKey, { alg: 'RS256' })), 'RS384'), 0)
  t.equal(count(setOf(jwk(rsa.publicKey, { alg: 'RSA-OAEP' })), 'RS256'), 0)
  t.equal(count(setOf(jwk(ec.publicKey, { alg: 'HS256' })), 'HS256'), 0)
  t.end()
})

t.test('use and key_ops are respected', (t) => {
  t.equal(count(setOf(jwk(ec.publicKey, { use: 'sig', key_ops: ['verify'] })), 'ES256'), 1)
  for (const more of [
    { use: 'enc' },
    { use: 1 },
    { key_ops: ['sign'] },
    { key_ops: [] },
    { key_ops: 'verify' },
  ])
    t.equal(count(setOf(jwk(ec.publicKey, more)), 'ES256'), 0, JSON.stringify(more))
  t.end()
})

t.test('behaviour 103: a symmetric key in a set is never used', (t) => {
  const secret = { kty: 'oct', k: Buffer.from('x'.repeat(32)).toString('base64url') }

  for (const alg of ['HS256', 'HS384', 'HS512']) {
    t.equal(count(setOf(secret, { ...secret, alg }), alg), 0)
    t.equal(count(setOf(jwk(rsa.publicKey)), alg), 0)
  }
  t.end()
})

t.test(
  'members that are private, weak, broken or of unknown type are left out, and the rest serves',
  (t) => {
    const good = jwk(ec.publicKey)
    const others = [
      jwk(ec.privateKey),
      jwk(rsa.privateKey),
      jwk(weakRsa.publicKey),
      jwk(ed448.publicKey),
      { ...good, x: 'AAAA' },
      { ...good, crv: 'P-999' },
      { ...good, kid: 1 },
      { kty: 'unknown' },
      {},
      null,
      'text',
      [],
    ]

    const set = JwkSet.parse(setOf(...others, good))

    t.ok(holds(set.find({ algorithm: 'ES256', keyId: undefined }), ec.publicKey))
    for (const algorithm of ['RS256', 'PS256', 'EdDSA', 'Ed25519'])
      t.strictSame(set.find({ algorithm, keyId: undefined }), [])
    t.end()
  },
)

t.test('an empty set is a set: an issuer may withdraw all its keys', (t) => {
  t.equal(JwkSet.parse(setOf()).size, 0)
  t.end()
})

t.test('what is no set is refused', (t) => {
  for (const text of [
    '{}',
    '[]',
    'null',
    '"keys"',
    '{"keys":{}}',
    '{"keys":null}',
    JSON.stringify([jwk(ec.publicKey)]),
  ])
    t.throws(
      () => JwkSet.parse(text),
      { message: 'a JWK Set is an object with an array "keys"' },
      text,
    )
  for (const text of ['', '<html>', '{']) t.throws(() => JwkSet.parse(text), SyntaxError, text)
  t.end()
})

t.test('a set of 100 keys is read, one of 101 is refused', (t) => {
  t.equal(JwkSet.parse(keys(maxKeys)).size, 100)
  t.throws(() => JwkSet.parse(keys(maxKeys + 1)), {
    message: 'a JWK Set has at most 100 keys here',
  })
  t.end()
})
