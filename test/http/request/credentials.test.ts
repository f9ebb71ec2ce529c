import t from 'tap'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { detail, issuer, secret, type TokenOptions } from '../../fixtures/tokens.ts'
import { formOf, formType } from '../../fixtures/http.ts'

const hub = await startHub(t, { publish_origins: 'https://app.example https://*.wild.example' })
const subscription = '/.well-known/mercure?match=a'

type Outcome = [status: number, error: string | undefined]

async function outcome(
  at: TestHub,
  method: string,
  headers: Record<string, string | readonly string[]>,
): Promise<Outcome> {
  const isPost = method === 'POST'
  const answer = await at.ask(method, {
    path: isPost ? '/.well-known/mercure' : subscription,
    headers: { ...(isPost ? formType : {}), ...headers },
    ...(isPost ? { body: formOf({ topic: 'a' }) } : {}),
  })
  if (answer.status >= 400 && method !== 'HEAD')
    t.match(answer.text, /^[A-Z][\w ]+: .{8,}\n$/, `a sentence: ${answer.text}`)
  return [answer.status, /error="(\w+)"/.exec(answer.headers['www-authenticate'] ?? '')?.[1]]
}

const subscribe = (headers: Record<string, string | readonly string[]>, at = hub) =>
  outcome(at, 'HEAD', headers)
const publish = (headers: Record<string, string | readonly string[]>, at = hub) =>
  outcome(at, 'POST', headers)
const bearer = (options?: TokenOptions, at = hub) => ({
  authorization: `Bearer ${at.token(options)}`,
})
const cookie = (options?: TokenOptions, name = '__Secure-mercure_access_token', at = hub) => ({
  cookie: `a=b; ${name}=${at.token(options)}; c=d`,
})

const ok: Outcome = [200, undefined]
const malformed: Outcome = [400, 'invalid_request']
const invalid: Outcome = [401, 'invalid_token']

/** The outcomes of a subscription and of a publish with a token. */
async function both(options: TokenOptions, at = hub): Promise<[Outcome, Outcome]> {
  return [await subscribe(bearer(options, at), at), await publish(bearer(options, at), at)]
}
const bothInvalid = [invalid, invalid]
const bothOk = [ok, ok]
const all = [detail('publish', ['*']), detail('subscribe', ['*'])]

t.test(
  'behaviour 5: a token with an algorithm that is not the key’s is refused, anonymous or not',
  async (t) => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    const keys = {
      publisher_jwt_key: pem,
      publisher_jwt_alg: 'RS256',
      subscriber_jwt_key: pem,
      subscriber_jwt_alg: 'RS256',
    }
    const pinned = await startHub(t, keys)

    t.strictSame(await both({ publish: ['*'], subscribe: ['*'] }, pinned), bothInvalid)
    t.strictSame(
      await both({ secret: String(pem) }, pinned),
      bothInvalid,
      'nor the PEM as a secret',
    )
    t.strictSame(await subscribe({}, pinned), ok)
  },
)

t.test('behaviour 75: two Authorization lines are malformed', async (t) => {
  const { authorization } = bearer()

  t.strictSame(await subscribe({ authorization: [authorization, authorization] }), malformed)
  t.strictSame(await publish({ authorization: [authorization, 'Bearer x'] }), malformed)
})

t.test('behaviour 76: an Authorization field that is too short is malformed', async (t) => {
  for (const authorization of ['Bearer x', 'Bearer', '', `Bearer ${'x'.repeat(40)}`])
    t.strictSame(
      [await subscribe({ authorization }), await publish({ authorization })],
      [malformed, malformed],
      authorization,
    )
  t.strictSame(await subscribe({ authorization: `Bearer ${'x'.repeat(41)}` }), invalid)
})

t.test('behaviour 77: another scheme is malformed', async (t) => {
  for (const scheme of ['Basic', 'Greater', 'BearerX'])
    t.strictSame(await subscribe({ authorization: `${scheme} ${hub.token()}` }), malformed)
})

t.test('behaviour 78: wrong algorithm, key or signature are invalid tokens', async (t) => {
  t.strictSame(await both({ header: { alg: 'HS384' } }), bothInvalid)
  t.strictSame(await both({ header: { alg: 'none' } }), bothInvalid)
  t.strictSame(await both({ secret: 'wrong' }), bothInvalid)
  const tampered = `${hub.token().slice(0, -4)}AAAA`
  t.strictSame(await subscribe({ authorization: `Bearer ${tampered}` }), invalid)
})

