import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { Authenticator, type Presented } from '../../../src/auth/authenticator.ts'
import { HubError } from '../../../src/protocol/errors.ts'
import {
  encode,
  goodClaims,
  grant,
  hmacToken,
  issuer,
  openAuth,
  presented,
  signedToken,
  trusted,
  withHeader,
} from '../tokens.ts'

const seed = Number(process.env['SEED'] ?? 20261103)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u00e9'

/** Random numbers that a failing run can repeat (mulberry32). */
function randomness(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Changes a text in one place: a character replaced, added, taken away, or a piece moved. */
function mutate(text: string, random: (below: number) => number): string {
  const at = random(text.length)
  const other = alphabet[random(alphabet.length)] ?? ''
  switch (random(5)) {
    case 0:
      return text.slice(0, at) + other + text.slice(at + 1)
    case 1:
      return text.slice(0, at) + other + text.slice(at)
    case 2:
      return text.slice(0, at) + text.slice(at + 1)
    case 3:
      return text.slice(at) + text.slice(0, at)
    default:
      return text.slice(0, at) + text.slice(at).repeat(2)
  }
}

/** Every one of these requests is refused, with a HubError that says nothing of the token. */
async function allRefused(
  t: Test,
  auth: Authenticator,
  requests: Iterable<Presented>,
): Promise<void> {
  const seen = new Set<string>()
  for (const request of requests) {
    const text = request.authorization[0] ?? request.cookie ?? ''
    try {
      await auth.authenticate(request)
      t.fail(`taken: ${text}`)
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      if (![400, 401].includes(error.status)) t.fail(`${error.status}: ${text}`)
      if (text.split('.').some((part) => part.length > 8 && error.message.includes(part)))
        t.fail('the message repeats the token')
      seen.add(error.code)
    }
  }
  t.pass(`refused with ${[...seen].toSorted().join(', ')}`)
}

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
}

for (const [alg, pair] of Object.entries(pairs))
  t.test(
    `behaviour 78: no mutation of a token signed with ${alg} is taken (seed ${seed})`,
    async (t) => {
      const key = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
      const auth = await openAuth(t, {
        issuers: [trusted({ kind: 'static', key, algorithm: alg })],
      })
      const token = await signedToken(goodClaims(), pair.privateKey, { alg })
      t.match(await auth.authenticate(withHeader(token)), { issuer })

      const random = randomness(seed)
      const mutants = Array.from({ length: 1500 }, () => mutate(token, random)).filter(
        (text) => text !== token,
      )
      await allRefused(
        t,
        auth,
        mutants.map((text) => presented({ cookie: `__Secure-mercure_access_token=x${text}` })),
      )
      await allRefused(
        t,
        auth,
        mutants.filter((text) => text.trim() !== token).map((text) => withHeader(text)),
      )
    },
  )

t.test('behaviour 78: no single bit of a token may change', async (t) => {
  const auth = await openAuth(t)
  const token = hmacToken(goodClaims())
  const flipped = Array.from({ length: token.length * 7 }, (_, bit) => {
    const bytes = Buffer.from(token)
    bytes[Math.floor(bit / 7)]! ^= 1 << (bit % 7)
    return withHeader(bytes.toString('latin1'))
  })

  await allRefused(t, auth, flipped)
})

/** Every JSON value that somebody might put where another belongs. */
const oddValues = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  ' ',
  'x',
  '\u0000',
  [],
  [null],
  [[]],
  {},
  { a: {} },
  '__proto__',
  JSON.parse('{"__proto__":1}') as unknown,
]

t.test(
  'a properly signed token with a wrong value anywhere is taken whole or refused whole',
  async (t) => {
    const auth = await openAuth(t)
    const variants = [
      ...Object.keys(goodClaims()).flatMap((name) =>
        oddValues.map((value) => goodClaims({ [name]: value })),
      ),
      ...['type', 'actions', 'topics', 'payload'].flatMap((name) =>
        oddValues.map((value) => goodClaims({ authorization_details: [grant({ [name]: value })] })),
      ),
      ...['match', 'match_type'].flatMap((name) =>
        oddValues.map((value) =>
          goodClaims({
            authorization_details: [grant({ topics: [{ match: 'urn:a', [name]: value }] })],
          }),
        ),
      ),
      ...oddValues,
    ]

    const outcomes = { taken: 0, refused: 0 }
    for (const claims of variants) {
      try {
        await auth.authenticate(withHeader(hmacToken(claims).padEnd(41, '.')))
        outcomes.taken++
      } catch (error) {
        if (!(error instanceof HubError)) throw error
        if (error.code !== 'invalid_token') t.fail(`${error.code}: ${JSON.stringify(claims)}`)
        outcomes.refused++
      }
    }

    t.equal(outcomes.taken + outcomes.refused, variants.length)
    t.ok(outcomes.refused > outcomes.taken)
  },
)

t.test('a header with a wrong value anywhere is refused, and nothing else is thrown', async (t) => {
  const auth = await openAuth(t)
  const names = ['typ', 'alg', 'kid', 'crit', 'b64', 'jwk', 'x5c', 'zip', 'cty']
  const requests = names.flatMap((name) =>
    oddValues.map((value) => withHeader(hmacToken(goodClaims(), { [name]: value }))),
  )

  for (const request of requests) {
    try {
      t.match(await auth.authenticate(request), { issuer })
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      t.equal(error.code, 'invalid_token')
    }
  }
})

t.test(
  'arbitrary text where a token, a cookie, an origin or a Referer belongs throws nothing but HubError',
  async (t) => {
    const auth = await openAuth(t, { publishOrigins: ['https://*.example.com', 'null'] })
    const random = randomness(seed)
    const pieces = [
      'Bearer ',
      'bearer',
      '.',
      '=',
      ';',
      '"',
      ' ',
      ',',
      '%',
      '://',
      'https',
      '@',
      '[',
      ']',
      ':',
      '\\',
      '\u00ff',
      encode('{}'),
      '__Secure-mercure_access_token=',
    ]
    const text = () =>
      Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join('')

    function* requests(): Generator<Presented> {
      for (let i = 0; i < 3000; i++)
        yield presented({
          role: random(2) === 0 ? 'publisher' : 'subscriber',
          authorization: random(2) === 0 ? [] : [text()],
          cookie: `${random(2) === 0 ? '__Secure-mercure_access_token=' : ''}${text()}`,
          isUnsafe: random(2) === 0,
          origin: random(2) === 0 ? undefined : text(),
          referer: random(2) === 0 ? undefined : text(),
        })
    }
    await allRefused(t, auth, requests())
  },
)
