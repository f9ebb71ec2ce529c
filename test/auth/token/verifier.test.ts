import { createHash } from 'node:crypto'
import t from 'tap'
import { Topic } from '../../../src/protocol/topic.ts'
import {
  audience,
  badToken,
  encode,
  goodClaims,
  hmacToken,
  identified,
  issuer,
  noonMs,
  openAuth,
  outcome,
  trusted,
  staticKey,
  unverified,
  withHeader,
} from '../tokens.ts'

const noon = noonMs / 1000
const now = () => noonMs

const wrongType = badToken('the token must have the type at+jwt (header typ)')
const expired = badToken('the token has expired')
const unreadable = badToken('the token is not a signed JWT in compact form')
const noExpiry = badToken('the token must have an expiration time (exp), a number of seconds')
const wrongAudience = badToken(`the token is for another audience; expected ${audience}`)
const noAudience = badToken(
  'the token must have an audience (aud), a string or an array of strings',
)
const critical = badToken('the token has critical headers that are unknown here')

t.test('behaviour 80: a good token becomes an identity with grants', async (t) => {
  const auth = await openAuth(t, { now })
  const token = hmacToken(goodClaims({ exp: noon + 60 }))

  const identity = await identified(auth, withHeader(token))

  t.equal(identity.issuer, issuer)
  t.equal(identity.subject, 'urn:example:alice')
  t.equal(identity.expiresAtMs, noonMs + 60_000)
  t.equal(identity.grants.mayPublish([new Topic('https://example.com/a')]), true)
})

t.test('the hash of a token does not depend on its signature', async (t) => {
  const auth = await openAuth(t)
  const token = hmacToken(goodClaims())

  const identity = await identified(auth, withHeader(token))

  const signed = token.slice(0, token.lastIndexOf('.'))
  t.equal(identity.tokenHash, createHash('sha256').update(signed).digest('base64url'))
})

t.test('behaviour 93: a token that is no access token is refused', async (t) => {
  const auth = await openAuth(t)

  for (const typ of [
    'JWT',
    'jwt',
    '',
    'at+jwt ',
    'xat+jwt',
    'application/jwt',
    'at jwt',
    'text/at+jwt',
    null,
    1,
    ['at+jwt'],
    undefined,
  ])
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims(), { typ }))),
      wrongType,
      String(typ),
    )
})

t.test('behaviour 94: the type may be written in any case and as a media type', async (t) => {
  const auth = await openAuth(t)

  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])
    t.match(await outcome(auth, withHeader(hmacToken(goodClaims(), { typ }))), { issuer }, typ)
})

t.test('behaviour 95: a token that expired is refused, without leeway', async (t) => {
  const auth = await openAuth(t, { now })
  const at = (exp: unknown) => outcome(auth, withHeader(hmacToken(goodClaims({ exp }))))

  t.match(await at(noon + 0.001), { issuer })
  t.strictSame(await at(noon), expired)
  t.strictSame(await at(noon - 1), expired)
  t.strictSame(await at(0), expired)
  t.strictSame(await at(-1e300), expired)
})

t.test('behaviour 95: an expiration time that is missing or no number is refused', async (t) => {
  const auth = await openAuth(t)

  for (const exp of [undefined, null, '4102444800', true, {}, [4102444800]])
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims({ exp })))),
      noExpiry,
      JSON.stringify(exp),
    )
  const infinite = JSON.stringify(goodClaims({ exp: 0 })).replace('"exp":0', '"exp":1e999')
  t.strictSame(await outcome(auth, withHeader(hmacToken(infinite))), noExpiry)
})

t.test('an expiration time beyond all dates is the last date', async (t) => {
  const auth = await openAuth(t)

  const identity = await outcome(auth, withHeader(hmacToken(goodClaims({ exp: 1e300 }))))

  t.match(identity, { expiresAtMs: 8.64e15 })
})

t.test('a token is refused before its nbf, and taken from that moment on', async (t) => {
  const auth = await openAuth(t, { now })
  const at = (nbf: unknown) =>
    outcome(auth, withHeader(hmacToken(goodClaims({ exp: noon + 60, nbf }))))

  t.match(await at(noon), { issuer })
  t.strictSame(await at(noon + 0.001), badToken('the token is not valid yet'))
  for (const nbf of ['0', null, {}])
    t.strictSame(await at(nbf), badToken('the nbf of the token must be a number of seconds'))
})

