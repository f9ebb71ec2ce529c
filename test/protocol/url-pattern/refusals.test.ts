import t from 'tap'
import type { HubError } from '../../../src/protocol/errors.ts'
import { UrlPattern } from '../../../src/protocol/url-pattern/url-pattern.ts'

const base = 'https://hub.example/.well-known/mercure'
const notAPattern = {
  code: 'invalid_matcher',
  message: /^the matcher is not a valid URL Pattern: [^/]/,
}
const tooComplex = { code: 'invalid_matcher', message: 'the URL Pattern is too complex' }

const invalid: Readonly<Record<string, readonly string[]>> = {
  braces: ['/{', '{unclosed', '/}', '/a{b', '/{a{b}}', '/{:a:b}', '/{(a)(b)}'],
  groups: ['/(', '/(unclosed', '/()', '/(a', '/(é)', '/(\\é)', '/(a(b))', '/(a(b)c)', '/(?:a)'],
  modifiers: ['/+', '/a+', '/a++', '/:a?+', '/a{b}?+'],
  names: ['/:', '/:1', '/:a/:a', '/a:-', '/a\\:b'],
  escapes: ['/a\\', '/(a\\'],
  regexps: [
    '/([)',
    '/(*)',
    '/(a**)',
    '/(+)',
    '/([b-a])',
    '/(\\y)',
    '/(a{2,1})',
    '/({)',
    '/(\\p{X})',
  ],
  'regexps together': ['/(x(?<a>.))(x(?<a>.))', '/(x(?<a>.))+', '/([a&&&b])', '/([(])'],
  protocols: ['1http\\://a/', 'ht tp://a.example/', 'é://a.example/', '{/}://a.example/'],
  hosts: ['https://a b/', 'https://a%00b/', 'https://{a@b}/', 'https://[x]/', 'https://a^b/'],
  'more hosts': ['https://{/}/', 'https://256.256.256.256/', 'https://[é]/'],
  ports: ['https://a.example:{x}/', 'https://a.example:99999/', 'https://a.example:(a/'],
}

for (const [name, patterns] of Object.entries(invalid)) {
  t.test(`invalid ${name} are refused`, (t) => {
    for (const pattern of patterns)
      t.throws(() => UrlPattern.compile(pattern, base), notAPattern, pattern)
    t.end()
  })
}

t.test('a base that is no URL is refused, unless nobody needs it', (t) => {
  t.throws(() => UrlPattern.compile('/a', 'nowhere'), notAPattern)
  t.doesNotThrow(() => UrlPattern.compile('https://a.example/', 'nowhere'))
  t.end()
})

t.test('the message never holds what the regexp compiler said', (t) => {
  const error = refusalOf('/(a**)')

  t.equal(
    error?.message,
    'the matcher is not a valid URL Pattern: the regular expression in its ( ) is not valid',
  )
  t.match(error?.cause, SyntaxError)
  t.end()
})

t.test('what cannot be matched in linear time, or not as the standard says, is refused', (t) => {
  const unsupported: Readonly<Record<string, readonly string[]>> = {
    'look-around and inline modifiers': ['(x(?=a))', '(x(?!a))', '(x(?<=a))', '(x(?<!a))'],
    'back-references': ['(x(?<a>y)\\k<a>)', '(x(?<a>y)\\1)'],
    'sets of strings': ['([\\q{ab|c}])', '(\\p{RGI_Emoji})', '([a\\p{Emoji_Keycap_Sequence}])'],
  }
  for (const [what, groups] of Object.entries(unsupported)) {
    for (const group of groups) {
      const error = refusalOf(`/${group}`)
      t.equal(error?.code, 'invalid_matcher', group)
      t.equal(error?.message, `${what} are not supported in a URL Pattern`, group)
    }
  }
  t.throws(() => UrlPattern.compile('/(x(?i:a))', base), { code: 'invalid_matcher' })
  t.end()
})

t.test('limits are met at the limit and refused one beyond', (t) => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')
  const sets = letters.flatMap((a) => letters.slice(0, 5).map((b) => `[^${a}${b.toLowerCase()}]`))
  const limits: Readonly<Record<string, (count: number) => string>> = {
    '5000 instructions': (count) => `/(a{${5000 + count}})`,
    '5000 instructions of all components': (count) => `/(a{2500})#(b{${2500 + count}})`,
    '500 branches': (count) => `/(${'a?'.repeat(500 + count)})`,
    '500 branches, where the end of a loop counts twice': (count) =>
      `/(${'(?:ab)*'.repeat(166)}${'a?'.repeat(2 + count)})`,
    '128 character sets': (count) => `/(${sets.slice(0, 128 + count).join('')})`,
    '16 properties': (count) => `/(${'\\p{L}'.repeat(16 + count)})`,
    '16 nested classes': (count) => `/(${'['.repeat(16 + count)}a${']'.repeat(16 + count)})`,
  }
  for (const [limit, pattern] of Object.entries(limits)) {
    t.doesNotThrow(() => UrlPattern.compile(pattern(0), base), limit)
    t.throws(() => UrlPattern.compile(pattern(1), base), tooComplex, `${limit}, and one more`)
  }
  t.end()
})

function refusalOf(pattern: string): HubError | undefined {
  try {
    UrlPattern.compile(pattern, base)
    return undefined
  } catch (error) {
    return error as HubError
  }
}

t.test('a refusal says what to write instead', (t) => {
  const inClasses = ['https://example.com/([^/]+)', '/([a-])', '/([-a]+)', '/(x[a|b])']
  for (const pattern of inClasses)
    t.match(refusalOf(pattern)?.message, /`\/` and `-` must be escaped inside \[\.\.\.\]/, pattern)
  t.match(refusalOf('/:a/:a')?.message, /the name "a" is there twice/)
  t.match(refusalOf('https://a.example/:1')?.message, /a colon itself is written `\\:`/)
  t.match(refusalOf('/{a')?.message, /`{` must be closed/)
  t.match(refusalOf('https://a.example:99999/')?.message, /its port/)
  t.end()
})
