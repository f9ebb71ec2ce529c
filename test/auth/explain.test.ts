import t from 'tap'
import { Authenticator, type AuthOptions, type Presented } from '../../src/auth/authenticator.ts'
import { type AskedMatcher, type Explanation, explain } from '../../src/auth/explain.ts'
import { issuer, secret, signLegacyToken, signToken } from '../fixtures/tokens.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'
const key = { kind: 'static', key: secret, algorithm: 'HS256' } as const
const keys = { publisher: key, subscriber: key }
const topic = 'https://example.com/books/7'

const authOptions: AuthOptions = {
  issuers: [{ id: issuer, ...keys, authorizationServer: false }],
  legacyKeys: keys,
  anonymous: true,
  cookieName: 'mercure',
  publishOrigins: [],
}

interface Asked {
  readonly role?: Presented['role']
  readonly token?: string | undefined
  readonly topics?: readonly string[]
  readonly matchers?: readonly AskedMatcher[]
  readonly isPrivate?: boolean
  readonly options?: Partial<AuthOptions>
}

async function ask({
  role = 'subscriber',
  token,
  options = {},
  ...asked
}: Asked): Promise<Explanation> {
  const authenticator = await Authenticator.open({ ...authOptions, ...options })
  const presented: Presented = {
    role,
    authorization: token === undefined ? [] : [`Bearer ${token}`],
    cookie: undefined,
    isUnsafe: role === 'publisher',
    origin: undefined,
    referer: undefined,
    ownOrigin: 'https://hub.example',
    hubUrl,
    audience: hubUrl,
  }
  const question = { topics: [topic], matchers: [], isPrivate: false, ...asked }
  try {
    return await explain(authenticator, presented, question)
  } finally {
    authenticator.close()
  }
}

const byPattern: AskedMatcher = { type: 'urlpattern', pattern: 'https://example.com/books/:id' }
const byTopic = (pattern: string): AskedMatcher => ({ type: 'exact', pattern })

/** Which checks are not met. */
function failed({ checks }: Explanation): readonly string[] {
  return checks.filter(({ isMet }) => !isMet).map(({ about }) => about)
}

t.test('who is granted a private update, and asks for it, would receive it', async (t) => {
  const token = signToken(hubUrl, { subscribe: [topic] })

  const explanation = await ask({ token, matchers: [byPattern], isPrivate: true })

  t.strictSame(
    [explanation.isAllowed, explanation.says],
    [true, 'the token would receive this update'],
  )
  t.strictSame(
    explanation.checks.map(({ about, isMet }) => [about, isMet]),
    [
      ['token', true],
      ['expiry', true],
      ['matcher', true],
      ['grant', true],
    ],
  )
})

t.test('a private update needs a grant for one of its topics, a public one none', async (t) => {
  const token = signToken(hubUrl, { subscribe: ['https://example.com/other'] })

  t.strictSame(failed(await ask({ token, isPrivate: true })), ['grant'])
  t.strictSame(failed(await ask({ token, isPrivate: false })), [])
  t.match(
    (await ask({ token, isPrivate: true })).says,
    'the token does not grant subscribing to any topic of this private update; it grants "https://example.com/other"',
  )
  const second = await ask({ token, isPrivate: true, topics: [topic, 'https://example.com/other'] })
  t.equal(second.isAllowed, true)
})

t.test(
  'a matcher that selects nothing is named, with a hint when it is a pattern by mistake',
  async (t) => {
    const wrong = await ask({ matchers: [byTopic('https://example.com/books/:id')] })
    const other = await ask({ matchers: [byTopic('https://example.com/films/7')] })

    t.strictSame([failed(wrong), failed(other)], [['matcher'], ['matcher']])
    t.equal(
      wrong.says,
      `match "https://example.com/books/:id" does not select "${topic}"; as a URL Pattern "https://example.com/books/:id" would`,
    )
    t.equal(other.says, `match "https://example.com/films/7" does not select "${topic}"`)
  },
)

t.test('a matcher that is none is refused in the words of the hub', async (t) => {
  const explanation = await ask({ matchers: [{ type: 'urlpattern', pattern: 'https://[' }] })

  t.strictSame(failed(explanation), ['matcher'])
  t.match(explanation.says, /^URL Pattern "https:\/\/\[": /)
})