t.test(
  'behaviour 95: the audience must be named byte for byte, alone or among others',
  async (t) => {
    const auth = await openAuth(t)
    const of = (aud: unknown) => outcome(auth, withHeader(hmacToken(goodClaims({ aud }))))

    t.match(await of([audience]), { issuer })
    t.match(await of(['https://other.example', audience]), { issuer })
    for (const aud of [
      'https://other.example',
      [],
      '',
      `${audience}/`,
      audience.toUpperCase(),
      'https://hub.example:443/.well-known/mercure',
    ])
      t.strictSame(await of(aud), wrongAudience, String(aud))
    for (const aud of [undefined, null, 1, { [audience]: true }, [audience, null]])
      t.strictSame(await of(aud), noAudience, JSON.stringify(aud))
  },
)

t.test(
  'behaviour 98: a token for host a is refused on host b, though it was just taken on a',
  async (t) => {
    const auth = await openAuth(t)
    const token = hmacToken(goodClaims({ aud: 'http://a.localhost/.well-known/mercure' }))

    const onA = { audience: 'http://a.localhost/.well-known/mercure' }
    const onB = { audience: 'http://b.localhost/.well-known/mercure' }

    t.match(await outcome(auth, withHeader(token, onA)), { issuer })
    t.strictSame(
      await outcome(auth, withHeader(token, onB)),
      badToken(
        'the token is for another audience; expected http://b.localhost/.well-known/mercure',
      ),
    )
  },
)

t.test(
  'a hub that cannot know its audience refuses every token and says which options help',
  async (t) => {
    const auth = await openAuth(t, { anonymous: true })
    const unknown = { audience: undefined }

    const refusal = await outcome(auth, withHeader(hmacToken(goodClaims()), unknown))

    t.match(refusal, {
      code: 'invalid_token',
      message: /MERCURE_PUBLIC_URLS or MERCURE_RESOURCE_IDENTIFIER/,
    })
  },
)

t.test('behaviours 4, 52 and 78: a token without signature is refused', async (t) => {
  const auth = await openAuth(t)
  const head = encode({ typ: 'at+jwt', alg: 'none' })

  t.strictSame(await outcome(auth, withHeader(`${head}.${encode(goodClaims())}.`)), unreadable)
  t.strictSame(await outcome(auth, withHeader(`${head}.${encode(goodClaims())}.AA`)), unverified)
})

t.test('text that is no compact JWS of two JSON objects is refused', async (t) => {
  const auth = await openAuth(t)
  const good = hmacToken(goodClaims())
  const [header = '', payload = '', signature = ''] = good.split('.')
  const texts = [
    'x'.repeat(60),
    `${header}.${payload}`,
    `${good}.${signature}`,
    `${good}=`,
    `.${payload}.${signature}`,
    `${encode('[]')}.${payload}.${signature}`,
    `${encode('null')}.${payload}.${signature}`,
    `${encode('{')}.${payload}.${signature}`,
    `${header}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`,
    hmacToken('[]'),
    hmacToken('"text"'),
    hmacToken('['.repeat(20_000)),
  ]

  for (const text of texts)
    t.strictSame(await outcome(auth, withHeader(text)), unreadable, text.slice(0, 40))
})

t.test('a token has one spelling: unused bits of its base64url must be zero', async (t) => {
  const auth = await openAuth(t)
  const token = hmacToken(goodClaims())
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) ?? '')

  const sameBytes = token.slice(0, -1) + (alphabet[last + 1] ?? '')

  t.strictSame(
    Buffer.from(sameBytes.split('.')[2] ?? '', 'base64url'),
    Buffer.from(token.split('.')[2] ?? '', 'base64url'),
  )
  t.strictSame(await outcome(auth, withHeader(sameBytes)), unreadable)
})

