import t, { type Test } from 'tap'
import type { Grants } from '../../../src/protocol/grants.ts'
import { Topic } from '../../../src/protocol/topic.ts'
import {
  badToken,
  detailType,
  goodClaims,
  grant,
  hmacToken,
  identified,
  openAuth,
  outcome,
  withHeader,
} from '../tokens.ts'

type Outcome = ReturnType<typeof outcome>

/** What a subscriber's token with these `authorization_details` becomes. */
async function reader(t: Test): Promise<(details: unknown) => Outcome> {
  const auth = await openAuth(t)
  return (details) => outcome(auth, withHeader(tokenOf(details)))
}

/** What a token with these details grants; a refusal fails the test. */
async function granter(t: Test): Promise<(details: unknown) => Promise<Grants>> {
  const auth = await openAuth(t)
  return async (details) => (await identified(auth, withHeader(tokenOf(details)))).grants
}

function tokenOf(authorization_details: unknown): string {
  return hmacToken(goodClaims({ authorization_details }))
}

const refuse = (at: string, rule: string) => badToken(`${at} of the token ${rule}`)
const first = 'authorization_details[0]'
const miscased = (at: string, name: string) =>
  refuse(at, `has a member "${name}"; names are in lower case`)
const details = (count: number) =>
  Array.from({ length: count }, (_, index) => grant({ topics: [{ match: `urn:${index}` }] }))
const exactly = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ match: `urn:${index}` }))
const book = [new Topic('https://example.com/books/1')]

t.test('behaviour 57: a token without details is valid and grants nothing', async (t) => {
  const grantsOf = await granter(t)

  for (const details of [undefined, []]) {
    const grants = await grantsOf(details)
    t.equal(grants.mayPublish(book), false)
    t.equal(grants.mayReceive(book), false)
  }
})

t.test('behaviour 99: details that are no array are refused', async (t) => {
  const read = await reader(t)

  for (const details of [null, {}, 'text', 0, false, grant({})])
    t.strictSame(await read(details), refuse('authorization_details', 'must be an array'))
})

t.test('behaviour 101: details of another type are skipped, whatever their shape', async (t) => {
  const read = await reader(t)
  const foreign = [
    { type: 'payment', actions: 'x', topics: null, payload: 1, Match: 1 },
    { type: '' },
    { type: `${detailType}/` },
    { type: 'mercure' },
    { type: detailType.toUpperCase() },
  ]

  t.match(await read([...foreign, grant({ topics: [{ match: 'urn:a' }] })]), {
    grants: { details: { length: 1 } },
  })
})

t.test(
  'decision 6: an entry that is no object, or whose type is no string, breaks the token',
  async (t) => {
    const read = await reader(t)

    for (const entry of [null, 'text', 1, [], [grant({})]])
      t.strictSame(await read([entry]), refuse(first, 'must be an object'))
    t.strictSame(
      await read([grant({}), null]),
      refuse('authorization_details[1]', 'must be an object'),
    )
    for (const type of [undefined, null, 1, [detailType], {}])
      t.strictSame(await read([grant({ type })]), refuse(`${first}.type`, 'must be a string'))
  },
)

t.test(
  'behaviour 101: unknown actions are ignored, and only unknown ones grant nothing',
  async (t) => {
    const grantsOf = await granter(t)

    const reading = await grantsOf([grant({ actions: ['fly', 'subscribe'] })])
    const nothing = await grantsOf([grant({ actions: ['Subscribe', ''] })])

    t.strictSame([reading.mayReceive(book), reading.mayPublish(book)], [true, false])
    t.strictSame([nothing.mayReceive(book), nothing.mayPublish(book)], [false, false])
  },
)

t.test('behaviour 101: actions are a non-empty array of strings', async (t) => {
  const read = await reader(t)

  for (const actions of [undefined, null, [], 'subscribe', { 0: 'subscribe' }])
    t.strictSame(
      await read([grant({ actions })]),
      refuse(`${first}.actions`, 'must be a non-empty array'),
    )
  for (const actions of [['subscribe', null], [1], [['subscribe']]])
    t.strictSame(
      await read([grant({ actions })]),
      refuse(`${first}.actions`, 'must hold strings only'),
    )
})

t.test('behaviour 101: topics are a non-empty array', async (t) => {
  const read = await reader(t)

  for (const topics of [undefined, null, [], '*', { match: '*' }])
    t.strictSame(
      await read([grant({ topics })]),
      refuse(`${first}.topics`, 'must be a non-empty array'),
    )
})

t.test('behaviour 100: a topic is an object; without match_type it is exact', async (t) => {
  const read = await reader(t)
  const grantsOf = await granter(t)

  const granted = await grantsOf([grant({ topics: [{ match: 'https://example.com/books/1' }] })])

  t.equal(granted.details[0]?.topics[0]?.type, 'exact')
  t.equal(granted.mayReceive(book), true)
  for (const topic of ['https://example.com/books/1', null, 1, ['urn:a']])
    t.strictSame(
      await read([grant({ topics: [{ match: 'urn:a' }, topic] })]),
      refuse(`${first}.topics[1]`, 'must be an object with a member "match"'),
    )
})

