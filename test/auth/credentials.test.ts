import t from 'tap'
import { Authenticator } from '../../src/auth/authenticator.ts'
import { Grants } from '../../src/protocol/grants.ts'
import {
  badCredentials,
  badToken,
  goodClaims,
  hmacToken,
  noToken,
  openAuth,
  outcome,
  presented,
  secret,
  unverified,
  withHeader,
} from './tokens.ts'

const cookieName = '__Secure-mercure_access_token'
const token = hmacToken(goodClaims())
const identity = { subject: 'urn:example:alice' }

/** A POST whose only credentials are a cookie. */
const cookiePost = { role: 'publisher', cookie: `${cookieName}=${token}`, isUnsafe: true } as const

const tooMany = badCredentials('there must be one Authorization header at most')
const notBearer = badCredentials('the Authorization header must use the Bearer scheme')
const tooShort = badCredentials('this is no JSON Web Token: it is too short')
const missing = badCredentials('there is no token after "Bearer"')
const badForm = badCredentials('the Authorization header must be "Bearer", a space and the token')
const noOrigin = badCredentials(
  'publishing with a cookie needs an Origin or Referer header; use an Authorization header elsewhere',
)
const badOrigin = badCredentials('this origin may not publish with a cookie (see publish_origins)')

t.test(
  'behaviour 75: two Authorization headers are refused, on an anonymous hub too',
  async (t) => {
    const auth = await openAuth(t, { anonymous: true })

    const authorization = [`Bearer ${token}`, `Bearer ${token}`]

    t.strictSame(await outcome(auth, presented({ authorization })), tooMany)
    t.strictSame(await outcome(auth, presented({ authorization: ['', ''] })), tooMany)
  },
)

t.test('behaviour 76: 48 bytes of Authorization are long enough, 47 are not', async (t) => {
  const auth = await openAuth(t, { anonymous: true })

  t.strictSame(await outcome(auth, withHeader('x')), tooShort)
  t.strictSame(await outcome(auth, withHeader('x'.repeat(40))), tooShort)
  t.strictSame(await outcome(auth, presented({ authorization: ['Bearer'] })), missing)
  t.strictSame(
    await outcome(auth, withHeader('x'.repeat(41))),
    badToken('the token is not a signed JWT in compact form'),
  )
})

t.test('behaviour 77: other schemes are refused', async (t) => {
  const auth = await openAuth(t, { anonymous: true })

  for (const line of [`Basic ${token}`, `Bearer${token}`, `Bearers ${token}`, token, ''])
    t.strictSame(await outcome(auth, presented({ authorization: [line] })), notBearer, line)
})

