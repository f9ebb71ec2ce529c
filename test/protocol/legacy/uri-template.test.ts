import t from 'tap'
import { UriTemplate } from '../../../src/protocol/legacy/uri-template.ts'
import { examples } from './rfc6570.ts'

function matches(template: string, topic: string): boolean {
  const compiled = UriTemplate.compile(template)
  if (compiled === undefined) throw new Error(`${template} is no template`)
  return compiled.test(topic)
}

t.test('every example of RFC 6570 matches what it expands to', async (t) => {
  for (const [template, expansion] of examples)
    t.ok(matches(template, expansion), `${template} → ${expansion}`)
})

t.test('what a variable takes, and what not', async (t) => {
  const book = 'https://example.com/books/{id}'
  for (const end of ['1', '', 'a,b', 'a%2Fb', 'a.b~c_d-e', '%41', 'A%e9'])
    t.ok(matches(book, `https://example.com/books/${end}`), end)
  for (const end of [
    '1/2',
    'é',
    'a:b',
    'a?b=c',
    'a#b',
    'a b',
    'a%',
    'a%2',
    'a%zz',
    'a=b',
    '\u0001',
  ])
    t.notOk(matches(book, `https://example.com/books/${end}`), end)

  t.ok(matches('https://example.com/{+path}', 'https://example.com/a/b?c=d#e'))
  t.notOk(matches('https://example.com/{+path}', 'https://example.com/a b'))
  t.notOk(matches('https://example.com/{+path}', 'https://example.com/\u{1f600}'))
  t.ok(
    matches('{scheme}://{+host}/demo/books/{id}.jsonld', 'https://localhost/demo/books/1.jsonld'),
  )
})

t.test('an expression may be absent, and names of variables do not count', async (t) => {
  const feed = 'https://example.com/users/foo/{?topic}'
  t.ok(matches(feed, 'https://example.com/users/foo/?topic=https%3A%2F%2Fexample.com%2Fbooks%2F1'))
  t.ok(matches(feed, 'https://example.com/users/foo/?other=1'))
  t.ok(matches(feed, 'https://example.com/users/foo/'))
  t.notOk(matches(feed, 'https://example.com/users/foo/?topic=https://example.com/books/1'))
  t.notOk(matches(feed, 'https://example.com/users/foo/?a=1&b=2'))

  const subscriptions = '/.well-known/mercure/subscriptions{/topic}{/subscriber}'
  for (const end of ['', '/a', '/a/b', '/https%3A%2F%2Fexample.com/urn%3Auuid%3A1'])
    t.ok(matches(subscriptions, `/.well-known/mercure/subscriptions${end}`), end)
  for (const end of ['/a/b/c', '/a+b', 'x'])
    t.notOk(matches(subscriptions, `/.well-known/mercure/subscriptions${end}`), end)
  t.notOk(
    matches(
      '/.well-known/mercure/subscriptions/{topic}/{subscriber}',
      '/.well-known/mercure/subscriptions/foo',
    ),
  )
})

t.test('literals are literal, an escape is one of its own, and beyond ASCII too', async (t) => {
  t.ok(matches('/café/{id}', '/café/1'))
  t.notOk(matches('/café/{id}', '/cafe/1'))
  t.notOk(matches('/caf/{id}', '/café/1'))
  t.ok(matches('/{a}é{b}ü{c}', '/xéyüz'))
  t.notOk(matches('/{a}é{b}ü{c}', '/xüyéz'))
  t.ok(matches('/%41/{id}', '/%41/1'))
  t.notOk(matches('/%41/{id}', '/A/1'))
  t.notOk(matches('/%4a/{id}', '/%4A/1'))
  t.notOk(matches('{a}41', '%41'), 'a variable does not end within an escape')
  t.ok(matches('{a}41', '%4141'))
  t.notOk(matches('{a}.{b}', 'a'))
  t.ok(matches('a.b*c(d){x}$', 'a.b*c(d)1$'), 'no character is special')
})

t.test('n variables make n runs at most; an exploded one as many as there are', async (t) => {
  t.ok(matches('{/a,b}', '/1/2'))
  t.notOk(matches('{/a,b}', '/1/2/3'))
  t.ok(matches('{/a*}', '/1/2/3/4/5/6=7'))
  t.notOk(matches('{/a,b}', '/1=2'))
  t.ok(matches('{?a,b}', '?x=1&y=2'))
  t.notOk(matches('{?a,b}', '?x=1&y=2&z=3'))
  t.ok(matches('{?a*}', '?x=1&y=2&z=3'))
  t.ok(matches('{.a,b}', '.1.2.3'), 'a dot belongs to values too')
})