t.test('behaviour 79: the scheme is case-insensitive', async (t) => {
  for (const scheme of ['bearer', 'BEARER', 'bEaReR'])
    t.strictSame(await subscribe({ authorization: `${scheme} ${hub.token()}` }), ok)
})

t.test(
  'behaviour 80: HS256, RS256, ES256 and EdDSA tokens are accepted with their key',
  async (t) => {
    const pairs: [algorithm: string, publicKey: KeyObject, signer: (data: Buffer) => Buffer][] = []
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    pairs.push(['RS256', rsa.publicKey, (data) => sign('sha256', data, rsa.privateKey)])
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    pairs.push([
      'ES256',
      ec.publicKey,
      (data) => sign('sha256', data, { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }),
    ])
    const ed = generateKeyPairSync('ed25519')
    pairs.push(['EdDSA', ed.publicKey, (data) => sign(null, data, ed.privateKey)])
    t.strictSame(await both({ publish: ['*'] }), bothOk)

    for (const [algorithm, publicKey, signer] of pairs) {
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      const keys = {
        publisher_jwt_key: pem,
        publisher_jwt_alg: algorithm,
        subscriber_jwt_key: pem,
        subscriber_jwt_alg: algorithm,
      }
      const at = await startHub(t, { ...keys, anonymous: false })
      const [header = '', claims = ''] = at
        .token({ publish: ['*'], header: { alg: algorithm } })
        .split('.')
      const signature = signer(Buffer.from(`${header}.${claims}`)).toString('base64url')
      const authorization = `Bearer ${header}.${claims}.${signature}`
      t.strictSame(await subscribe({ authorization }, at), ok, algorithm)
      t.strictSame(await publish({ authorization }, at), ok, algorithm)
    }
  },
)

t.test('behaviour 83: a token in the query is ignored', async (t) => {
  const closed = await startHub(t, { anonymous: false })
  for (const name of ['access_token', 'authorization']) {
    const answer = await closed.ask('GET', { path: `${subscription}&${name}=${closed.token()}` })
    t.equal(answer.status, 401)
    t.notMatch(answer.headers['www-authenticate'], /error=/)
  }
})

t.test(
  'behaviour 86: the cookie carries a token, the first of its name counts, and a header hides it',
  async (t) => {
    const closed = await startHub(t, { anonymous: false })
    const good = cookie(undefined, undefined, closed).cookie

    t.strictSame(await subscribe({ cookie: good }, closed), ok)
    t.strictSame(await subscribe(cookie({ secret: 'x' }, undefined, closed), closed), invalid)
    t.strictSame(
      await subscribe(cookie({ header: { alg: 'none' } }, undefined, closed), closed),
      invalid,
    )
    t.strictSame(
      await subscribe({ cookie: `__Secure-mercure_access_token=bad; ${good}` }, closed),
      invalid,
    )
    t.strictSame(await subscribe({ cookie: good, authorization: 'Bearer x' }, closed), malformed)
  },
)

t.test('behaviour 87: the cookie of 0.x is not looked at', async (t) => {
  const closed = await startHub(t, { anonymous: false })

  t.strictSame(await subscribe(cookie({}, 'mercureAuthorization', closed), closed), [
    401,
    undefined,
  ])
})

t.test('behaviour 88: a cookie publish without Origin and Referer is malformed', async (t) => {
  t.strictSame(await publish(cookie()), malformed)
})

t.test(
  'behaviour 89: a cookie publish from an origin that is not listed is malformed',
  async (t) => {
    t.strictSame(await publish({ ...cookie(), origin: 'https://evil.example' }), malformed)
    t.strictSame(await publish({ ...cookie(), origin: 'null' }), malformed)
    t.strictSame(await publish({ ...cookie(), referer: 'https://evil.example/x' }), malformed)
  },
)

t.test('behaviour 90: a Referer that is no URL makes the token invalid', async (t) => {
  t.strictSame(await publish({ ...cookie(), referer: 'http://192.168.0.%31/' }), invalid)
})