t.test('a header that is more than one token is refused', async (t) => {
  const auth = await openAuth(t)

  for (const line of [
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token} x`,
    `Bearer ${token};`,
    `Bearer "${token}"`,
  ])
    t.strictSame(await outcome(auth, presented({ authorization: [line] })), badForm, line)
})

t.test('behaviours 79 and 80: the scheme may be written in any case', async (t) => {
  const auth = await openAuth(t)

  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR'])
    t.match(await outcome(auth, presented({ authorization: [`${scheme} ${token}`] })), identity)
})

t.test('behaviour 86: the cookie is read where there is no Authorization header', async (t) => {
  const auth = await openAuth(t)
  const fields = [
    `${cookieName}=${token}`,
    `a=b; ${cookieName}=${token}; c=d`,
    `a=b;${cookieName}=${token};c`,
    ` ${cookieName} = ${token} `,
    `${cookieName}="${token}"`,
    `${cookieName}=${token}; ${cookieName}=second`,
  ]

  for (const cookie of fields) t.match(await outcome(auth, presented({ cookie })), identity, cookie)
})

t.test(
  'behaviours 2, 3 and 86: a bad cookie is an invalid token, never an anonymous subscriber',
  async (t) => {
    const auth = await openAuth(t, { anonymous: true })
    const unreadable = badToken('the token is not a signed JWT in compact form')

    for (const value of ['', 'garbage', 'x'.repeat(60), '"', 'a.b.c', '%00'])
      t.strictSame(
        await outcome(auth, presented({ cookie: `${cookieName}=${value}` })),
        unreadable,
        value,
      )
    const forged = hmacToken(goodClaims(), {}, 'another secret')
    t.strictSame(await outcome(auth, presented({ cookie: `${cookieName}=${forged}` })), unverified)
  },
)

t.test(
  'the first cookie of the name counts, names are case-sensitive, and other cookies do not',
  async (t) => {
    const auth = await openAuth(t)

    t.match(
      await outcome(auth, presented({ cookie: `${cookieName}=bad; ${cookieName}=${token}` })),
      {
        code: 'invalid_token',
      },
    )
    for (const cookie of [
      '',
      ';;',
      cookieName,
      `${cookieName.toLowerCase()}=${token}`,
      `x${cookieName}=${token}`,
      `x=${cookieName}=${token}`,
    ])
      t.strictSame(await outcome(auth, presented({ cookie })), noToken, cookie)
  },
)

t.test('behaviour 87: the 0.x cookie name is just another cookie', async (t) => {
  const auth = await openAuth(t)

  t.strictSame(await outcome(auth, presented({ cookie: `mercureAuthorization=${token}` })), noToken)
})

t.test('an Authorization header hides the cookie, even when it is bad', async (t) => {
  const auth = await openAuth(t)
  const cookie = `${cookieName}=${token}`

  t.strictSame(await outcome(auth, presented({ authorization: ['Basic x'], cookie })), notBearer)
  t.match(
    await outcome(auth, withHeader(token, { ...cookiePost, cookie: `${cookieName}=bad` })),
    identity,
  )
})

t.test('behaviour 88: a cookie alone does not publish', async (t) => {
  const auth = await openAuth(t, { publishOrigins: ['*'] })

  t.strictSame(await outcome(auth, presented(cookiePost)), noOrigin)
  t.strictSame(await outcome(auth, presented({ ...cookiePost, origin: '', referer: '' })), noOrigin)
})

t.test('a cookie may read without saying where the request comes from', async (t) => {
  const auth = await openAuth(t)

  t.match(
    await outcome(
      auth,
      presented({ ...cookiePost, isUnsafe: false, origin: 'https://evil.example' }),
    ),
    identity,
  )
})

t.test(
  'behaviour 89: a cookie from an origin that is not listed does not publish, whatever the token',
  async (t) => {
    const auth = await openAuth(t, { publishOrigins: ['https://app.example'] })
    const strangers = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { referer: 'https://evil.example/https://app.example' },
      { referer: 'https://app.example@evil.example/' },
      { referer: 'https://app.example.evil.example/' },
      { referer: 'about:blank' },
    ]

    for (const from of strangers)
      t.strictSame(
        await outcome(auth, presented({ ...cookiePost, ...from })),
        badOrigin,
        JSON.stringify(from),
      )
    const garbage = {
      ...cookiePost,
      cookie: `${cookieName}=garbage`,
      origin: 'https://evil.example',
    }
    t.strictSame(
      await outcome(auth, presented(garbage)),
      badOrigin,
      'and the token is not looked at',
    )
  },
)

t.test('behaviour 90: a Referer that is no URL is refused as an invalid token', async (t) => {
  const auth = await openAuth(t, { publishOrigins: ['https://app.example', 'http://192.168.0.1'] })

  for (const referer of ['http://192.168.0.%31/', '://', 'app.example', '/page', 'https://'])
    t.strictSame(
      await outcome(auth, presented({ ...cookiePost, referer })),
      badToken('the Referer header is not a URL'),
      referer,
    )
})

t.test('behaviour 91: the Origin decides where there is one, else the Referer', async (t) => {
  const auth = await openAuth(t, {
    publishOrigins: ['https://app.example', 'capacitor://localhost'],
  })
  const good = { origin: 'https://app.example', referer: 'https://evil.example/' }
  const bad = { origin: 'https://evil.example', referer: 'https://app.example/' }

  t.match(await outcome(auth, presented({ ...cookiePost, ...good })), identity)
  t.match(
    await outcome(auth, presented({ ...cookiePost, origin: good.origin, referer: '::' })),
    identity,
  )
  t.strictSame(await outcome(auth, presented({ ...cookiePost, ...bad })), badOrigin)
  for (const referer of ['https://app.example/a/page?x=%31', 'capacitor://localhost/index.html'])
    t.match(await outcome(auth, presented({ ...cookiePost, referer })), identity, referer)
})

t.test("the hub's own origin may publish with a cookie without being listed", async (t) => {
  const auth = await openAuth(t)

  for (const from of [
    { origin: 'https://hub.example' },
    { origin: 'https://HUB.example' },
    { referer: 'https://hub.example/page' },
  ])
    t.match(
      await outcome(auth, presented({ ...cookiePost, ...from })),
      identity,
      JSON.stringify(from),
    )
  t.strictSame(
    await outcome(auth, presented({ ...cookiePost, origin: 'http://hub.example' })),
    badOrigin,
  )
})

t.test(
  'behaviour 92: wildcards, any origin and another cookie name are taken as configured',
  async (t) => {
    const wildcard = await openAuth(t, {
      publishOrigins: ['https://*.example.com'],
      cookieName: 'mine',
    })
    const any = await openAuth(t, { publishOrigins: ['*'] })

    const mine = { ...cookiePost, cookie: `mine=${token}` }
    t.match(
      await outcome(wildcard, presented({ ...mine, origin: 'https://sub.Example.com' })),
      identity,
    )
    t.strictSame(
      await outcome(wildcard, presented({ ...mine, origin: 'https://example.com' })),
      badOrigin,
    )
    t.strictSame(
      await outcome(wildcard, presented({ ...cookiePost, origin: 'https://a.example.com' })),
      noToken,
    )
    t.match(await outcome(any, presented({ ...cookiePost, origin: 'null' })), identity)
  },
)

t.test('behaviours 1 and 50: without credentials a token is asked for', async (t) => {
  const auth = await openAuth(t)

  t.strictSame(await outcome(auth, presented()), noToken)
  t.strictSame(await outcome(auth, presented({ role: 'publisher', isUnsafe: true })), noToken)
})

t.test('an anonymous hub lets subscribers in with no grants, and no publisher', async (t) => {
  const auth = await openAuth(t, { anonymous: true })

  t.strictSame(auth.authenticate(presented()), { grants: Grants.none })
  t.strictSame(await outcome(auth, presented({ role: 'publisher' })), noToken)
})

t.test(
  'a hub without subscriber keys does not look at the credentials of subscribers',
  async (t) => {
    const publisher = { kind: 'static', key: secret, algorithm: 'HS256' } as const
    const auth = await openAuth(t, {
      anonymous: true,
      issuers: [{ id: 'https://issuer.example', authorizationServer: false, publisher }],
    })

    t.equal(auth.hasKeys('publisher'), true)
    t.equal(auth.hasKeys('subscriber'), false)
    for (const request of [
      withHeader('x'),
      presented({ authorization: ['Basic x', ''] }),
      presented({ cookie: `${cookieName}=bad` }),
    ])
      t.strictSame(auth.authenticate(request), { grants: Grants.none })
    t.strictSame(await outcome(auth, withHeader('x', { role: 'publisher' })), tooShort)
  },
)

t.test('a refused request is told to the metrics once, in a word', async (t) => {
  const causes: string[] = []
  const auth = await openAuth(t, { onFailure: (cause) => causes.push(cause) })

  await outcome(auth, presented())
  await outcome(auth, withHeader('x'))
  await outcome(auth, presented(cookiePost))
  await outcome(auth, withHeader(hmacToken(goodClaims({ exp: 1 }))))
  await outcome(auth, withHeader(hmacToken(goodClaims(), {}, 'another secret')))
  await outcome(auth, withHeader(token))

  t.strictSame(causes, ['missing', 'malformed', 'origin', 'expired', 'signature'])
})

t.test(
  'behaviour 113: publish_origins that are no origins keep the hub from starting',
  async (t) => {
    const options = { issuers: [], anonymous: true, cookieName, publishOrigins: ['example.com'] }

    await t.rejects(Authenticator.open(options), {
      message: /^publish_origins: expected .* got "example\.com"$/,
    })
  },
)
