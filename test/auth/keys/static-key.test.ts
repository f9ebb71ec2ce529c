import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { Authenticator, type KeySourceEvent } from '../../../src/auth/authenticator.ts'
import { certificateOf } from '../certificate.ts'
import {
  goodClaims,
  hmacToken,
  issuer,
  openAuth,
  outcome,
  secret,
  signedToken,
  trusted,
  unverified,
  withHeader,
} from '../tokens.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const ed25519 = generateKeyPairSync('ed25519')
const ed448 = generateKeyPairSync('ed448')

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const withKey = (key: string, algorithm: string) => ({
  issuers: [trusted({ kind: 'static', key, algorithm })],
})

/** The message with which the hub refuses to start. */
async function startError(key: string, algorithm: string): Promise<string> {
  const options = {
    anonymous: false,
    cookieName: 'c',
    publishOrigins: [],
    ...withKey(key, algorithm),
  }
  return Authenticator.open(options).then(
    () => 'started',
    (error: Error) => error.message,
  )
}

const pairs = [
  ['RS256', rsa],
  ['RS384', rsa],
  ['RS512', rsa],
  ['PS256', rsa],
  ['PS384', rsa],
  ['PS512', rsa],
  ['ES256', p256],
  ['ES384', p384],
  ['ES512', p521],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
] as const

t.test('behaviour 80: a PEM public key verifies its algorithm', async (t) => {
  for (const [alg, pair] of pairs) {
    const auth = await openAuth(t, withKey(spki(pair.publicKey), alg))
    const token = await signedToken(goodClaims(), pair.privateKey, { alg })
    t.match(await outcome(auth, withHeader(token)), { issuer }, alg)
  }
})

t.test('behaviour 80: an RSA key may be PKCS#1, and a key may come in a certificate', async (t) => {
  const pkcs1 = rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const forms = [
    ['RS256', pkcs1, rsa],
    ['RS256', certificateOf(rsa.privateKey), rsa],
    ['ES256', certificateOf(p256.privateKey), p256],
    ['EdDSA', certificateOf(ed25519.privateKey), ed25519],
  ] as const

  for (const [alg, pem, pair] of forms) {
    const auth = await openAuth(t, withKey(`\n${pem}\n`, alg))
    t.match(
      await outcome(auth, withHeader(await signedToken(goodClaims(), pair.privateKey, { alg }))),
      { issuer },
      alg,
    )
  }
})

t.test('behaviours 3, 51 and 78: another key of the same algorithm is refused', async (t) => {
  const others = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519'),
  }

  for (const [alg, other] of Object.entries(others)) {
    const mine = pairs.find(([name]) => name === alg)?.[1] ?? rsa
    const auth = await openAuth(t, withKey(spki(mine.publicKey), alg))
    t.strictSame(
      await outcome(auth, withHeader(await signedToken(goodClaims(), other.privateKey, { alg }))),
      unverified,
    )
  }
})

t.test(
  'behaviours 5 and 78: the configured algorithm is the only one, even on an anonymous hub',
  async (t) => {
    const auth = await openAuth(t, { anonymous: true, ...withKey(spki(rsa.publicKey), 'RS256') })

    for (const alg of ['RS384', 'PS256'])
      t.strictSame(
        await outcome(auth, withHeader(await signedToken(goodClaims(), rsa.privateKey, { alg }))),
        unverified,
        alg,
      )
    t.strictSame(
      await outcome(
        auth,
        withHeader(await signedToken(goodClaims(), p256.privateKey, { alg: 'ES256' })),
      ),
      unverified,
    )
    t.strictSame(await outcome(auth, withHeader(hmacToken(goodClaims()))), unverified)
  },
)

t.test('a public key is never taken for a secret', async (t) => {
  const pem = spki(rsa.publicKey)
  const auth = await openAuth(t, withKey(pem, 'RS256'))

  for (const text of [
    pem,
    pem.trim(),
    rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('latin1'),
  ])
    t.strictSame(await outcome(auth, withHeader(hmacToken(goodClaims(), {}, text))), unverified)
  const said = hmacToken(goodClaims(), { alg: 'RS256' }, pem)
  t.strictSame(await outcome(auth, withHeader(said)), unverified)
})

t.test('behaviour 80: HMAC secrets are their UTF-8 bytes, whatever their length', async (t) => {
  for (const [alg, key] of [
    ['HS256', secret],
    ['HS384', secret],
    ['HS512', 'ключ 🔑'],
    ['HS256', 'x'],
    ['HS256', ' spaces \n'],
  ] as const) {
    const auth = await openAuth(t, withKey(key, alg))
    t.match(
      await outcome(auth, withHeader(hmacToken(goodClaims(), { alg }, key))),
      { issuer },
      `${alg} ${key}`,
    )
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims(), { alg }, `${key}x`))),
      unverified,
    )
  }
})

t.test('a secret shorter than its digest is told to the log, once per role', async (t) => {
  const events: KeySourceEvent[] = []
  const onKeySource = (event: KeySourceEvent) => events.push(event)

  await openAuth(t, { onKeySource, ...withKey('x'.repeat(31), 'HS256') })
  await openAuth(t, { onKeySource, ...withKey('x'.repeat(32), 'HS256') })
  await openAuth(t, { onKeySource, ...withKey(spki(rsa.publicKey), 'RS256') })

  t.strictSame(events, [
    { type: 'weak_secret', issuer, role: 'publisher' },
    { type: 'weak_secret', issuer, role: 'subscriber' },
  ])
})

