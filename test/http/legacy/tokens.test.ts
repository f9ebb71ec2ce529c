import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync, sign } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { detail, issuer, secret, signLegacyToken } from '../../fixtures/tokens.ts'
import { lookIn } from '../../fixtures/until.ts'

const strict = { protocol_version_compatibility: 8, anonymous: false }
const path = '/.well-known/mercure?topic=a'

/** The data that a subscriber of `a` with this token gets of one private and one public update. */
async function received(
  hub: TestHub,
  token: string,
  query = 'topic=a',
): Promise<string[] | number> {
  const client = await hub.subscribe(query, { token })
  if (client.head.status !== 200) return client.head.status
  await hub.publish({ topic: 'a', private: 'on', data: 'private' })
  await hub.publish({ topic: 'a', data: 'public' })
  await client.untilData('public')
  client.close()
  return client.data
}

t.test('behaviour 81: a token without claims is valid and grants nothing', async (t) => {
  const hub = await startHub(t, strict)

  for (const token of [
    signLegacyToken(undefined),
    signLegacyToken(undefined, { header: { typ: undefined } }),
    signLegacyToken({}),
    signLegacyToken(null),
    signLegacyToken({ subscribe: [] }),
  ])
    t.strictSame(await received(hub, token), ['public'])
  t.equal((await hub.publish({ topic: 'a' }, { token: signLegacyToken(undefined) })).status, 401)
})

t.test('behaviour 82: the namespaced claim replaces the short one', async (t) => {
  const hub = await startHub(t, strict)
  const namespaced = (claim: unknown, mercure?: unknown) =>
    signLegacyToken(mercure, { claims: { 'https://mercure.rocks/': claim } })

  t.strictSame(await received(hub, namespaced({ subscribe: ['a'] })), ['private', 'public'])
  t.strictSame(await received(hub, namespaced({}, { subscribe: ['a'] })), ['public'])
  t.strictSame(await received(hub, namespaced(null, { subscribe: ['a'] })), ['private', 'public'])
})