t.test('decision 6: critical headers are not understood, whichever they are', async (t) => {
  const auth = await openAuth(t)

  for (const header of [
    { crit: ['x'], x: 1 },
    { crit: ['b64'], b64: true },
    { crit: ['exp'] },
    { crit: [] },
    { crit: 'x' },
    { crit: null },
  ])
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims(), header))),
      critical,
      JSON.stringify(header),
    )
})

t.test('decision 6: claims and headers in other letter case are refused', async (t) => {
  const auth = await openAuth(t)
  const of = (more: object, header = {}) =>
    outcome(auth, withHeader(hmacToken(goodClaims({ ...more }), header)))

  for (const name of ['Exp', 'NBF', 'AUD', 'Iss', 'Sub', 'Authorization_Details'])
    t.strictSame(
      await of({ [name]: 1 }),
      badToken(`the token has a claim "${name}"; names are in lower case`),
    )
  t.strictSame(
    await of({}, { Typ: 'at+jwt' }),
    badToken('the token has a header "Typ"; names are in lower case'),
  )
})

t.test('a subject or an algorithm or a key id that is no string is refused', async (t) => {
  const auth = await openAuth(t)
  const of = (more: object, header = {}) =>
    outcome(auth, withHeader(hmacToken(goodClaims({ ...more }), header)))

  t.strictSame(await of({ sub: 1 }), badToken('the subject (sub) of the token must be a string'))
  t.strictSame(
    await of({}, { kid: 1 }),
    badToken('the key id of the token (header kid) must be a string'),
  )
  for (const alg of [null, undefined, 1, ['HS256']])
    t.strictSame(await of({}, { alg }), badToken('the token must name its algorithm (header alg)'))
  t.notOk('subject' in (await of({ sub: undefined })), 'but a token may have no subject')
})

t.test(
  'behaviour 39: a 0.x token is refused with the name of the option that would accept it',
  async (t) => {
    const auth = await openAuth(t)
    const legacy = badToken(
      'this is a token of the protocol 0.x, which the hub only speaks with the option protocol_version_compatibility',
    )

    for (const claims of [{ mercure: { subscribe: ['*'] } }, { 'https://mercure.rocks/': {} }])
      for (const typ of ['JWT', undefined])
        t.strictSame(await outcome(auth, withHeader(hmacToken(claims, { typ }))), legacy)
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims({ mercure: {} }), { typ: 'JWT' }))),
      wrongType,
    )
    t.match(await outcome(auth, withHeader(hmacToken(goodClaims({ mercure: 'whatever' })))), {
      issuer,
    })
  },
)

t.test(
  'behaviours 95 and 97: an issuer that is unknown, missing or without a key for the role is refused',
  async (t) => {
    const auth = await openAuth(t, {
      issuers: [
        trusted(staticKey),
        { id: 'https://readers.example', authorizationServer: false, subscriber: staticKey },
      ],
    })
    const from = (iss: unknown, role: 'publisher' | 'subscriber') =>
      outcome(auth, withHeader(hmacToken(goodClaims({ iss })), { role }))

    t.match(await from('https://readers.example', 'subscriber'), {
      issuer: 'https://readers.example',
    })
    t.strictSame(
      await from('https://readers.example', 'publisher'),
      badToken('the issuer of the token is not trusted here for publishers'),
    )
    for (const iss of [
      'https://stranger.example',
      `${issuer}/`,
      'HTTPS://ISSUER.EXAMPLE',
      '__proto__',
    ])
      t.strictSame(
        await from(iss, 'subscriber'),
        badToken('the issuer of the token is not trusted here for subscribers'),
        iss,
      )
    for (const iss of [undefined, null, '', [issuer], 1])
      t.strictSame(await from(iss, 'subscriber'), badToken('the token must name its issuer (iss)'))
  },
)

t.test('no key is taken from the token', async (t) => {
  const auth = await openAuth(t)
  const jwk = { kty: 'oct', k: encode('attacker') }

  for (const header of [
    { jwk },
    { jku: 'https://evil.example/jwks' },
    { x5u: 'https://evil.example/x' },
    { x5c: ['x'] },
  ])
    t.strictSame(
      await outcome(auth, withHeader(hmacToken(goodClaims(), header, 'attacker'))),
      unverified,
    )
})
