import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  type AuthOptions,
  Authenticator,
  type KeySourceEvent,
} from '../../../src/auth/authenticator.ts'
import {
  answering,
  ec,
  Events,
  ed,
  type IssuerServer,
  jwk,
  otherEc,
  rsa,
  setOf,
  startIssuer,
} from '../issuer-server.ts'
import {
  goodClaims,
  hmacToken,
  issuer,
  noonMs,
  openAuth,
  outcome,
  signedToken,
  trusted,
  unverified,
  withHeader,
} from '../tokens.ts'

const oldSet = setOf(jwk(ec.publicKey, { kid: 'old' }))
const newSet = setOf(jwk(otherEc.publicKey, { kid: 'new' }))
const claims = goodClaims({ exp: noonMs / 1000 + 86_400 })

const oldToken = await signedToken(claims, ec.privateKey, { alg: 'ES256', kid: 'old' })
const newToken = await signedToken(claims, otherEc.privateKey, { alg: 'ES256', kid: 'new' })
const unknownToken = (kid: number) =>
  signedToken(claims, ec.privateKey, { alg: 'ES256', kid: `unknown ${kid}` })

let tokens = 0
/** A good token that was not seen before. */
const freshToken = () =>
  signedToken({ ...claims, jti: tokens++ }, ec.privateKey, { alg: 'ES256', kid: 'old' })

/** A hub that trusts the issuer behind this server, with a clock that tests turn by hand. */
async function hubOf(
  t: Test,
  server: IssuerServer,
  more: Partial<AuthOptions> = {},
): Promise<{ auth: Authenticator; clock: { nowMs: number }; events: Events<KeySourceEvent> }> {
  const clock = { nowMs: noonMs }
  const events = new Events<KeySourceEvent>()
  const auth = await openAuth(t, {
    issuers: [trusted({ kind: 'jwks', uri: server.uri })],
    now: () => clock.nowMs,
    onKeySource: events.push,
    ...more,
  })
  return { auth, clock, events }
}

t.test('behaviour 80: the first request waits for the first fetch', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth } = await hubOf(t, server)

  const request = outcome(auth, withHeader(oldToken))

  t.match(await request, { issuer })
  t.equal(server.fetches(), 1)
})

t.test('behaviours 80 and 103: a set verifies asymmetric algorithms, and no HMAC', async (t) => {
  const server = await startIssuer(
    t,
    setOf(jwk(ec.publicKey), jwk(rsa.publicKey), jwk(ed.publicKey)),
  )
  const { auth } = await hubOf(t, server)

  for (const [alg, key] of [
    ['ES256', ec],
    ['RS256', rsa],
    ['PS384', rsa],
    ['EdDSA', ed],
    ['Ed25519', ed],
  ] as const)
    t.match(
      await outcome(auth, withHeader(await signedToken(claims, key.privateKey, { alg }))),
      { issuer },
      alg,
    )
  const secret = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  t.strictSame(await outcome(auth, withHeader(hmacToken(claims, {}, secret))), unverified)
})

t.test('behaviour 5: configured algorithms narrow the list', async (t) => {
  const server = await startIssuer(t, setOf(jwk(ec.publicKey), jwk(rsa.publicKey)))
  const { auth } = await hubOf(t, server, {
    issuers: [trusted({ kind: 'jwks', uri: server.uri, algorithms: ['RS256'] })],
  })

  t.match(
    await outcome(auth, withHeader(await signedToken(claims, rsa.privateKey, { alg: 'RS256' }))),
    { issuer },
  )
  for (const [alg, key] of [
    ['ES256', ec],
    ['RS384', rsa],
    ['PS256', rsa],
  ] as const)
    t.strictSame(
      await outcome(auth, withHeader(await signedToken(claims, key.privateKey, { alg }))),
      unverified,
      alg,
    )
})

t.test('behaviour 103: HMAC and none cannot be configured for a set', async (t) => {
  for (const algorithms of [['HS256'], ['RS256', 'none'], []])
    await t.rejects(
      openAuth(t, { issuers: [trusted({ kind: 'jwks', uri: 'https://i.example', algorithms })] }),
      {
        message:
          /^publisher\.jwks_uri \(MERCURE_PUBLISHER_JWKS_URI\) of issuer .*: the algorithms of a JWK Set are some of RS256, /,
      },
    )
})

t.test('an unknown key id fetches the set again, at once', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth, events } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))

  server.answer = answering(newSet)

  t.match(await outcome(auth, withHeader(newToken)), { issuer })
  const uri = server.uri.replace('?key=hidden', '')
  t.strictSame(events.all, [
    { type: 'refreshed', issuer, uri, keys: 1, changed: true },
    { type: 'refreshed', issuer, uri, keys: 1, changed: true },
  ])
})

t.test('30 unknown key ids in a row cost one fetch, and another after 30 s', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth, clock } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))
  t.equal(server.fetches(), 1)

  for (let kid = 0; kid < 30; kid++)
    t.strictSame(await outcome(auth, withHeader(await unknownToken(kid))), unverified)
  t.equal(server.fetches(), 2)

  clock.nowMs += 29_999
  await outcome(auth, withHeader(await unknownToken(30)))
  t.equal(server.fetches(), 2)
  clock.nowMs += 1
  await outcome(auth, withHeader(await unknownToken(31)))
  t.equal(server.fetches(), 3)
})