t.test('the key id of a token does not matter to a static key', async (t) => {
  const auth = await openAuth(t)

  t.match(await outcome(auth, withHeader(hmacToken(goodClaims(), { kid: 'whatever' }))), { issuer })
})

t.test('the two names of Ed25519 signatures mean the same', async (t) => {
  const eddsa = await openAuth(t, withKey(spki(ed25519.publicKey), 'EdDSA'))
  const named = await openAuth(t, withKey(spki(ed25519.publicKey), 'Ed25519'))

  for (const alg of ['EdDSA', 'Ed25519']) {
    const token = await signedToken(goodClaims(), ed25519.privateKey, { alg })
    t.match(await outcome(eddsa, withHeader(token)), { issuer })
    t.match(await outcome(named, withHeader(token)), { issuer })
  }
})

t.test('behaviour 139: a PEM needs its algorithm named, and never HMAC', async (t) => {
  const where = `publisher.key (MERCURE_PUBLISHER_JWT_KEY) of issuer ${issuer}`
  const message = `${where}: a PEM key needs its algorithm named, such as RS256; HS256 and its like are for secrets`

  for (const algorithm of ['HS256', 'HS384', 'HS512', ''])
    for (const pem of [spki(rsa.publicKey), certificateOf(rsa.privateKey)])
      t.equal(await startError(pem, algorithm), message, algorithm)
})

t.test(
  'behaviour 111: a key that does not suit its algorithm keeps the hub from starting',
  async (t) => {
    const wrong = [
      ['RS256', p256],
      ['RS256', weakRsa],
      ['PS512', ed25519],
      ['ES256', rsa],
      ['ES256', p384],
      ['ES384', p256],
      ['EdDSA', p256],
      ['EdDSA', ed448],
    ] as const

    for (const [alg, pair] of wrong)
      t.match(
        await startError(spki(pair.publicKey), alg),
        new RegExp(`: this key cannot be used with ${alg} `),
      )
  },
)

t.test(
  'behaviour 111: secrets and algorithms that make no sense keep the hub from starting',
  async (t) => {
    t.match(await startError('', 'HS256'), /: the secret is empty$/)
    t.match(
      await startError('secret', 'RS256'),
      /: RS256 needs a public key or certificate in PEM form$/,
    )
    for (const algorithm of ['none', 'hs256', 'HS1', 'ES256K', 'toString'])
      t.match(
        await startError('secret', algorithm),
        new RegExp(`: unknown algorithm "${algorithm}"; expected one of HS256, `),
      )
  },
)

t.test('a private key is refused, not quietly turned into its public half', async (t) => {
  const forms = [
    rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }),
    rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
  ]

  for (const pem of forms)
    t.match(
      await startError(pem.toString(), 'RS256'),
      /: this is a private key; the hub only verifies/,
    )
})

t.test('a broken PEM is refused without repeating it', async (t) => {
  const pem = spki(rsa.publicKey).replace(/\n.{20}/, '\nAAAA')

  t.match(
    await startError(pem, 'RS256'),
    /: the PEM text holds no public key or certificate that can be read$/,
  )
})

t.test('behaviour 111: an issuer has an id, and is listed once', async (t) => {
  const options = { anonymous: false, cookieName: 'c', publishOrigins: [] }
  const key = { kind: 'static', key: secret, algorithm: 'HS256' } as const

  await t.rejects(Authenticator.open({ ...options, issuers: [trusted(key, '')] }), {
    message: 'issuers: an issuer must have an id',
  })
  await t.rejects(Authenticator.open({ ...options, issuers: [trusted(key), trusted(key)] }), {
    message: `issuers: ${issuer} is listed twice`,
  })
})

t.test('behaviour 96: a key of issuer A never validates issuer B, in either role', async (t) => {
  const idA = 'https://a.example'
  const idB = 'https://b.example'
  const [keyA, keyB] = ['secret of A', 'secret of B']
  const auth = await openAuth(t, {
    issuers: [
      trusted({ kind: 'static', key: keyA, algorithm: 'HS256' }, idA),
      trusted({ kind: 'static', key: keyB, algorithm: 'HS256' }, idB),
    ],
  })

  for (const role of ['publisher', 'subscriber'] as const) {
    t.match(
      await outcome(auth, withHeader(hmacToken(goodClaims({ iss: idA }), {}, keyA), { role })),
      { issuer: idA },
    )
    t.match(
      await outcome(auth, withHeader(hmacToken(goodClaims({ iss: idB }), {}, keyB), { role })),
      { issuer: idB },
    )
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims({ iss: idB }), {}, keyA), { role })),
      unverified,
    )
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims({ iss: idA }), {}, keyB), { role })),
      unverified,
    )
  }
})

t.test("a key of one role never validates the other's", async (t) => {
  const auth = await openAuth(t, {
    issuers: [
      {
        id: issuer,
        authorizationServer: false,
        publisher: { kind: 'static', key: 'for publishers', algorithm: 'HS256' },
        subscriber: { kind: 'static', key: 'for subscribers', algorithm: 'HS256' },
      },
    ],
  })
  const token = hmacToken(goodClaims(), {}, 'for publishers')

  t.match(await outcome(auth, withHeader(token, { role: 'publisher' })), { issuer })
  t.strictSame(await outcome(auth, withHeader(token, { role: 'subscriber' })), unverified)
})