t.test('behaviour 91: Origin has priority over Referer', async (t) => {
  const foreign = { referer: 'https://evil.example/x' }

  t.strictSame(await publish({ ...cookie(), origin: 'https://app.example', ...foreign }), ok)
  t.strictSame(
    await publish({ ...cookie(), origin: 'https://evil.example', referer: 'https://app.example/' }),
    malformed,
  )
})

t.test(
  'behaviour 92: any origin, wildcard origins, the own origin and another cookie name',
  async (t) => {
    const open = await startHub(t, { publish_origins: '*', cookie_name: 'mine' })

    t.strictSame(
      await publish({ ...cookie(undefined, 'mine', open), origin: 'https://any.example' }, open),
      ok,
    )
    t.strictSame(await publish({ ...cookie(), origin: 'https://a.b.wild.example' }), ok)
    t.strictSame(await publish({ ...cookie(), origin: 'https://wild.example' }), malformed)
    t.strictSame(await publish({ ...cookie(), origin: 'https://a.wild.example.evil' }), malformed)
    t.strictSame(await publish({ ...cookie(), origin: hub.origin }), ok)
    t.strictSame(await publish({ ...cookie(), referer: `${hub.origin}/page?x` }), ok)
  },
)

t.test('behaviour 93: a token that is no access token (typ JWT, or none) is refused', async (t) => {
  t.strictSame(await both({ header: { typ: 'JWT' } }), bothInvalid)
  t.strictSame(await both({ header: { typ: undefined } }), bothInvalid)
})

t.test('behaviour 94: at+jwt is accepted in any case, and as a media type', async (t) => {
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'])
    t.strictSame(await both({ publish: ['*'], header: { typ } }), bothOk)
})

t.test('behaviour 95: audience, expiration and a trusted issuer are required', async (t) => {
  const wrong = [
    { aud: 'https://other.example/.well-known/mercure' },
    { aud: undefined },
    { aud: [] },
    { exp: undefined },
    { exp: Math.floor(Date.now() / 1000) - 1 },
    { exp: 'tomorrow' },
    { nbf: Math.floor(Date.now() / 1000) + 60 },
    { iss: 'https://evil.example' },
    { iss: undefined },
  ]
  for (const claims of wrong)
    t.strictSame(await both({ publish: ['*'], claims }), bothInvalid, JSON.stringify(claims))
})

t.test(
  'behaviour 96: a trusted issuer is accepted, and another’s key proves nothing',
  async (t) => {
    const [a, b] = ['https://a.example', 'https://b.example']
    const keysOf = (key: string) => ({
      publisher: { key, algorithm: 'HS256' },
      subscriber: { key, algorithm: 'HS256' },
    })
    const two = await startHub(t, {
      trusted_issuers: null,
      publisher_jwt_key: null,
      subscriber_jwt_key: null,
      resource_identifier: 'https://hub.example/.well-known/mercure',
      issuers: [
        { id: a, ...keysOf('a'.repeat(40)) },
        { id: b, ...keysOf('b'.repeat(40)) },
      ],
    })
    const from = (iss: string, key: string): TokenOptions => ({
      publish: ['*'],
      secret: key.repeat(40),
      claims: { iss, aud: 'https://hub.example/.well-known/mercure' },
    })

    t.strictSame(await both(from(a, 'a'), two), bothOk)
    t.strictSame(await both(from(b, 'b'), two), bothOk)
    t.strictSame(await both(from(a, 'b'), two), bothInvalid)
    t.strictSame(await both(from(b, 'a'), two), bothInvalid)
  },
)

t.test('behaviour 97: an issuer without a publisher key publishes nothing', async (t) => {
  const key = 'a'.repeat(40)
  const two = await startHub(t, {
    trusted_issuers: null,
    publisher_jwt_key: null,
    subscriber_jwt_key: null,
    resource_identifier: 'https://hub.example/.well-known/mercure',
    issuers: [
      { id: issuer, subscriber: { key, algorithm: 'HS256' } },
      { id: 'https://b.example', publisher: { key, algorithm: 'HS256' } },
    ],
  })
  const claims = { aud: 'https://hub.example/.well-known/mercure' }

  t.strictSame(await both({ publish: ['*'], secret: key, claims }, two), [ok, invalid])
})