t.test('a hundred unknown key ids at once share one fetch', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))
  const tokens = await Promise.all(Array.from({ length: 100 }, (_, kid) => unknownToken(kid)))

  const outcomes = await Promise.all(tokens.map((token) => outcome(auth, withHeader(token))))

  t.strictSame(
    new Set(outcomes.map((each) => JSON.stringify(each))),
    new Set([JSON.stringify(unverified)]),
  )
  t.equal(server.fetches(), 2)
})

t.test('a clock that was set back does not stop the fetches', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth, clock } = await hubOf(t, server)
  await outcome(auth, withHeader(await unknownToken(0)))
  await outcome(auth, withHeader(await unknownToken(1)))
  t.equal(server.fetches(), 2)

  clock.nowMs -= 86_400_000
  await outcome(auth, withHeader(await unknownToken(2)))

  t.equal(server.fetches(), 3)
})

t.test('a bad signature under a known key id causes no fetch', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))

  const forged = await signedToken(claims, otherEc.privateKey, { alg: 'ES256', kid: 'old' })

  t.strictSame(await outcome(auth, withHeader(forged)), unverified)
  t.equal(server.fetches(), 1)
})

t.test('an issuer that names no key ids may rotate too', async (t) => {
  const server = await startIssuer(t, setOf(jwk(ec.publicKey)))
  const { auth } = await hubOf(t, server)
  await outcome(auth, withHeader(await signedToken(claims, ec.privateKey, { alg: 'ES256' })))

  server.answer = answering(setOf(jwk(otherEc.publicKey)))

  t.match(
    await outcome(
      auth,
      withHeader(await signedToken(claims, otherEc.privateKey, { alg: 'ES256' })),
    ),
    { issuer },
  )
})

t.test('a token that was taken is refused as soon as its key is gone', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))
  t.match(auth.authenticate(withHeader(oldToken)), { issuer }, 'remembered')

  server.answer = answering(newSet)
  await outcome(auth, withHeader(newToken))

  t.strictSame(await outcome(auth, withHeader(oldToken)), unverified)
  t.match(auth.authenticate(withHeader(newToken)), { issuer }, 'and the new one is remembered')
})

t.test('a refresh that changes nothing forgets nothing', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth, events } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))

  await outcome(auth, withHeader(await unknownToken(0)))

  t.match(events.all, [{ changed: true }, { changed: false }])
  t.match(auth.authenticate(withHeader(oldToken)), { issuer })
})

t.test('a source that is down at the start is tolerated, and found when it is up', async (t) => {
  const server = await startIssuer(t, oldSet)
  await server.stop()
  const { auth, clock, events } = await hubOf(t, server)

  t.strictSame(await outcome(auth, withHeader(oldToken)), unverified)
  t.match(events.all[0], {
    type: 'failed',
    issuer,
    keys: 0,
    retryMs: 2_000,
    error: { message: /ECONNREFUSED/ },
  })
  await server.start()
  clock.nowMs += 30_000

  t.match(await outcome(auth, withHeader(oldToken)), { issuer })
})

t.test('the last keys stay while the source is down or talks nonsense', async (t) => {
  const server = await startIssuer(t, oldSet)
  const { auth, clock, events } = await hubOf(t, server)
  await outcome(auth, withHeader(oldToken))

  for (const answer of [
    answering('', 500),
    answering('<html>'),
    answering('{}'),
    answering(Buffer.from([0xff])),
  ]) {
    server.answer = answer
    clock.nowMs += 30_000
    await outcome(auth, withHeader(await unknownToken(clock.nowMs)))
    t.match(events.all.at(-1), { type: 'failed', keys: 1 })
    t.match(await outcome(auth, withHeader(await freshToken())), { issuer })
  }
  t.equal(events.all.filter((event) => event.type === 'failed').length, 4)
})

t.test('the roles of an issuer share the fetches of a set, two issuers do not', async (t) => {
  const server = await startIssuer(t, oldSet)
  const keys = { kind: 'jwks', uri: server.uri } as const
  const events = new Events<KeySourceEvent>()

  const auth = await openAuth(t, {
    issuers: [trusted(keys), trusted(keys, 'https://b.example')],
    now: () => noonMs,
    onKeySource: events.push,
  })
  await events.atLeast(2)

  t.equal(server.fetches(), 2)
  for (const role of ['publisher', 'subscriber'] as const)
    t.match(await outcome(auth, withHeader(oldToken, { role })), { issuer })
})

t.test('closing ends a fetch that is under way', async (t) => {
  const server = await startIssuer(t, oldSet)
  const asked = new Events<{ gone: Promise<unknown> }>()
  server.answer = (request) => asked.push({ gone: once(request.socket, 'close') })
  const { auth, events } = await hubOf(t, server)
  const request = outcome(auth, withHeader(oldToken))
  const [fetching] = await asked.atLeast(1)

  auth.close()

  await fetching?.gone
  t.strictSame(await request, unverified)
  t.strictSame(events.all, [], 'and is no failure')
})

t.test('behaviour 111: a URL that is none of https, http and file is refused', async (t) => {
  const where = 'publisher.jwks_uri (MERCURE_PUBLISHER_JWKS_URI) of issuer https://issuer.example'
  const openWith = (uri: string) => openAuth(t, { issuers: [trusted({ kind: 'jwks', uri })] })

  for (const uri of ['', 'jwks.json', 'ftp://issuer.example/jwks', 'data:,{}'])
    await t.rejects(openWith(uri), {
      message: `${where}: expected an https:, http: or file: URL, got ${JSON.stringify(uri)}`,
    })
  await t.rejects(openWith('https://user:password@issuer.example/jwks'), {
    message: `${where}: the URL must hold no user name or password, got https://…@issuer.example`,
  })
})