t.test('behaviour 84: a 0.x token may stand in the query, behind the header', async (t) => {
  const hub = await startHub(t, strict)
  const token = signLegacyToken({ publish: ['a'], subscribe: ['a'] })
  const inQuery = `${path}&authorization=`
  const statusOf = async (query: string, headers = {}) => {
    const client = await hub.subscribe(query.slice(query.indexOf('?') + 1), headers)
    client.close()
    return client.head.status
  }

  t.equal(await statusOf(inQuery + token), 200)
  t.equal(await statusOf(inQuery + signLegacyToken({}, { secret: 'other' })), 401)
  t.equal(await statusOf(inQuery + signLegacyToken({}, { header: { alg: 'none' } })), 401)
  t.equal(await statusOf(inQuery + token, { token: signLegacyToken({}, { secret: 'x' }) }), 401)
  const cookie = 'Cookie: mercureAuthorization='
  t.equal(await statusOf(`${inQuery}${token}`, { lines: [`${cookie}garbage`] }), 200)
  const posted = await hub.ask('POST', {
    path: `/.well-known/mercure?authorization=${token}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'topic=a&data=posted',
  })
  t.equal(posted.status, 200)
})

t.test('behaviour 83: with 0.x, a 1.0 token in the query is ignored as it ever was', async (t) => {
  const hub = await startHub(t, strict)

  for (const query of ['match=a', 'topic=a']) {
    const client = await hub.subscribe(`${query}&authorization=${hub.token()}`)
    t.equal(client.head.status, 401, query)
  }
  const open = await startHub(t, { ...strict, anonymous: true })
  const ignored = await open.subscribe(`match=a&authorization=garbage`)
  t.equal(ignored.head.status, 200)
})

t.test(
  'behaviour 85: a token in the query that is too short, or there twice, is 401',
  async (t) => {
    const hub = await startHub(t, { ...strict, anonymous: true })
    const token = signLegacyToken({})

    for (const query of ['&authorization=short', `&authorization=${token}&authorization=${token}`])
      t.equal((await hub.ask('GET', { path: path + query })).status, 401)
  },
)

t.test('behaviour 87: the old cookie counts, behind the one of the hub', async (t) => {
  const hub = await startHub(t, strict)
  const good = signLegacyToken({ subscribe: ['a'] })
  const statusOf = async (cookie: string) => {
    const client = await hub.subscribe('topic=a', { lines: [`Cookie: ${cookie}`] })
    client.close()
    return client.head.status
  }

  t.equal(await statusOf(`mercureAuthorization=${good}`), 200)
  t.equal(await statusOf(`mercureAuthorization=${hub.token()}`), 200)
  t.equal(await statusOf(`__Secure-mercure_access_token=${good}`), 200)
  t.equal(await statusOf(`mercureAuthorization=${good}; __Secure-mercure_access_token=bad`), 401)
  const modern = await startHub(t, { anonymous: false })
  const ignored = await modern.ask('GET', {
    path: '/.well-known/mercure?match=a',
    headers: { cookie: `mercureAuthorization=${modern.token()}` },
  })
  t.equal(ignored.status, 401)
})

t.test(
  'behaviours 88, 89 and 90: a cookie publishes from known origins only, else 401',
  async (t) => {
    const hub = await startHub(t, { ...strict, publish_origins: 'https://app.example' })
    const cookie = `mercureAuthorization=${signLegacyToken({ publish: ['*'] })}`
    const statusOf = async (headers: Record<string, string>) => {
      const answer = await hub.ask('POST', {
        headers: { 'content-type': 'application/x-www-form-urlencoded', cookie, ...headers },
        body: 'topic=a',
      })
      t.equal(answer.headers['www-authenticate'], undefined)
      return answer.status
    }

    t.equal(await statusOf({}), 401)
    t.equal(await statusOf({ origin: 'https://evil.example' }), 401)
    t.equal(await statusOf({ referer: 'https://evil.example/page' }), 401)
    t.equal(await statusOf({ referer: '%' }), 401)
    t.equal(await statusOf({ origin: 'https://app.example' }), 200)
    t.equal(await statusOf({ referer: 'https://app.example/page' }), 200)
    t.equal(await statusOf({ origin: hub.origin }), 200)
  },
)

t.test('behaviour 104: 1.0 tokens are enforced, compatibility or not', async (t) => {
  const hub = await startHub(t, strict)
  const mercure = { publish: ['*'], subscribe: ['*'] }
  const broken = [
    { claims: { mercure, aud: 'https://other.example' } },
    { claims: { mercure, aud: undefined } },
    { claims: { mercure, exp: undefined } },
    { claims: { mercure, iss: 'https://other.example' } },
    { claims: { mercure, authorization_details: 'wrong' } },
    { claims: { mercure, authorization_details: [detail('subscribe', [])] } },
    { claims: { mercure }, header: { typ: 'JWT' } },
    { claims: { mercure }, header: { typ: undefined } },
    {
      claims: { mercure, authorization_details: undefined, Authorization_Details: [] },
      header: { typ: 'JWT' },
    },
    { claims: { mercure, authorization_details: undefined, exp: undefined } },
  ]

  for (const options of broken) {
    const token = hub.token(options)
    t.equal(await received(hub, token, 'match=a'), 401, JSON.stringify(options))
    t.equal((await hub.publish({ topic: 'a' }, { token })).status, 401)
  }
  const both = hub.token({ subscribe: ['b'], claims: { mercure } })
  t.strictSame(await received(hub, both, 'match=a'), ['public'], 'the old claim grants nothing')
})

t.test(
  'behaviour 105: entries are selectors or objects, and wrong ones refuse the token',
  async (t) => {
    const hub = await startHub(t, strict)
    const accepted = [
      ['a'],
      ['{+any}'],
      ['b', '*'],
      [{ match: 'a' }],
      [{ match: 'a', match_type: 'exact', payload: 1 }],
      [{ match: '*', match_type: 'urlpattern' }],
    ]
    for (const subscribe of accepted)
      t.strictSame(await received(hub, signLegacyToken({ subscribe })), ['private', 'public'])
    const refused = [
      'a',
      { match: 'a' },
      [1],
      [null],
      [{}],
      [{ match: null }],
      [{ match: '' }],
      [{ match: 'a', match_type: 'Exact' }],
      [{ match: '{unclosed', match_type: 'urlpattern' }],
      ['a'.repeat(4097)],
      ['\ud800'],
    ]
    for (const subscribe of refused)
      t.equal(await received(hub, signLegacyToken({ subscribe })), 401, JSON.stringify(subscribe))
    t.equal(await received(hub, signLegacyToken('text')), 401)
  },
)

t.test('behaviours 8 and 69: in 0.x, 1000 entries are fine, 1001 are not', async (t) => {
  const hub = await startHub(t, strict)
  const entries = (count: number) =>
    Array.from({ length: count }, (_, index) => `https://x/${index}/{id}`)
  // Too large for a header of the default size; a hub that takes such tokens has room for them.
  const roomy = await startHub(t, { ...strict, max_header_size: '128KiB' })

  t.strictSame(await received(roomy, signLegacyToken({ subscribe: entries(1000) })), ['public'])
  t.equal(await received(roomy, signLegacyToken({ subscribe: entries(1001) })), 401)
  t.equal(
    (await roomy.publish({ topic: 'a' }, { token: signLegacyToken({ publish: entries(1001) }) }))
      .status,
    401,
  )
  t.equal(
    await received(hub, signLegacyToken({ subscribe: ['a'] })).then((data) => typeof data),
    'object',
  )
})

t.test('exp and nbf count when they are there; iss, aud and typ never do', async (t) => {
  const hub = await startHub(t, strict)
  const seconds = Math.floor(Date.now() / 1000)
  const withClaims = (claims: Record<string, unknown>) =>
    received(hub, signLegacyToken({ subscribe: ['a'] }, { claims }))

  for (const claims of [
    {},
    { exp: seconds + 60 },
    { nbf: seconds - 60 },
    { exp: 1e300 },
    { iss: issuer, aud: 'https://other.example', sub: 1 },
  ])
    t.strictSame(await withClaims(claims), ['private', 'public'], JSON.stringify(claims))
  for (const claims of [
    { exp: seconds - 1 },
    { nbf: seconds + 60 },
    { exp: 'soon' },
    { exp: null },
  ])
    t.equal(await withClaims(claims), 401, JSON.stringify(claims))
})

t.test('behaviour 16: with 0.x, a stream ends at its token’s exp', async (t) => {
  const hub = await startHub(t, strict)
  const exp = Math.floor(Date.now() / 1000) + 3
  const client = await hub.subscribe('topic=a', {
    token: signLegacyToken({}, { claims: { exp } }),
  })

  const left = lookIn(exp * 1000 + 50 - Date.now(), () => hub.hub.subscriberCount)
  await client.closed

  t.equal(await left, 0)
  t.strictSame(await hub.closes(), { expired: 1 })
})

t.test('keys without an issuer verify 0.x alone, and there is no metadata to read', async (t) => {
  const hub = await startHub(t, { ...strict, trusted_issuers: null })

  t.equal((await hub.ask('HEAD', { path, token: signLegacyToken({}) })).status, 200)
  const answer = await hub.ask('GET', { path: '/.well-known/mercure?match=a', token: hub.token() })
  t.equal(answer.status, 401)
  t.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"')
  const metadata = '/.well-known/oauth-protected-resource/.well-known/mercure'
  t.equal((await hub.ask('GET', { path: metadata })).status, 404)
})

t.test('with several issuers the keys of 0.x are named, never tried in turn', async (t) => {
  const key = 'k'.repeat(32)
  const issuers = ['a', 'b'].map((name) => ({
    id: `https://${name}.example`,
    publisher: { key: name.repeat(32) },
    subscriber: { key: name.repeat(32) },
  }))
  const options = {
    ...strict,
    trusted_issuers: null,
    publisher_jwt_key: null,
    subscriber_jwt_key: null,
    public_urls: 'http://127.0.0.1',
    resource_identifier: 'http://127.0.0.1/.well-known/mercure',
    issuers,
  }
  const statusOf = async (hub: TestHub, with_: string) =>
    (
      await hub.ask('HEAD', {
        path,
        headers: { host: '127.0.0.1' },
        token: signLegacyToken({}, { secret: with_ }),
      })
    ).status

  const named = await startHub(t, { ...options, legacy: { subscriber: { key } } })
  t.equal(await statusOf(named, key), 200)
  t.equal(await statusOf(named, 'a'.repeat(32)), 401)
  t.equal(await statusOf(named, 'b'.repeat(32)), 401)
  const unnamed = await startHub(t, options)
  t.equal(await statusOf(unnamed, 'a'.repeat(32)), 401)
})

t.test('a JWK Set vouches for 0.x tokens that have a claim and an end only', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cinnabar-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const file = join(folder, 'jwks.json')
  writeFileSync(file, JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }))
  const hub = await startHub(t, {
    ...strict,
    subscriber_jwt_key: null,
    subscriber_jwks_uri: pathToFileURL(file).href,
  })
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = (claims: unknown) => {
    const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(text), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${text}.${signature.toString('base64url')}`
  }
  const exp = Math.floor(Date.now() / 1000) + 60
  const mercure = { subscribe: ['a'] }

  t.strictSame(await received(hub, signed({ mercure, exp })), ['private', 'public'])
  t.equal(await received(hub, signed({ mercure })), 401)
  t.equal(await received(hub, signed({ exp })), 401, 'an ID token, perhaps')
  t.equal(await received(hub, signLegacyToken(mercure, { secret })), 401)
})
