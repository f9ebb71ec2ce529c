import t from 'tap'
import {
  parseComponents,
  type UrlComponents,
} from '../../../src/protocol/url-pattern/url-components.ts'
import { UrlPattern } from '../../../src/protocol/url-pattern/url-pattern.ts'

const base = 'https://hub.example/.well-known/mercure'

t.test('components come without their separators', (t) => {
  t.strictSame(parseComponents('HTTPS://user:secret@Example.COM:8443/a%20b/../c?d=é#f'), {
    protocol: 'https',
    username: 'user',
    password: 'secret',
    hostname: 'example.com',
    port: '8443',
    pathname: '/c',
    search: 'd=%C3%A9',
    hash: 'f',
  })
  t.end()
})

t.test('components of a URL without a host', (t) => {
  const components = parseComponents('urn:a:b')

  t.match(components, { protocol: 'urn', hostname: '', port: '', pathname: 'a:b', search: '' })
  t.end()
})

t.test('a relative URL needs a base', (t) => {
  t.equal(parseComponents('/a'), undefined)
  t.equal(parseComponents('/a', base)?.pathname, '/a')
  t.equal(parseComponents('https://[', base), undefined)
  t.equal(parseComponents('/a', 'nowhere'), undefined)
  t.end()
})

t.test('an absolute pattern does not depend on the base', (t) => {
  const components = parseComponents('https://a.example/b/c') as UrlComponents

  for (const hub of [base, 'data:x', 'http://other.example:1/'])
    t.ok(UrlPattern.compile('https://a.example/b/:c', hub).test(components))
  t.end()
})

t.test('the literal parts of a pattern are there for an index', (t) => {
  t.strictSame(UrlPattern.compile('https://Example.com/books/:id.json', base).literal, {
    protocol: 'https',
    hostname: 'example.com',
    port: '',
    pathname: '/books/',
    isWholePathname: false,
    pathnameSuffix: '.json',
  })
  t.strictSame(UrlPattern.compile('http{s}?://*.example.com:*/a/../b', base).literal, {
    pathname: '/b',
    isWholePathname: true,
    pathnameSuffix: '',
  })
  t.strictSame(UrlPattern.compile('/a/:b?', base).literal, {
    protocol: 'https',
    hostname: 'hub.example',
    port: '',
    pathname: '/a',
    isWholePathname: false,
    pathnameSuffix: '',
  })
  t.strictSame(UrlPattern.compile('https://a.example:*', base).literal, {
    protocol: 'https',
    hostname: 'a.example',
    pathname: '',
    isWholePathname: false,
    pathnameSuffix: '',
  })
  t.end()
})

t.test('literal text around a group must not overlap', (t) => {
  const pattern = UrlPattern.compile('/aba{(x)}?ba', base)

  t.notOk(pattern.test(parseComponents('/aba', base) as UrlComponents))
  t.ok(pattern.test(parseComponents('/ababa', base) as UrlComponents))
  t.end()
})

t.test('no components whatever make it throw', (t) => {
  const patterns = [
    ':p://:u\\::v@:h.x:(\\d+)/:a?/*/(\\w+|\\b|$)?:s#(.*)',
    '/:a',
    '*',
    '/(\\p{L}|[^a])+',
  ]
  const texts = [
    '',
    '/',
    'a',
    '\0',
    '\n',
    '\ud83d',
    '\ude00',
    '😀',
    'é'.repeat(50),
    '/a'.repeat(50),
  ]
  for (const source of patterns) {
    const pattern = UrlPattern.compile(source, base)
    for (const text of texts)
      for (const name of ['protocol', 'hostname', 'port', 'pathname', 'search'])
        t.type(pattern.test({ ...everywhere(text), [name]: '1' }), 'boolean')
  }
  t.end()
})

t.test('characters beyond ASCII are matched as code points', (t) => {
  const pattern = UrlPattern.compile('foo\\:(.\\p{L}[\\u{1f600}-\\u{1f60e}]?\\u{e9}{0,2})', base)
  const url = { ...everywhere(''), protocol: 'foo' }

  t.ok(pattern.test({ ...url, pathname: '😎é😀éé' }))
  t.notOk(pattern.test({ ...url, pathname: '😎é😀ééé' }))
  t.notOk(pattern.test({ ...url, pathname: '😎1' }))
  t.end()
})

function everywhere(text: string): UrlComponents {
  return {
    protocol: text,
    username: text,
    password: text,
    hostname: text,
    port: text,
    pathname: text,
    search: text,
    hash: text,
  }
}
