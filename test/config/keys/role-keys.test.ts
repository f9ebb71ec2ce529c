import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { loadClientSettings } from '../../../src/config/load.ts'
import { load, minimal, problemsOf } from '../sources.ts'

const secret = 'a secret that is long enough for HS256'
const trusted = { MERCURE_TRUSTED_ISSUERS: 'https://app.example' }
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

t.test('without a key, and not anonymous, no hub starts', async (t) => {
  t.strictSame(problemsOf({}), [
    'publisher_jwt_key, subscriber_jwt_key: expected a key, a JWK Set or issuers (or anonymous, or playground to try it out), got nothing',
  ])
  t.strictSame(problemsOf({ argv: ['--anonymous'] }), [])
})

t.test('flat keys belong to each trusted issuer', async (t) => {
  const env = {
    MERCURE_TRUSTED_ISSUERS: 'https://a.example, https://b.example',
    MERCURE_PUBLIC_URLS: 'https://hub.example',
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_SUBSCRIBER_JWKS_URI: 'https://a.example/jwks.json',
  }
  const keys = {
    publisher: { kind: 'static', key: secret, algorithm: 'HS256' },
    subscriber: { kind: 'jwks', uri: 'https://a.example/jwks.json' },
    authorizationServer: false,
  } as const

  t.strictSame(load({ env }).settings.issuers, [
    { id: 'https://a.example', ...keys },
    { id: 'https://b.example', ...keys },
  ])
  t.strictSame(load({ env }).settings.legacyKeys, {})
})

