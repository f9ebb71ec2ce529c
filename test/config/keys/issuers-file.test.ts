import t from 'tap'
import { load, minimal, problemsOf } from '../sources.ts'

const env = { MERCURE_PUBLIC_URLS: 'https://hub.example' }

t.test('issuers of the file have keys of their own', async (t) => {
  const file = `
issuers:
  - id: https://app.example
    publisher: { key: "a secret that is long enough", algorithm: HS384 }
    subscriber: { jwks_uri: https://app.example/jwks.json }
    authorization_server: true
  - id: https://other.example
    subscriber: { jwks_uri: https://other.example/jwks.json, algorithms: [ES256, EdDSA] }
`
  t.strictSame(load({ env, file }).settings.issuers, [
    {
      id: 'https://app.example',
      authorizationServer: true,
      publisher: { kind: 'static', key: 'a secret that is long enough', algorithm: 'HS384' },
      subscriber: { kind: 'jwks', uri: 'https://app.example/jwks.json' },
    },
    {
      id: 'https://other.example',
      authorizationServer: false,
      subscriber: {
        kind: 'jwks',
        uri: 'https://other.example/jwks.json',
        algorithms: ['ES256', 'EdDSA'],
      },
    },
  ])
})

t.test('JSON says the same', async (t) => {
  const issuer = { id: 'a', publisher: { key: 'secret' }, authorization_server: true }
  const file = JSON.stringify({ issuers: [issuer] })

  t.strictSame(load({ env, file }).settings.issuers, [
    {
      id: 'a',
      authorizationServer: true,
      publisher: { kind: 'static', key: 'secret', algorithm: 'HS256' },
    },
  ])
})

t.test('every problem of their shape is told with its path', async (t) => {
  const file = `
heartbeat: soon
issuers:
  - id: [a]
    publisher: { key: [hunter2], algorithm: none, algorithme: HS256 }
  - publisher: https://app.example/jwks.json
    owner: me
  - id: c
    subscriber: { jwks_uri: https://c.example/jwks.json, algorithms: ES256 }
    authorization_server: maybe
legacy:
  publishers: {}
`
  t.strictSame(problemsOf({ env, file }), [
    'heartbeat: expected a duration >= 0 such as "40s", got "soon" (from hub.yaml:heartbeat)',
    'issuers[0].id: expected a text, got a list (from hub.yaml)',
    'issuers[0].publisher.key: expected a text, got a list (from hub.yaml)',
    'issuers[0].publisher.algorithm: expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, got "none" (from hub.yaml)',
    'issuers[0].publisher.algorithme: unknown key (did you mean algorithm?) (from hub.yaml)',
    'issuers[1].id: expected a text, got nothing (from hub.yaml)',
    'issuers[1].publisher: expected a map, got "https://app.example/jwks.json" (from hub.yaml)',
    'issuers[1].owner: unknown key (from hub.yaml)',
    'issuers[2].subscriber.algorithms: expected a list, got "ES256" (from hub.yaml)',
    'issuers[2].authorization_server: expected one of 0, 1, true, false, got "maybe" (from hub.yaml)',
    'legacy.publishers: unknown key (did you mean publisher?) (from hub.yaml)',
  ])
  t.strictSame(problemsOf({ env, file: 'issuers: https://app.example' }), [
    'issuers: expected a list, got "https://app.example" (from hub.yaml)',
  ])
})

