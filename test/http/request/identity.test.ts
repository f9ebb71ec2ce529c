import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { formOf, formType } from '../../fixtures/http.ts'

const metadata = '/.well-known/oauth-protected-resource/.well-known/mercure'
const subscription = '/.well-known/mercure?match=a'
const url = (hub: TestHub) => `${hub.origin}${metadata}`

t.test('behaviour 106: no token, no error code; only where to read more', async (t) => {
  const hub = await startHub(t, { anonymous: false })

  for (const method of ['GET', 'HEAD', 'QUERY', 'POST']) {
    const { status, headers } = await hub.ask(method, { path: subscription })
    t.strictSame(
      [status, headers['www-authenticate']],
      [401, `Bearer resource_metadata="${url(hub)}"`],
      method,
    )
  }
})

t.test('behaviour 107: each refusal of credentials has its status and error code', async (t) => {
  const hub = await startHub(t)
  const challenge = (error: string) => `Bearer error="${error}", resource_metadata="${url(hub)}"`
  const post = async (authorization: string) => {
    const answer = await hub.ask('POST', {
      headers: { ...formType, authorization },
      body: formOf({ topic: 'a' }),
    })
    return [answer.status, answer.headers['www-authenticate']]
  }

  t.strictSame(await post('Bearer x'), [400, challenge('invalid_request')])
  t.strictSame(await post(`Bearer ${'x'.repeat(60)}`), [401, challenge('invalid_token')])
  t.strictSame(await post(`Bearer ${hub.token({})}`), [403, challenge('insufficient_scope')])
  t.strictSame(await post(`Bearer ${hub.token()}`), [200, undefined])
})

t.test('a refusal is a JSON document for who asks for one', async (t) => {
  const hub = await startHub(t)

  const answer = await hub.ask('GET', { headers: { accept: 'application/json' } })

  t.match(answer.headers['content-type'], 'application/problem+json')
  t.strictSame(JSON.parse(answer.text), {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'a subscription needs at least one "match" or "match_urlpattern" parameter',
    code: 'invalid_matcher',
  })
})

t.test('behaviour 108: the protected resource metadata says who the hub is', async (t) => {
  const derived = await startHub(t)
  const configured = await startHub(t, {
    trusted_issuers: null,
    publisher_jwt_key: null,
    subscriber_jwt_key: null,
    subscriptions: true,
    cookie_name: 'mine',
    resource_identifier: 'https://hub.example/.well-known/mercure',
    issuers: [
      {
        id: 'https://a.example',
        subscriber: { key: 'x'.repeat(40), algorithm: 'HS256' },
        authorization_server: 'true',
      },
    ],
  })

  const answer = await derived.ask('GET', { path: metadata })

  t.equal(answer.status, 200)
  t.equal(answer.headers['content-type'], 'application/json')
  t.equal(
    answer.text,
    `{"resource":"${derived.url}","bearer_methods_supported":["header"],"authorization_details_types_supported":["https://mercure.rocks/authorization-detail"],"mercure_cookie":"__Secure-mercure_access_token"}\n`,
  )
  t.strictSame(JSON.parse((await configured.ask('GET', { path: metadata })).text), {
    resource: 'https://hub.example/.well-known/mercure',
    bearer_methods_supported: ['header'],
    authorization_servers: ['https://a.example'],
    authorization_details_types_supported: ['https://mercure.rocks/authorization-detail'],
    mercure_cookie: 'mine',
    mercure_subscriptions: true,
  })
  t.equal((await derived.ask('HEAD', { path: metadata })).status, 200)
  const other = await derived.ask('POST', { path: metadata })
  t.match([other.status, other.headers.allow], [405, 'GET, HEAD'])
})

t.test('behaviour 109: an anonymous hub without keys has no metadata', async (t) => {
  const hub = await startHub(t, {
    trusted_issuers: null,
    publisher_jwt_key: null,
    subscriber_jwt_key: null,
  })

  t.equal((await hub.ask('GET', { path: metadata })).status, 404)
  t.equal((await hub.ask('HEAD', { path: subscription })).status, 200)
  t.equal((await hub.publish({ topic: 'a' })).status, 405)
})