t.test(
  'behaviour 99: a match that is missing, empty or no plain text breaks the token',
  async (t) => {
    const read = await reader(t)
    const of = (match: unknown) => read([grant({ topics: [{ match }] })])
    const at = `${first}.topics[0].match`

    for (const match of [undefined, null, '', 1, ['a'], {}])
      t.strictSame(await of(match), refuse(at, 'must be a non-empty string'))
    for (const match of ['a\u0000', 'a\nb', 'a\u007f', 'a\u0085', 'a\u202e', '\ufeff', 'a\u200b'])
      t.strictSame(
        await of(match),
        refuse(at, 'is no matcher (a matcher must not hold control or formatting characters)'),
      )
    t.strictSame(await of('a\ud800'), refuse(at, 'must be well-formed Unicode'))
  },
)

t.test('a match has 4096 bytes at most', async (t) => {
  const read = await reader(t)
  const of = (match: string) => read([grant({ topics: [{ match }] })])

  t.match(await of('é'.repeat(2048)), { subject: 'urn:example:alice' })
  t.strictSame(
    await of(`${'é'.repeat(2048)}x`),
    refuse(`${first}.topics[0].match`, 'is no matcher (a matcher must be at most 4096 bytes long)'),
  )
})

t.test('behaviour 101: the match type is one of two, in these letters', async (t) => {
  const read = await reader(t)
  const of = (match_type: unknown) =>
    read([grant({ topics: [{ match: '/books/:id', match_type }] })])

  t.match(await of('exact'), { subject: 'urn:example:alice' })
  t.match(await of('urlpattern'), { subject: 'urn:example:alice' })
  for (const type of [
    '',
    'Exact',
    'URLPattern',
    'regexp',
    'urlpattern ',
    null,
    1,
    ['exact'],
    '__proto__',
  ])
    t.strictSame(
      await of(type),
      refuse(`${first}.topics[0].match_type`, 'must be "exact" or "urlpattern"'),
      String(type),
    )
})

t.test('behaviour 101: a pattern that cannot be compiled breaks the token, quietly', async (t) => {
  const read = await reader(t)

  for (const match of ['{unclosed', '/(unclosed', 'https://example.com/[('])
    t.match(await read([grant({}), grant({ topics: [{ match, match_type: 'urlpattern' }] })]), {
      code: 'invalid_token',
      message: /^authorization_details\[1\]\.topics\[0\]\.match of the token is no matcher \(/,
    })
})

t.test('a relative pattern is resolved against the hub', async (t) => {
  const grantsOf = await granter(t)

  const grants = await grantsOf([
    grant({ topics: [{ match: '/books/:id', match_type: 'urlpattern' }] }),
  ])

  t.equal(grants.mayReceive([new Topic('https://hub.example/books/1')]), true)
  t.equal(grants.mayReceive([new Topic('/books/1')]), true)
  t.equal(grants.mayReceive([new Topic('https://example.com/books/1')]), false)
})

t.test('decision 6: members in other letter case break the token', async (t) => {
  const read = await reader(t)

  for (const name of ['Actions', 'TOPICS', 'Payload', 'Type'])
    t.strictSame(await read([grant({ [name]: [] })]), miscased(first, name))
  for (const name of ['Match', 'Match_Type', 'MATCH'])
    t.strictSame(
      await read([grant({ topics: [{ match: 'urn:a', [name]: 'urlpattern' }] })]),
      miscased(`${first}.topics[0]`, name),
    )
  t.match(
    await read([grant({ locations: [], matchType: 1 })]),
    { subject: 'urn:example:alice' },
    'others are fine',
  )
})

t.test('decision 6: a payload is an object, and is kept', async (t) => {
  const read = await reader(t)

  t.match(await read([grant({ payload: { user: 'alice' } })]), {
    grants: { details: [{ payload: { user: 'alice' } }] },
  })
  for (const payload of [null, 1, 'text', [], true])
    t.strictSame(await read([grant({ payload })]), refuse(`${first}.payload`, 'must be an object'))
})

t.test(
  'behaviours 8, 69 and 101: 100 details are fine, 101 are not, and foreign ones do not count',
  async (t) => {
    const read = await reader(t)
    const tooMany = refuse('authorization_details', 'must have at most 100 details for a hub')

    t.match(await read([...details(100), { type: 'payment' }]), {
      grants: { details: { length: 100 } },
    })
    t.strictSame(await read(details(101)), tooMany)
  },
)

t.test(
  'behaviours 8, 69 and 101: 100 topics are fine, 101 are not, summed over all details',
  async (t) => {
    const read = await reader(t)
    const tooMany = refuse('authorization_details', 'must have at most 100 topics in total')

    t.match(await read([grant({ topics: exactly(100) })]), { grants: { details: { length: 1 } } })
    t.match(await read([grant({ topics: exactly(50) }), grant({ topics: exactly(50) })]), {
      grants: { details: { length: 2 } },
    })
    t.strictSame(await read([grant({ topics: exactly(101) })]), tooMany)
    t.strictSame(
      await read([
        grant({ topics: exactly(51) }),
        grant({ topics: exactly(51), actions: ['fly'] }),
      ]),
      tooMany,
    )
    t.strictSame(await read([grant({ topics: exactly(1001) })]), tooMany)
  },
)

t.test('behaviour 102: * grants everything, as either type', async (t) => {
  const grantsOf = await granter(t)

  for (const match_type of ['exact', 'urlpattern']) {
    const grants = await grantsOf([grant({ topics: [{ match: '*', match_type }] })])
    t.equal(grants.mayPublish([...book, new Topic('no url')]), true)
  }
})