t.test('keys without a trusted issuer need protocol compatibility', async (t) => {
  const env = { MERCURE_PUBLISHER_JWT_KEY: secret }
  const compatible = { ...env, MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8' }

  t.strictSame(problemsOf({ env }), [
    'trusted_issuers: expected the issuer of the tokens that the keys verify (without one they only serve protocol 0.x, and need protocol_version_compatibility), got nothing',
  ])
  const { settings } = load({ env: compatible })
  t.strictSame(settings.issuers, [])
  t.strictSame(settings.legacyKeys, {
    publisher: { kind: 'static', key: secret, algorithm: 'HS256' },
  })
})

t.test(
  'with compatibility and a trusted issuer, the same keys verify both protocols',
  async (t) => {
    const env = { ...minimal, MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '7' }
    const { settings } = load({ env })

    t.equal(settings.issuers.length, 1)
    t.strictSame(settings.legacyKeys, {
      publisher: settings.issuers[0]?.publisher,
      subscriber: settings.issuers[0]?.subscriber,
    })
  },
)

t.test('a key and a JWK Set for one role are a problem', async (t) => {
  const env = { ...minimal, MERCURE_PUBLISHER_JWKS_URI: 'https://app.example/jwks.json' }

  t.strictSame(problemsOf({ env }), [
    'publisher_jwt_key: expected either publisher_jwt_key or publisher_jwks_uri, got both (from MERCURE_PUBLISHER_JWT_KEY)',
  ])
})

t.test('a PEM key needs its algorithm, and not one of secrets', async (t) => {
  const env = { ...minimal, MERCURE_PUBLISHER_JWT_KEY: publicPem }
  const expected =
    'publisher_jwt_alg: expected the algorithm of the PEM key, such as RS256 or ES256, got '

  t.strictSame(problemsOf({ env }), [`${expected}nothing (from MERCURE_PUBLISHER_JWT_KEY)`])
  t.strictSame(problemsOf({ env: { ...env, MERCURE_PUBLISHER_JWT_ALG: 'HS256' } }), [
    `${expected}"HS256" (from MERCURE_PUBLISHER_JWT_ALG)`,
  ])
  t.strictSame(
    load({ env: { ...env, MERCURE_PUBLISHER_JWT_ALG: 'ES256' } }).settings.issuers[0]?.publisher,
    { kind: 'static', key: publicPem, algorithm: 'ES256' },
  )
})

t.test('a PEM key may arrive with its line ends spelled out', async (t) => {
  const env = {
    ...minimal,
    MERCURE_PUBLISHER_JWT_KEY: publicPem.replaceAll('\n', String.raw`\n`),
    MERCURE_PUBLISHER_JWT_ALG: 'ES256',
  }

  t.strictSame(load({ env }).settings.issuers[0]?.publisher, {
    kind: 'static',
    key: publicPem,
    algorithm: 'ES256',
  })
})

t.test('a PEM key may be a flag, dashes and all', async (t) => {
  const argv = ['--subscriber-jwt-key', publicPem, '--subscriber-jwt-alg', 'ES256']

  t.equal(load({ argv, env: trusted }).settings.issuers[0]?.subscriber?.kind, 'static')
})

t.test('a private key is not for the hub', async (t) => {
  const env = {
    ...minimal,
    MERCURE_PUBLISHER_JWT_KEY: privatePem,
    MERCURE_PUBLISHER_JWT_ALG: 'ES256',
  }

  t.strictSame(problemsOf({ env }), [
    'publisher_jwt_key: expected the public key or its certificate, got a private key (from MERCURE_PUBLISHER_JWT_KEY)',
  ])
})

t.test('a secret cannot have an algorithm of public keys', async (t) => {
  const env = { ...minimal, MERCURE_SUBSCRIBER_JWT_ALG: 'RS256' }

  t.strictSame(problemsOf({ env }), [
    `subscriber_jwt_key: expected a public key as PEM text, for RS256, got a value of ${secret.length} characters (from MERCURE_SUBSCRIBER_JWT_KEY)`,
  ])
  t.strictSame(problemsOf({ env: { ...minimal, MERCURE_SUBSCRIBER_JWT_ALG: 'none' } }), [
    'subscriber_jwt_alg: expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, got "none" (from MERCURE_SUBSCRIBER_JWT_ALG)',
  ])
})

t.test('a JWK Set has algorithms of public keys only', async (t) => {
  const env = { ...trusted, MERCURE_PUBLISHER_JWKS_URI: 'file:///etc/jwks.json' }

  t.strictSame(
    load({ env: { ...env, MERCURE_PUBLISHER_JWT_ALG: 'ES256' } }).settings.issuers[0]?.publisher,
    { kind: 'jwks', uri: 'file:///etc/jwks.json', algorithms: ['ES256'] },
  )
  t.strictSame(problemsOf({ env: { ...env, MERCURE_PUBLISHER_JWT_ALG: 'HS256' } }), [
    'publisher_jwt_alg: expected an algorithm of public keys such as ES256, got "HS256" (from MERCURE_PUBLISHER_JWT_ALG)',
  ])
})

t.test('a mistake in one option brings no complaints about what depends on it', async (t) => {
  const env = {
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_SUBSCRIBER_JWKS_URI: 'jwks.json',
    MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '6',
  }

  t.strictSame(problemsOf({ env }), [
    'subscriber_jwks_uri: expected a URL such as "https://app.example/jwks.json" or "file:///etc/jwks.json", got "jwks.json" (from MERCURE_SUBSCRIBER_JWKS_URI)',
    'protocol_version_compatibility: expected off, 7 or 8, got "6" (from MERCURE_PROTOCOL_VERSION_COMPATIBILITY)',
  ])
})

t.test('one id twice is a problem', async (t) => {
  const env = {
    ...minimal,
    MERCURE_TRUSTED_ISSUERS: 'https://a.example https://a.example',
    MERCURE_PUBLIC_URLS: 'https://hub.example',
  }

  t.strictSame(problemsOf({ env }), [
    'trusted_issuers, issuers: expected each id once, got "https://a.example" again',
  ])
})

t.test('several issuers need a name of the hub', async (t) => {
  const env = { ...minimal, MERCURE_TRUSTED_ISSUERS: 'https://a.example https://b.example' }

  t.strictSame(problemsOf({ env }), [
    'resource_identifier: expected it or public_urls to be set when several issuers are trusted, got neither',
  ])
  t.strictSame(problemsOf({ env: { ...env, MERCURE_PUBLIC_URLS: 'https://hub.example' } }), [])
  const identifier = 'https://hub.example/.well-known/mercure'
  t.strictSame(problemsOf({ env: { ...env, MERCURE_RESOURCE_IDENTIFIER: identifier } }), [])
})

t.test('what is allowed but probably not meant is a warning', async (t) => {
  const warningsOf = (env: Readonly<Record<string, string>>) => load({ env }).warnings

  t.strictSame(warningsOf({ ...trusted, MERCURE_ANONYMOUS: '1' }), [
    'trusted_issuers: has no effect without a key or a JWK Set of a publisher or subscriber',
    'publisher_jwt_key: not set; nobody can publish',
  ])
  t.strictSame(warningsOf({ ...trusted, MERCURE_PUBLISHER_JWT_KEY: secret }), [
    'subscriber_jwt_key: not set, and anonymous is off; nobody can subscribe',
  ])
  t.strictSame(warningsOf({ MERCURE_ANONYMOUS: '1', MERCURE_PUBLISHER_JWT_ALG: 'ES256' }), [
    'publisher_jwt_alg: has no effect without publisher_jwt_key or publisher_jwks_uri',
    'publisher_jwt_key: not set; nobody can publish',
  ])
  t.strictSame(warningsOf({ ...minimal, MERCURE_HOST: '0.0.0.0' }), [
    'public_urls: not set, nor resource_identifier; the hub listens on 0.0.0.0 but takes tokens only for loopback hosts',
  ])
  t.strictSame(warningsOf({ ...minimal, MERCURE_RESOURCE_IDENTIFIER: 'http://hub.example/x' }), [
    'resource_identifier: http://hub.example/x is not https; tokens travel unprotected',
  ])
  t.strictSame(
    warningsOf({
      ...trusted,
      MERCURE_ANONYMOUS: '1',
      MERCURE_PUBLISHER_JWKS_URI: 'http://app.example/jwks.json',
    }),
    [
      'jwks_uri: http://app.example/jwks.json is not https; whoever is on the way can replace the keys',
    ],
  )
  t.strictSame(
    warningsOf({ ...minimal, MERCURE_PUBLISHER_JWT_KEY: '!ChangeThisMercureHubJWTSecretKey!' }),
    ['INSECURE: a key is the development key, which is public; whoever reads it can publish'],
  )
})

t.test('a command that talks to a hub is still told of a wrong key', async (t) => {
  t.throws(() => loadClientSettings({ argv: [], env: { MERCURE_PUBLISHER_JWT_KEY: secret } }), {
    message:
      'trusted_issuers: expected the issuer of the tokens that the keys verify (without one they only serve protocol 0.x, and need protocol_version_compatibility), got nothing',
  })
})

t.test('a secret that is weak, or hardly meant, is a warning that never holds it', async (t) => {
  const odd: readonly (readonly [key: string, warning: RegExp])[] = [
    ['hunter2-hunter2-hunter2-31bytes', /weak, 31 bytes where HS256 wants 32/],
    ['"a secret that is long enough for HS256"', /begins and ends with a quote/],
    ["'a secret that is long enough for HS256'", /begins and ends with a quote/],
    ['a secret that is long enough for HS256 ', /white space/],
    ['a-secret-that-is-long-enough-for-HS256   # at least 32 bytes', /put it on a line of its own/],
    ['eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ', /looks like a token/],
    ['{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b"}]}', /looks like a JWK/],
    ['MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA', /PEM key without/],
    ['${MERCURE_PUBLISHER_JWT_KEY:-changeme-changeme}', /placeholder/],
  ]
  for (const [key, warning] of odd)
    for (const sources of [
      { env: { ...minimal, MERCURE_PUBLISHER_JWT_KEY: key } },
      { env: { MERCURE_PLAYGROUND: '1', MERCURE_SUBSCRIBER_JWT_KEY: key } },
      { file: `issuers: [{ id: a, publisher: { key: ${JSON.stringify(key)} } }]` },
    ]) {
      const text = load(sources).warnings.join('\n')
      t.match(text, warning, key)
      t.notOk(text.includes(key), 'the key is not told')
    }
  t.strictSame(load({ env: minimal }).warnings, [])
})

t.test(
  'PEM text that is none, or of another kind, is a problem of the configuration',
  async (t) => {
    const problemWith = (key: string, algorithm: string) =>
      problemsOf({
        env: { ...minimal, MERCURE_PUBLISHER_JWT_KEY: key, MERCURE_PUBLISHER_JWT_ALG: algorithm },
      })

    t.match(problemWith(`"${publicPem}"`, 'ES256'), [/without quotes around it/])
    t.match(problemWith(publicPem.slice(0, 80), 'ES256'), [/one that cannot be read/])
    t.match(problemWith(publicPem, 'RS256'), [/an RSA key of at least 2048 bits for RS256, got ec/])
    t.match(problemWith(publicPem, 'ES384'), [/a key on the curve secp384r1/])
    t.strictSame(problemWith(publicPem, 'ES256'), [])
  },
)
