import t from 'tap'
import { OriginList } from '../../src/net/origin-list.ts'

const rule =
  'expected "*", "null" or scheme://host[:port] with at most one "*" in it, such as "https://*.example.com"'

t.test('behaviour 113: an entry is *, null, or a scheme, a host and perhaps a port', (t) => {
  const good = [
    '*',
    'null',
    'https://example.com',
    'http://localhost:3000',
    'http://localhost:*',
    'https://*.example.com',
    'https://exa*mple.com:8443',
    'capacitor://localhost',
    'capacitor://',
    'https://bücher.example',
    'http://[::1]:3000',
    'http://127.0.0.1',
  ]

  for (const entry of good) t.doesNotThrow(() => OriginList.parse([entry]), entry)
  t.end()
})

t.test('behaviour 113: whatever else stands in an entry is refused, by rule and value', (t) => {
  const bad = [
    '',
    'example.com',
    '*.example.com',
    '*://example.com',
    'https://',
    'https://example.com/',
    'https://example.com/path',
    'https://example.com?query',
    'https://example.com#fragment',
    'https://user@example.com',
    'https://example.com:',
    'https://example.com:0',
    'https://example.com:65536',
    'https://example.com:port',
    'https://*.*.example.com',
    'https://*.example.com:*',
    'https://exa mple.com',
    'https:\\\\example.com',
    'https://xn--a',
    'https://example.com https://example.org',
  ]

  for (const entry of bad)
    t.throws(() => OriginList.parse(['https://fine.example', entry]), {
      message: `${rule}, got ${JSON.stringify(entry)}`,
    })
  t.end()
})

t.test('an exact entry allows that origin only', (t) => {
  const list = OriginList.parse(['https://app.example'])

  t.equal(list.allows('https://app.example'), true)
  for (const origin of [
    'http://app.example',
    'https://app.example:8443',
    'https://app.example.evil.example',
    'https://evil.example',
    'null',
    '',
  ])
    t.equal(list.allows(origin), false, origin)
  t.end()
})

t.test('behaviour 92: a wildcard stands for part of a host, and for nothing else', (t) => {
  const list = OriginList.parse(['https://*.wild.example'])

  for (const origin of [
    'https://a.wild.example',
    'https://a.b.wild.example',
    'HTTPS://A.WILD.example',
  ])
    t.equal(list.allows(origin), true, origin)
  for (const origin of [
    'https://wild.example',
    'https://evilwild.example',
    'https://wild.example.evil',
    'http://a.wild.example',
    'https://a.wild.example:8443',
    'https://evil.example/.wild.example',
    'https://evil.example?.wild.example',
    'https://evil.example#.wild.example',
    'https://evil.example\\.wild.example',
    'https://user@x.wild.example',
  ])
    t.equal(list.allows(origin), false, origin)
  t.end()
})

t.test('the two halves around a wildcard do not overlap', (t) => {
  const list = OriginList.parse(['https://ab*ba.example'])

  t.equal(list.allows('https://aba.example'), false)
  t.equal(list.allows('https://abba.example'), true)
  t.end()
})

t.test('a wildcard port allows every port of the host', (t) => {
  const list = OriginList.parse(['http://localhost:*'])

  t.equal(list.allows('http://localhost:3000'), true)
  t.equal(list.allows('http://localhost.evil.example:3000'), false)
  t.equal(list.allows('http://localhost'), false)
  t.end()
})

t.test('behaviour 92: * allows any origin, the opaque one included', (t) => {
  const list = OriginList.parse(['https://app.example', '*'])

  t.equal(list.allowsAny, true)
  t.equal(list.allows('https://anything.example'), true)
  t.equal(list.allows('null'), true)
  t.end()
})

t.test('null allows the opaque origin only', (t) => {
  const list = OriginList.parse(['null'])

  t.equal(list.allowsAny, false)
  t.equal(list.allows('null'), true)
  t.equal(list.allows('https://app.example'), false)
  t.end()
})

t.test('entries are read as browsers write origins', (t) => {
  const list = OriginList.parse([
    'HTTPS://App.Example:443',
    'http://one.example:80',
    'https://bücher.example',
  ])

  for (const origin of [
    'https://app.example',
    'http://one.example',
    'https://xn--bcher-kva.example',
  ])
    t.equal(list.allows(origin), true, origin)
  t.end()
})

t.test('an empty list allows nobody', (t) => {
  const list = OriginList.parse([])

  t.equal(list.allowsAny, false)
  t.equal(list.allows('https://app.example'), false)
  t.end()
})
