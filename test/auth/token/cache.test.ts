import { webcrypto } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import type { Authenticator, Presented } from '../../../src/auth/authenticator.ts'
import { maxCachedBytes, maxCachedTokens } from '../../../src/auth/token/cache.ts'
import {
  audience,
  badToken,
  goodClaims,
  grant,
  hmacToken,
  identified,
  issuer,
  noonMs,
  openAuth,
  outcome,
  unverified,
  withHeader,
} from '../tokens.ts'

const verifySignature = webcrypto.subtle.verify.bind(webcrypto.subtle)

function forgedToken(index: number): string {
  return hmacToken(goodClaims({ jti: index, filler: 'x'.repeat(2000) }), {}, 'another secret')
}

function goodRequest(index: number): Presented {
  return withHeader(hmacToken(goodClaims({ exp: 4_102_444_800, jti: index })))
}

const hundred = Array.from({ length: 100 }, (_, index) => index)

/** A hundred forged tokens at once, as a flood would bring them. */
async function refuseHundred(auth: Authenticator, first: number): Promise<void> {
  await Promise.all(hundred.map((more) => outcome(auth, withHeader(forgedToken(first + more)))))
}

/** Counts the signatures that are really verified while the test runs. */
function countVerifications(t: Test): () => number {
  const verify = t.capture(webcrypto.subtle, 'verify', verifySignature)
  let count = 0
  return () => (count += verify().length)
}

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What a process does beside what a test looks at: its heap is never quite the same. */
const otherBytes = 6 * 1024 * 1024

function heapBytes(): number {
  for (let i = 0; i < 3; i++) collectGarbage()
  return process.memoryUsage().heapUsed
}

t.test('a publisher that sends one token 10,000 times pays for its signature once', async (t) => {
  const auth = await openAuth(t)
  const verifications = countVerifications(t)
  const request = withHeader(hmacToken(goodClaims()), { role: 'publisher', isUnsafe: true })

  const first = await auth.authenticate(request)
  for (let i = 1; i < 10_000; i++)
    if (auth.authenticate(request) !== first) t.fail(`asked again at ${i}`)

  t.equal(verifications(), 1)
})

t.test('a token that is remembered gives its identity at once, without a promise', async (t) => {
  const auth = await openAuth(t)
  const request = withHeader(hmacToken(goodClaims()))

  t.ok(auth.authenticate(request) instanceof Promise)
  await auth.authenticate(request)

  t.match(auth.authenticate(request), { issuer })
})

t.test('a token that comes 1,000 times at once is verified once', async (t) => {
  const auth = await openAuth(t)
  const verifications = countVerifications(t)
  const request = withHeader(hmacToken(goodClaims()))

  const identities = await Promise.all(
    Array.from({ length: 1000 }, () => identified(auth, request)),
  )

  t.equal(new Set(identities).size, 1)
  t.equal(verifications(), 1)
})

t.test('a remembered token is refused from its expiration on', async (t) => {
  const clock = { nowMs: noonMs }
  const auth = await openAuth(t, { now: () => clock.nowMs })
  const request = withHeader(hmacToken(goodClaims({ exp: noonMs / 1000 + 60 })))
  await auth.authenticate(request)

  clock.nowMs += 59_999
  t.match(auth.authenticate(request), { issuer })
  clock.nowMs += 1

  t.strictSame(await outcome(auth, request), badToken('the token has expired'))
  t.equal(auth.cached.entries, 0)
})

t.test(
  'a token is remembered for the role, the audience and the hub it was verified for',
  async (t) => {
    const auth = await openAuth(t)
    const verifications = countVerifications(t)
    const token = hmacToken(goodClaims({ aud: [audience, 'https://other.example'] }))

    const purposes = [
      {},
      { role: 'publisher' as const },
      { audience: 'https://other.example' },
      { hubUrl: 'https://other.example/.well-known/mercure' },
    ]
    for (const purpose of purposes)
      t.match(await outcome(auth, withHeader(token, purpose)), { issuer })

    t.equal(verifications(), 4)
    t.equal(auth.cached.entries, 4)
  },
)

t.test('the same signed text under another signature is verified on its own', async (t) => {
  const auth = await openAuth(t)
  const token = hmacToken(goodClaims())
  await auth.authenticate(withHeader(token))

  const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(43)}`

  t.strictSame(await outcome(auth, withHeader(forged)), unverified)
})

t.test('10,000 bad tokens leave nothing behind', async (t) => {
  const causes = new Map<string, number>()
  const auth = await openAuth(t, {
    onFailure: (cause) => causes.set(cause, (causes.get(cause) ?? 0) + 1),
  })
  for (let i = 0; i < 500; i += 100) await refuseHundred(auth, i)
  const before = heapBytes()

  for (let i = 0; i < 10_000; i += 100) await refuseHundred(auth, i)

  const grown = heapBytes() - before
  t.ok(grown < otherBytes, `the heap grew by ${grown} bytes, and the tokens had 29 MB`)
  t.equal(auth.cached.entries, 0)
  t.strictSame([...causes], [['signature', 10_500]])
})

t.test('10,000 tokens are remembered, not one more', async (t) => {
  const auth = await openAuth(t)
  await auth.authenticate(goodRequest(0))

  for (let i = 0; i < maxCachedTokens; i += 100)
    await Promise.all(hundred.map((more) => identified(auth, goodRequest(i + more))))
  t.equal(auth.cached.entries, maxCachedTokens)
  await auth.authenticate(goodRequest(maxCachedTokens))

  t.equal(auth.cached.entries, maxCachedTokens)
  t.match(auth.authenticate(goodRequest(maxCachedTokens)), { issuer })
  t.ok(
    auth.authenticate(goodRequest(0)) instanceof Promise,
    'the one used least recently is forgotten',
  )
  await auth.authenticate(goodRequest(0))
})

t.test('remembered tokens are bounded in bytes too', async (t) => {
  const auth = await openAuth(t)
  const topics = Array.from({ length: 5 }, (_, index) => ({
    match: `https://example.com/${index}/${'x'.repeat(4000)}`,
  }))
  const before = heapBytes()

  for (let i = 0; i < 2000; i++)
    await auth.authenticate(
      withHeader(hmacToken(goodClaims({ jti: i, authorization_details: [grant({ topics })] }))),
    )

  t.ok(auth.cached.bytes <= maxCachedBytes)
  t.ok(auth.cached.entries < 2000)
  t.ok(auth.cached.entries > 100)
  const heap = heapBytes() - before
  t.ok(
    heap <= maxCachedBytes + otherBytes,
    `${auth.cached.entries} tokens said to take ${auth.cached.bytes} take ${heap} bytes`,
  )
})

t.test('a closed authenticator remembers nothing', async (t) => {
  const auth = await openAuth(t)
  await auth.authenticate(withHeader(hmacToken(goodClaims())))

  auth.close()

  t.strictSame(auth.cached, { entries: 0, bytes: 0, pending: 0 })
})