t.test('behaviour 110: a request for somebody else is 421, before anything else', async (t) => {
  const hub = await startHub(t, {
    public_urls: 'https://hub.example http://127.0.0.1:7',
    cors_origins: 'https://app.example',
  })
  const at = async (host: string, method: string, headers = {}, path = subscription) =>
    (await hub.ask(method, { path, headers: { host, ...headers } })).status
  const https = { 'x-forwarded-proto': 'https' }

  t.equal(await at('hub.example', 'HEAD', https), 200)
  t.equal(await at('HUB.example', 'HEAD', https), 200)
  t.equal(await at('127.0.0.1:7', 'HEAD'), 200)
  t.equal(await at('hub.example', 'HEAD'), 421, 'the scheme counts')
  t.equal(await at('127.0.0.1:8', 'HEAD'), 421, 'the port counts')
  t.equal(await at('evil.example', 'GET', { authorization: 'x' }), 421, 'before credentials')
  t.equal(await at('evil.example', 'PUT'), 421, 'before the method')
  t.equal(await at('evil.example', 'POST'), 421)
  t.equal(await at('evil.example', 'GET', {}, metadata), 421)
  t.equal(await at('evil.example', 'GET', {}, '/.well-known/mercure/nope'), 421)
  t.equal(
    await at('evil.example', 'OPTIONS', {
      origin: 'https://app.example',
      'access-control-request-method': 'GET',
    }),
    421,
  )
  t.equal(await at('evil.example', 'GET', {}, '/health/live'), 200, 'but health is for anybody')
  const answer = await hub.ask('GET', { path: subscription, headers: { host: 'evil.example' } })
  t.match(answer.text, /^Misdirected Request: .*public_urls/)
})

t.test('a forwarded host counts from a trusted proxy only', async (t) => {
  const trusting = await startHub(t, { public_urls: 'https://hub.example' })
  const wary = await startHub(t, {
    public_urls: 'https://hub.example',
    trusted_proxies: '10.0.0.1',
  })
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'hub.example' }

  t.equal((await trusting.ask('HEAD', { path: subscription, headers })).status, 200)
  t.equal((await wary.ask('HEAD', { path: subscription, headers })).status, 421)
})

t.test('behaviour 111: identities and issuers that make no sense stop the start', async (t) => {
  for (const [options, problem] of [
    [{ resource_identifier: 'nonsense' }, /resource_identifier: expected/],
    [{ resource_identifier: 'https://hub.example/#x' }, /resource_identifier: expected/],
    [{ trusted_issuers: null }, /trusted_issuers/],
    [{ issuers: [{ id: '', publisher: { key: 'x', algorithm: 'HS256' } }] }, /issuers\[0\]\.id/],
  ] as const)
    await t.rejects(startHub(t, options), { message: problem }, JSON.stringify(options))
})