t.test('to publish, every topic must be granted; those that are not are named', async (t) => {
  const token = signToken(hubUrl, { publish: [topic] })
  const publisher = { role: 'publisher', token } as const

  t.equal((await ask(publisher)).says, 'the token may publish this update')
  const both = await ask({ ...publisher, topics: [topic, 'urn:x'] })
  t.equal(
    both.says,
    `the token does not grant publishing to every topic of the update: "urn:x" is not covered; it grants "${topic}"`,
  )
  const reserved = await ask({ ...publisher, topics: [`${hubUrl}/subscriptions`] })
  t.strictSame(failed(reserved), ['update', 'grant'])
})

t.test('one answer names all that is wrong with a token', async (t) => {
  const claims = { iss: 'https://stranger.example', exp: 1_700_000_000 }
  const token = signToken(hubUrl, { subscribe: ['urn:x'], claims })

  const explanation = await ask({ token, matchers: [byTopic('urn:y')], isPrivate: true })

  t.strictSame(failed(explanation), ['token', 'expiry', 'matcher', 'grant'])
  t.equal(explanation.says, 'the issuer of the token is not trusted here for subscribers')
})

t.test('each reason to refuse a token is told in the hub’s own words', async (t) => {
  const claims = (more: object) => signToken(hubUrl, { claims: { ...more } })
  const refused: readonly (readonly [string | undefined, RegExp])[] = [
    [
      signToken('https://elsewhere.example/'),
      /^the token is for another audience; expected https:\/\/hub/,
    ],
    [claims({ exp: 1_700_000_000 }), /^the token has expired \(at 2023-11-14T/],
    [claims({ nbf: 4_000_000_000 }), /^the token is not valid yet$/],
    [
      signToken(hubUrl, { secret: 'another secret, of thirty-two bytes' }),
      /^the token must be signed by its issuer/,
    ],
    [signToken(hubUrl, { header: { typ: 'JWT' } }), /^the token must have the type at\+jwt/],
    [signLegacyToken({ subscribe: ['*'] }), /protocol_version_compatibility/],
    ['x'.repeat(60), /^the token is not a signed JWT/],
    ['short', /^this is no JSON Web Token: it is too short$/],
  ]

  for (const [token, sentence] of refused) {
    const explanation = await ask({ token })
    t.strictSame(
      [explanation.isAllowed, sentence.test(explanation.says)],
      [false, true],
      explanation.says,
    )
  }
  const closed = await ask({ options: { anonymous: false } })
  t.equal(closed.says, 'this needs a token')
})

t.test('a token of protocol 0.x is explained where it is spoken', async (t) => {
  const token = signLegacyToken({ subscribe: ['https://example.com/books/{id}'] })
  const options = { compatibility: 8 } as const

  const explanation = await ask({
    token,
    options,
    isPrivate: true,
    matchers: [{ type: 'selector', pattern: 'https://example.com/{kind}/7' }],
  })

  t.equal(explanation.isAllowed, true)
  t.strictSame(
    [explanation.token?.protocol, explanation.checks.find(({ about }) => about === 'expiry')?.says],
    ['0.x', 'it names no end (exp)'],
  )
})

t.test('which grant covers which matcher: wholly, in part, or not', async (t) => {
  const granted = ['*', topic, { match: byPattern.pattern, match_type: 'urlpattern' }]
  const token = signToken(hubUrl, { subscribe: granted })
  const matchers = [byTopic(topic), byPattern, byTopic('urn:x'), byTopic('*')]

  const { grants } = await ask({ token, topics: [], matchers })

  t.strictSame(
    grants.map(({ covers }) => covers),
    [
      ['yes', 'yes', 'yes', 'yes'],
      ['yes', 'in part', 'no', 'in part'],
      ['yes', 'yes', 'no', 'in part'],
    ],
  )
})

t.test('explaining a refusal counts as none', async (t) => {
  const counted: string[] = []

  await ask({ token: 'x'.repeat(60), options: { onFailure: (cause) => counted.push(cause) } })

  t.strictSame(counted, [])
})