t.test('behaviour 98: a token for one host is refused on another', async (t) => {
  const token = hub.token()
  const at = (host: string) => subscribe({ authorization: `Bearer ${token}`, host })

  t.strictSame(await at(`127.0.0.1:${hub.port}`), ok)
  t.strictSame(await at(`localhost:${hub.port}`), invalid)
  t.strictSame(await at('hub.example'), invalid)
})

t.test(
  'behaviour 99: authorization details that break a rule make the token invalid',
  async (t) => {
    for (const details of ['none', {}, null, [null], ['x'], [{ type: 1 }], [{}]])
      t.strictSame(
        await both({ claims: { authorization_details: details } }),
        bothInvalid,
        JSON.stringify(details),
      )
    for (const character of ['\0', '\n', '\x7f', '\x85', '\u200b', '\u202e'])
      t.strictSame(await both({ subscribe: [`a${character}b`] }), bothInvalid)
  },
)

t.test(
  'behaviour 100: a topic that is a bare string is refused; without a type it is exact',
  async (t) => {
    const bare = { ...detail('publish', []), topics: ['a'] }
    t.strictSame(await both({ claims: { authorization_details: [bare] } }), bothInvalid)

    const exact = { publish: [{ match: 'a' }] }
    const pattern = { publish: [{ match: '/:x', match_type: 'urlpattern' }] }
    t.strictSame((await both(exact))[1], ok)
    t.strictSame((await both({ publish: [{ match: '/:x' }] }))[1], [403, 'insufficient_scope'])
    t.equal((await hub.publish({ topic: '/a' }, { token: hub.token(pattern) })).status, 200)
  },
)

t.test(
  'behaviour 101: foreign details are skipped, broken ones refuse the token, limits hold',
  async (t) => {
    const claims = (authorization_details: unknown) => ({ claims: { authorization_details } })
    const topics = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`)
    const repeat = (count: number) => Array.from({ length: count }, () => detail('publish', ['a']))
    const foreign = { type: 'https://other.example/x', actions: 7, topics: 'what' }

    t.strictSame(await both(claims([foreign, ...all])), bothOk)
    t.strictSame(await both(claims([...all, detail('frobnicate', ['a'])])), bothOk)
    t.strictSame(await both(claims([detail('frobnicate', ['*'])])), [
      ok,
      [403, 'insufficient_scope'],
    ])
    t.strictSame(await both(claims(repeat(100))), bothOk)
    const broken = [
      [{ ...detail('publish', ['a']), actions: [] }],
      [{ ...detail('publish', ['a']), actions: 'publish' }],
      [detail('publish', [])],
      [detail('publish', [{ match: 'a', match_type: 'regexp' }])],
      [detail('publish', [{ match: 'a', match_type: 'Exact' }])],
      [detail('publish', [{ match: '{unclosed', match_type: 'urlpattern' }])],
      [detail('publish', [{ match: '' }])],
      [detail('publish', ['x'.repeat(4097)])],
      [detail('publish', topics(101))],
      [detail('publish', topics(51)), detail('subscribe', topics(50))],
      repeat(101),
    ]
    for (const details of broken)
      t.strictSame(await both(claims(details)), bothInvalid, JSON.stringify(details).slice(0, 80))
  },
)

t.test('behaviour 8: a token with 1001 matchers is refused to a subscriber', async (t) => {
  const subscribed = Array.from({ length: 1001 }, (_, i) => `t${i}`)
  const large = await startHub(t, { max_header_size: '256KiB' })

  t.strictSame(await subscribe(bearer({ subscribe: subscribed }, large), large), invalid)
})

t.test('behaviour 69: a token with 1001 matchers is refused to a publisher', async (t) => {
  const published = Array.from({ length: 1001 }, (_, i) => `t${i}`)
  const large = await startHub(t, { max_header_size: '256KiB' })

  t.strictSame(await publish(bearer({ publish: published }, large), large), invalid)
})

t.test('a token of 0.x is refused with a sentence that names the option', async (t) => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ mercure: { publish: ['*'] } })}`
  const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`

  const answer = await hub.publish({ topic: 'a' }, { token })

  t.equal(answer.status, 401)
  t.match(answer.text, /protocol_version_compatibility/)
})

t.test('nothing that was refused left a subscriber behind', async (t) => {
  t.equal(hub.hub.subscriberCount, 0)
  t.strictSame(hub.hub.verify(), [])
})