t.test(
  'behaviour 112: security headers are on every answer, and a preflight is granted what it asks',
  async (t) => {
    const hub = await startHub(t, { cors_origins: 'https://app.example' })
    const security = {
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'x-xss-protection': '1; mode=block',
      'content-security-policy': "default-src 'self'",
    }
    const asks: [method: string, path: string, status: number][] = [
      ['HEAD', subscription, 200],
      ['GET', '/.well-known/mercure', 400],
      ['POST', '/.well-known/mercure', 401],
      ['PUT', '/.well-known/mercure', 405],
      ['GET', metadata, 200],
      ['GET', '/.well-known/mercure/nope', 404],
      ['GET', '/.well-known/mercure/', 404],
      ['GET', '/nowhere', 404],
    ]
    for (const [method, path, status] of asks) {
      const answer = await hub.ask(method, { path, headers: { origin: 'https://app.example' } })
      t.equal(answer.status, status, `${method} ${path}`)
      t.match(answer.headers, security)
    }
    const stream = await hub.subscribe('match=a', { lines: ['Origin: https://app.example'] })
    t.match(stream.head.headers, {
      ...security,
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })

    const preflight = await hub.ask('OPTIONS', {
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'QUERY',
        'access-control-request-headers': 'Authorization,Cache-Control, last-event-id',
      },
    })
    t.equal(preflight.status, 204)
    t.match(preflight.headers, {
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'QUERY',
      'access-control-allow-headers': 'authorization, cache-control, last-event-id',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
  },
)

t.test('behaviour 113: listed origins may read every answer, others none', async (t) => {
  const hub = await startHub(t, { cors_origins: 'https://app.example https://*.wild.example null' })
  const any = await startHub(t, { cors_origins: '*' })
  const none = await startHub(t)
  const allowed = async (at: TestHub, origin: string, method = 'HEAD', path = subscription) => {
    const { headers } = await at.ask(method, { path, headers: { origin } })
    return [
      headers['access-control-allow-origin'],
      headers['access-control-allow-credentials'],
      headers['access-control-expose-headers'],
    ]
  }
  const exposed = 'Link, Mercure-Last-Event-ID, Mercure-Subscription-Count'
  const nothing = [undefined, undefined, undefined]

  for (const origin of ['https://app.example', 'https://a.wild.example', 'null'])
    t.strictSame(await allowed(hub, origin), [origin, 'true', exposed], origin)
  for (const origin of [
    'https://evil.example',
    'http://app.example',
    'https://app.example:8443',
    'https://wild.example',
  ])
    t.strictSame(await allowed(hub, origin), nothing, origin)
  for (const [method, path] of [
    ['GET', '/.well-known/mercure'],
    ['POST', '/.well-known/mercure'],
    ['PUT', '/.well-known/mercure'],
    ['GET', metadata],
    ['GET', '/.well-known/mercure/nope'],
  ] as const)
    t.strictSame(
      await allowed(hub, 'https://app.example', method, path),
      ['https://app.example', 'true', exposed],
      `${method} ${path}`,
    )
  t.strictSame(await allowed(any, 'https://any.example'), ['*', undefined, exposed])
  t.strictSame(await allowed(none, 'https://app.example'), nothing)
  await t.rejects(startHub(t, { cors_origins: 'app.example' }), { message: /cors_origins/ })
})

t.test('a preflight for what nobody may do is 204 without permission', async (t) => {
  const hub = await startHub(t, { cors_origins: 'https://app.example' })
  const preflight = async (origin: string, method: string, fields?: string) => {
    const { status, headers } = await hub.ask('OPTIONS', {
      headers: {
        origin,
        'access-control-request-method': method,
        ...(fields === undefined ? {} : { 'access-control-request-headers': fields }),
      },
    })
    return [status, headers['access-control-allow-methods']]
  }

  t.strictSame(await preflight('https://app.example', 'POST', 'content-type'), [204, 'POST'])
  t.strictSame(await preflight('https://app.example', 'DELETE'), [204, undefined])
  t.strictSame(await preflight('https://evil.example', 'GET'), [204, undefined])
  t.strictSame(await preflight('https://app.example', 'GET', 'x-evil'), [204, undefined])
  const plain = await hub.ask('OPTIONS', { headers: { origin: 'https://app.example' } })
  t.match([plain.status, plain.headers.allow], [405, 'GET, HEAD, QUERY, POST, OPTIONS'])
})

t.test('behaviour 103: an HMAC token is refused where keys come from a JWK Set', async (t) => {
  await t.rejects(
    startHub(t, {
      publisher_jwt_key: null,
      subscriber_jwt_key: null,
      trusted_issuers: null,
      issuers: [
        {
          id: 'https://a.example',
          publisher: { jwks_uri: 'file:///nowhere.json', algorithms: ['HS256'] },
        },
      ],
    }),
    { message: /algorithms/ },
  )
})
