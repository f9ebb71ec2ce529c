import t from 'tap'
import { LRUCache } from 'lru-cache'
import { Grants } from '../../../src/protocol/grants.ts'
import { compileMatcher, type Matcher } from '../../../src/protocol/matcher.ts'
import { Topic } from '../../../src/protocol/topic.ts'
import { Cohort } from '../../../src/registry/cohort.ts'
import { Interest } from '../../../src/registry/interest.ts'
import { PatternIndex } from '../../../src/registry/index/patterns.ts'

const base = 'https://hub.example/.well-known/mercure'
const pattern = (text: string) => compileMatcher('urlpattern', text, base)
const cohortOf = (...matchers: Matcher[]) => new Cohort(new Interest(matchers, Grants.none))
const matching = (index: PatternIndex, topic: Topic) => {
  const found: Cohort[] = []
  index.matching(topic, (cohort) => found.push(cohort))
  return found
}
const newIndex = () =>
  new PatternIndex(new LRUCache({ max: 1000, maxSize: 1e6, sizeCalculation: () => 1 }))

/** Numbers that look random and are the same in every run. */
function* dice(seed: number): Generator<number> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    yield state / 0x7fffffff
  }
}

const hosts = ['https://a.example', 'https://b.example', 'https://:sub.example', 'https://*']
const pieces = [
  ...['x', 'y', 'zz', ':p', ':q', '*', 'x-:p', ':p-y', '{opt}?', ':p?', ':p*', ':p+'],
  ...['(\\d+)', '(x|x/y)', '', '{x/:p}', '{x/y}+', '%41'],
]
const paths = ['x', 'y', 'zz', 'x-1', 'x-y', '12', '', 'opt', 'A', '%41', '.well-known', 'mercure']
const queries = ['', '', '', '\\?a=1', '\\?a=1*', '\\?a=:v&b=2', '\\?']
const topicQueries = ['', '', '', '?a=1', '?a=1&b=2', '?b=2', '?']
const topicHosts = ['https://a.example', 'https://b.example', 'https://s.example', 'urn:x', '']

t.test('finds exactly the patterns that match, whatever their shape', async (t) => {
  const random = dice(20_261_125)
  const roll = () => random.next().value as number
  const pick = <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)] as T
  const some = (list: readonly string[], most: number) =>
    Array.from({ length: Math.floor(roll() * most) }, () => pick(list))
  const texts = new Set<string>(['urn\\:x/:p', 'urn\\:x/x/y', 'urn\\:*', '/x/:p', ':p/y', '*'])
  while (texts.size < 400)
    texts.add(`${pick(hosts)}/${some(pieces, roll() < 0.05 ? 20 : 5).join('/')}${pick(queries)}`)
  const matchers = [...texts]
    .filter((text) => text !== '*')
    .flatMap((text) => {
      try {
        return [pattern(text)]
      } catch {
        return [] // two groups side by side, perhaps, or a name twice
      }
    })
  t.ok(matchers.length > 200, `${matchers.length} patterns`)
  const index = newIndex()
  const cohorts = new Map(matchers.map((matcher) => [cohortOf(matcher), matcher] as const))
  for (const [cohort, matcher] of cohorts) index.add(matcher, cohort)
  const topics = Array.from({ length: 600 }, () => {
    const host = pick(topicHosts)
    return new Topic(
      `${host}/${some(paths, roll() < 0.05 ? 20 : 5).join('/')}${pick(topicQueries)}`,
    )
  })

  const found = topics.map((topic) =>
    matching(index, topic)
      .map((cohort) => cohorts.get(cohort)?.pattern ?? '')
      .toSorted(),
  )

  const expected = topics.map((topic) =>
    matchers.flatMap((one) => (one.matches(topic) ? [one.pattern] : [])).toSorted(),
  )
  t.ok(expected.flat().length > 1000, `${expected.flat().length} matches`)
  t.strictSame(found, expected)
})

t.test(
  'asks only the patterns whose literal segments are the topic’s, wherever they stand',
  async (t) => {
    let asked = 0
    const counted = (text: string): Matcher => {
      const matcher = pattern(text)
      return { ...matcher, matches: (topic) => (asked++, matcher.matches(topic)) }
    }
    const shapes = [
      (n: number) => `https://example.com/:a/:b/t${n}`,
      (n: number) => `https://example.com/u/t${n}/:id`,
      (n: number) => `https://example.com/:a/t${n}/*`,
      (n: number) => `https://example.com/*/t${n}`,
      (n: number) => `https://t${n}.example/*`,
      (n: number) => `https://example.com/u/t${n}-:id`,
      (n: number) => `https://example.com/u/:id-t${n}`,
      (n: number) => `https://example.com/u\\?room=t${n}`,
      (n: number) => `https://example.com/u\\?room=t${n}&page=*`,
      (n: number) => `https://example.com/${'far/'.repeat(20)}t${n}x:id`,
    ]
    for (const shape of shapes) {
      const index = newIndex()
      for (let n = 0; n < 500; n++) {
        const matcher = counted(shape(n))
        index.add(matcher, cohortOf(matcher))
      }
      const topic = shape(123)
        .replace(/:\w+|\*/g, 'some')
        .replaceAll('\\', '')
      asked = 0

      const found = matching(index, new Topic(topic))

      t.equal(found.length, 1, topic)
      t.equal(asked, 1, topic)
    }
  },
)

t.test('many that differ at the edges only can be taken out again, in any order', async (t) => {
  const index = newIndex()
  const members = Array.from({ length: 100 }, (_, n) => {
    const matcher = pattern(`https://a.example/u/${n}-:id${n % 3 === 0 ? `\\?room=${n}` : ''}`)
    return [matcher, cohortOf(matcher)] as const
  })
  for (const [matcher, cohort] of members) index.add(matcher, cohort)
  const topicOf = (n: number) =>
    new Topic(`https://a.example/u/${n}-x${n % 3 === 0 ? `?room=${n}` : ''}`)
  const left = new Set(members.keys())

  for (let n = 0; left.size > 0; n = (n + 37) % 100) {
    const [matcher, cohort] = members[n] as (typeof members)[number]
    t.strictSame(matching(index, topicOf(n)), [cohort])
    index.remove(matcher, cohort)
    left.delete(n)
    t.strictSame(matching(index, topicOf(n)), [])
  }

  t.ok(index.isEmpty)
})

t.test('what was added can be taken out, and nothing is left', async (t) => {
  const index = newIndex()
  const deep = `https://a.example/${'x/'.repeat(30)}:p`
  const matchers = ['https://a.example/x/:p', 'https://*/:p/y', deep, 'https://a.example/*/x'].map(
    pattern,
  )
  const cohorts = matchers.map((matcher) => cohortOf(matcher))
  for (const [i, matcher] of matchers.entries()) index.add(matcher, cohorts[i] as Cohort)
  t.equal(matching(index, new Topic(deep.replace(':p', 'y'))).length, 1)

  for (const [i, matcher] of matchers.entries()) index.remove(matcher, cohorts[i] as Cohort)

  t.equal(index.size, 0)
  t.equal(index.isEmpty, true)
})