t.test('every problem of their keys is told with its path', async (t) => {
  const pem = '-----BEGIN PUBLIC KEY-----'
  const file = `
issuers:
  - id: a
  - id: ""
    publisher: { key: secret }
  - id: c
    publisher: { key: secret, jwks_uri: https://c.example/jwks.json }
  - id: d
    publisher: { key: "${pem}" }
    subscriber: { key: "${pem}", algorithm: HS512 }
  - id: e
    subscriber: { jwks_uri: jwks.json }
  - id: f
    subscriber: { jwks_uri: https://f.example/jwks.json, algorithms: [ES256, HS256] }
  - id: g
    subscriber: { key: secret, algorithms: [HS256] }
  - id: h
    subscriber: { algorithm: HS256 }
  - id: i
    subscriber: { key: "" }
`
  t.strictSame(problemsOf({ env, file }), [
    'issuers[0]: expected keys for publisher or subscriber, got neither (from hub.yaml)',
    'issuers[1].id: expected an issuer id such as "https://app.example", got "" (from hub.yaml)',
    'issuers[2].publisher.key: expected either issuers[2].publisher.key or issuers[2].publisher.jwks_uri, got both (from hub.yaml)',
    'issuers[3].publisher.algorithm: expected the algorithm of the PEM key, such as RS256 or ES256, got nothing (from hub.yaml)',
    'issuers[3].subscriber.algorithm: expected the algorithm of the PEM key, such as RS256 or ES256, got "HS512" (from hub.yaml)',
    'issuers[4].subscriber.jwks_uri: expected a URL such as "https://app.example/jwks.json" or "file:///etc/jwks.json", got "jwks.json" (from hub.yaml)',
    'issuers[5].subscriber.algorithms: expected an algorithm of public keys such as ES256, got "HS256" (from hub.yaml)',
    'issuers[6].subscriber.algorithms: expected one issuers[6].subscriber.algorithm for a key, got a list (from hub.yaml)',
    'issuers[7].subscriber: expected key or jwks_uri, got neither (from hub.yaml)',
    'issuers[8].subscriber.key: expected a secret or a PEM text, got nothing (from hub.yaml)',
  ])
})

t.test(
  'flat keys stand beside them for the trusted issuers, and ids must not collide',
  async (t) => {
    const file = 'issuers: [{ id: https://b.example, publisher: { key: secret } }]'
    const both = { ...minimal, ...env, MERCURE_TRUSTED_ISSUERS: 'https://a.example' }

    t.strictSame(
      load({ env: both, file }).settings.issuers.map(({ id }) => id),
      ['https://b.example', 'https://a.example'],
    )
    t.strictSame(
      problemsOf({ env: { ...both, MERCURE_TRUSTED_ISSUERS: 'https://b.example' }, file }),
      ['trusted_issuers, issuers: expected each id once, got "https://b.example" again'],
    )
  },
)

t.test('keys for 0.x stand under legacy:, never among the issuers', async (t) => {
  const file = `
protocol_version_compatibility: 8
issuers: [{ id: a, publisher: { key: for 1.0 } }, { id: b, subscriber: { key: for 1.0 too } }]
legacy: { publisher: { key: for 0.x } }
`
  t.strictSame(load({ env, file }).settings.legacyKeys, {
    publisher: { kind: 'static', key: 'for 0.x', algorithm: 'HS256' },
  })
  t.strictSame(load({ env, file: file.replace(/legacy.*/, '') }).settings.legacyKeys, {})
})

t.test('flat keys that would serve nobody are a problem', async (t) => {
  const file = `
protocol_version_compatibility: 8
publisher_jwt_key: secret
issuers: [{ id: a, publisher: { key: secret } }]
`
  t.strictSame(problemsOf({ env, file }), [
    'trusted_issuers: expected the issuer of the tokens that the flat keys verify (with issuers: or legacy: in the file, keys for 0.x stand under legacy:), got nothing',
  ])
})

t.test('legacy: without compatibility has no effect, and a warning', async (t) => {
  const file = 'legacy: { publisher: { key: secret } }'
  const { settings, warnings } = load({ env: { ...minimal, ...env }, file })

  t.strictSame(settings.legacyKeys, {})
  t.equal(warnings[0], 'legacy: has no effect without protocol_version_compatibility')
})

t.test('issuers cannot be set elsewhere than in the file', async (t) => {
  t.strictSame(problemsOf({ env: { ...minimal, MERCURE_ISSUERS: 'a' } }), [
    'MERCURE_ISSUERS: unknown variable; issuers with keys of their own are set in the file that MERCURE_CONFIG names',
  ])
})