t.test('what is no template by the grammar', async (t) => {
  const bad = [
    '{',
    '}',
    'a{b',
    'a}b',
    '{}',
    '{a b}',
    '{a,}',
    '{,a}',
    '{=a}',
    '{!a}',
    '{@a}',
    '{|a}',
  ]
  const more = ['{a:0}', '{a:}', '{a:10000}', '{a:3*}', '{a..b}', '{.}', '{.a.}', '{a-b}', '{{a}}']
  const literals = [' ', '"', '%', '%4', '%zz', '<', '>', '\\', '^', '`', '|', '\n', '\u0085']
  for (const text of [...bad, ...more, ...literals.map((literal) => `a${literal}{b}`)])
    t.equal(UriTemplate.compile(text), undefined, text)
  for (const text of ['{a.b}', '{%41}', '{_}', '{a:9999}', '{0}', "it's{a}", '{a}%4F'])
    t.ok(UriTemplate.compile(text), text)
})

/** The same rules as a backtracking expression, written from the table and not from the program. */
function oracle(template: string): RegExp {
  const first = { '#': '#', '.': '\\.', '/': '/', ';': ';', '?': '\\?', '&': '&' } as const
  const separator = { '.': '\\.', '/': '/', ';': ';', '?': '&', '&': '&' } as const
  const plain = '[A-Za-z0-9._~,-]|%[0-9A-Fa-f]{2}'
  const any = `[A-Za-z0-9._~!#$&'()*+,/:;=?@\\[\\]-]|%[0-9A-Fa-f]{2}`
  const source = template.replace(
    /\{([+#./;?&]?)([^}]*)\}|([^{])/g,
    (_, sign: string, names: string | undefined, literal: string | undefined) => {
      if (literal !== undefined) return literal.replace(/[.*+?^$()|[\]\\]/, '\\$&')
      const explodes = names?.includes('*') === true
      const isNamed = ';?&'.includes(sign) && sign !== ''
      const run = `(?:${'+#'.includes(sign) && sign !== '' ? any : plain}${isNamed || explodes ? '|=' : ''})*`
      const by = separator[sign as keyof typeof separator] ?? ','
      const count = explodes ? '*' : `{0,${(names ?? '').split(',').length - 1}}`
      const body = `${run}(?:${by}${run})${count}`
      const start = first[sign as keyof typeof first]
      return start === undefined ? body : `(?:${start}${body})?`
    },
  )
  return new RegExp(`^(?:${source})$`)
}

t.test('a thousand random templates agree with the rules on random topics', async (t) => {
  let seed = 20_260
  const next = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
  const pick = <T>(list: readonly T[]): T => list[next(list.length)] as T
  const pieces = [
    'a',
    '/',
    '41',
    '.',
    '{x}',
    '{+x}',
    '{#x}',
    '{.x}',
    '{/x}',
    '{;x}',
    '{?x}',
    '{&x}',
  ]
  const more = [
    '{/x,y}',
    '{?x,y,z}',
    '{x,y}',
    '{/x*}',
    '{?x*}',
    '{x*}',
    '{.x*}',
    '{;x,y*}',
    '%41',
    '=',
  ]
  const letters = [
    'a',
    '/',
    '41',
    '.',
    ',',
    '=',
    '&',
    '?',
    ';',
    '#',
    '%41',
    '%',
    'b',
    '+',
    '/a',
    '?a=',
  ]
  let agreed = 0
  let matched = 0
  for (let round = 0; round < 1_000; round++) {
    const template = Array.from({ length: 1 + next(5) }, () => pick([...pieces, ...more])).join('')
    const compiled = UriTemplate.compile(template)
    const expected = oracle(template)
    for (let trial = 0; trial < 20; trial++) {
      const topic = Array.from({ length: next(7) }, () => pick(letters)).join('')
      const wanted = expected.test(topic)
      if (compiled?.test(topic) !== wanted) t.fail(`${template} on ${topic}: not ${wanted}`)
      agreed++
      if (wanted) matched++
    }
  }
  t.equal(agreed, 20_000)
  t.ok(matched > 1_000, `${matched} of them match`)
})

t.test('attack inputs are answered, or refused at once', async (t) => {
  const topics = ['a', '/', '%41', 'a/', '/a', '&a=', ',', '='].map((text) =>
    text.repeat(4096 / text.length).concat('!\u00e9'),
  )
  const attacks = ['{a}', '{+a}', '{/a}', '{?a}', '{/a*}', '{a}x', '{a}{+b}', '{+a}/', '{/a,b,c,d}']
  for (const piece of attacks)
    for (const count of [10, 100, 160, 500]) {
      const template = piece.repeat(count).slice(0, 4096)
      try {
        const compiled = UriTemplate.compile(template)
        for (const topic of topics) t.notOk(compiled?.test(topic), `${piece} × ${count}`)
      } catch (error) {
        t.match(error, { code: 'invalid_matcher', message: 'the URI Template is too complex' })
        t.ok(count >= 100, `${piece} × ${count} is more than anybody writes`)
      }
    }
  const variables = `{/${'a,'.repeat(2_000)}b}`
  t.throws(() => UriTemplate.compile(variables), { message: 'the URI Template is too complex' })
})
