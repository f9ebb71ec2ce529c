import t from 'tap'
import {
  addressBlock,
  bearerToken,
  cookieName,
  host,
  issuerId,
  jwksUri,
  origin,
  port,
  portOrOff,
  publicUrl,
  resourceIdentifier,
  transportUrl,
} from '../../../src/config/options/address-parsers.ts'
import { isLocalOrigin, isLoopbackHost } from '../../../src/net/loopback.ts'
import type { Parser } from '../../../src/config/options/parsers.ts'

/** The texts that `parser` refuses. */
function refusedBy<T>(parser: Parser<T>, texts: readonly string[]): readonly string[] {
  return texts.filter((text) => parser(text).expected !== undefined)
}

/** What `parser` makes of the texts that it takes. */
function valuesOf<T>(parser: Parser<T>, texts: readonly string[]): readonly unknown[] {
  return texts.map((text) => {
    const parsed = parser(text)
    return parsed.expected === undefined ? parsed.value : `refused: ${text}`
  })
}

t.test('a host is an address or a name', async (t) => {
  t.strictSame(valuesOf(host, ['127.0.0.1', '::', '[::1]', 'localhost', 'hub-1.example.com']), [
    '127.0.0.1',
    '::',
    '::1',
    'localhost',
    'hub-1.example.com',
  ])
  const wrong = [
    '',
    '*',
    '127.0.0.1:80',
    '1.2.3',
    '256.1.1.1',
    'http://a',
    'a b',
    '-a',
    'a/',
    '[a]',
  ]
  t.strictSame(refusedBy(host, wrong), wrong)
})

t.test('a port is a number from 0 to 65535', async (t) => {
  t.strictSame(valuesOf(port, ['0', '1', '3000', '65535']), [0, 1, 3000, 65_535])
  const wrong = ['', '65536', '-1', '3000 ', '03000', '3e3', 'off', ':80', 'http']
  t.strictSame(refusedBy(port, wrong), wrong)
  t.strictSame(valuesOf(portOrOff, ['off', '3019']), ['off', 3019])
  t.strictSame(refusedBy(portOrOff, ['OFF', '65536']), ['OFF', '65536'])
})

t.test('public URLs become origins as browsers write them', async (t) => {
  t.strictSame(
    valuesOf(publicUrl, [
      'https://hub.example.com',
      'HTTPS://Hub.Example.com/.well-known/mercure',
      'https://hub.example.com:443/',
      'http://127.0.0.1:3000',
      'http://[::1]:3000',
    ]),
    [
      'https://hub.example.com',
      'https://hub.example.com',
      'https://hub.example.com',
      'http://127.0.0.1:3000',
      'http://[::1]:3000',
    ],
  )
  const wrong = [
    '',
    'hub.example.com',
    '//hub.example.com',
    'https:hub',
    'https://',
    'https:///a',
    'https://user@hub.example',
    'https://hub.example/?a',
    'https://hub.example/#a',
    'ftp://hub.example',
    'https://hub.example:99999',
    'https://hub .example',
  ]
  t.strictSame(refusedBy(publicUrl, wrong), wrong)
})

t.test('a resource identifier is kept to the letter', async (t) => {
  const url = 'https://Hub.example.com:443/.well-known/mercure?tenant=1'
  t.strictSame(valuesOf(resourceIdentifier, [url]), [url])
  const wrong = ['hub', '/.well-known/mercure', 'https://hub.example/#', 'https://', 'urn:hub']
  t.strictSame(refusedBy(resourceIdentifier, wrong), wrong)
})

t.test('origins are *, null, or scheme://host[:port] with at most one wildcard', async (t) => {
  t.strictSame(
    valuesOf(origin, [
      '*',
      'null',
      'https://App.Example',
      'https://app.example:443',
      'http://app.example:80',
      'http://app.example:443',
      'http://localhost:8080',
      'https://*.app.example',
      'http://localhost:*',
      'http://[::1]:3000',
      'capacitor://localhost',
      'https://app.example:1',
      'https://app.example:65535',
    ]),
    [
      '*',
      'null',
      'https://app.example',
      'https://app.example',
      'http://app.example',
      'http://app.example:443',
      'http://localhost:8080',
      'https://*.app.example',
      'http://localhost:*',
      'http://[::1]:3000',
      'capacitor://localhost',
      'https://app.example:1',
      'https://app.example:65535',
    ],
  )
  const wrong = [
    '',
    'app.example',
    'https://app.example/',
    'https://app.example/path',
    'https://app.example?a',
    'https://app.example#a',
    'https://user@app.example',
    'https://',
    'https://app.example:0',
    'https://app.example:65536',
    'https://app.example:',
    'https://*.*.example',
    'https://*.example:*',
    '*://app.example',
    '**',
    'https://app..example',
    'https://.example',
    'https://[::1',
    'https://[zz]',
    'https://bücher.example',
  ]
  t.strictSame(refusedBy(origin, wrong), wrong)
})

t.test('proxies are addresses or CIDR blocks', async (t) => {
  const right = ['127.0.0.1', '::1', '10.0.0.0/8', '0.0.0.0/0', '10.0.0.1/32', 'fd00::/8', '::/128']
  t.strictSame(valuesOf(addressBlock, right), right)
  const wrong = [
    '',
    'proxy',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '1/-1',
  ]
  t.strictSame(refusedBy(addressBlock, wrong), wrong)
})

t.test('a transport is memory:, lmdb:PATH or one of the redis family', async (t) => {
  const right = [
    'memory:',
    'lmdb:./data/mercure',
    'lmdb:/var/lib/hub',
    'redis://localhost',
    'redis://user:pass@host:6379/1?prefix=a',
    'rediss://host',
    'redis+sentinel://h1:26379/0?node=h2:26379&name=mymaster',
    'redis+cluster://h1:7000?node=h2:7000',
  ]
  t.strictSame(valuesOf(transportUrl, right), right)
  const wrong = [
    '',
    'memory',
    'memory://',
    'lmdb:',
    'redis:',
    'redis://',
    'redis:///0',
    'postgres://h',
  ]
  t.strictSame(refusedBy(transportUrl, wrong), wrong)
  t.strictSame(transportUrl('bolt://mercure.db?size=1000'), {
    expected:
      '"memory:", "lmdb:PATH" or "redis://host:port/db" (bolt: is another hub\'s; lmdb:PATH keeps a history on disk, and MERCURE_HISTORY_SIZE bounds it)',
  })
  t.strictSame(transportUrl('local://local'), {
    expected:
      '"memory:", "lmdb:PATH" or "redis://host:port/db" (local: is another hub\'s; memory: keeps one in memory)',
  })
})

t.test('a JWK Set is on the web or in a local file', async (t) => {
  const right = ['https://app.example/jwks.json', 'http://app/jwks?x=1', 'file:///etc/jwks.json']
  t.strictSame(valuesOf(jwksUri, right), right)
  t.strictSame(refusedBy(jwksUri, ['file://localhost/etc/jwks.json']), [])
  const wrong = ['', '/etc/jwks.json', 'file://server/jwks.json', 'file:jwks.json', 'ftp://a/b']
  t.strictSame(refusedBy(jwksUri, wrong), wrong)
})

t.test('names and tokens fit the header they travel in', async (t) => {
  t.strictSame(refusedBy(cookieName, ['__Secure-mercure_access_token', 'a.b']), [])
  t.strictSame(refusedBy(cookieName, ['', 'a b', 'a=b', 'a;b', 'é']), [
    '',
    'a b',
    'a=b',
    'a;b',
    'é',
  ])
  t.strictSame(refusedBy(bearerToken, ['s3cret', '~!']), [])
  t.strictSame(refusedBy(bearerToken, ['', 'a b', 'é', 'a\n']), ['', 'a b', 'é', 'a\n'])
  t.strictSame(refusedBy(issuerId, ['https://app.example', 'app']), [])
  t.strictSame(refusedBy(issuerId, ['', 'a\u202Eb']), ['', 'a\u202Eb'])
})

t.test('loopback is what only this machine reaches', async (t) => {
  const loopback = [
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
  ]
  t.strictSame(
    loopback.filter((name) => !isLoopbackHost(name)),
    [],
  )
  const others = [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    'localhost.example',
    '127.example',
    '127.0.0.1.nip.io',
  ]
  t.strictSame(others.filter(isLoopbackHost), [])
})

t.test('local origins are http(s) on localhost, *.localhost and 127.0.0.1', async (t) => {
  const local = [
    'http://localhost',
    'https://localhost:8443',
    'http://app.localhost:3000',
    'http://a.b.localhost',
    'http://127.0.0.1:5173',
  ]
  t.strictSame(
    local.filter((one) => !isLocalOrigin(one)),
    [],
  )
  const others = [
    'null',
    'http://localhost.example',
    'http://evil-localhost',
    'http://127.0.0.2',
    'http://127.0.0.1.example',
    'http://localhost/',
    'ftp://localhost',
    'http://localhost:',
    'http://.localhost',
  ]
  t.strictSame(others.filter(isLocalOrigin), [])
})

t.test('lmdb: takes a plain path, and says where the limit belongs', async (t) => {
  for (const text of ['lmdb:./data?size=1000', 'lmdb://x.db', 'lmdb:///var/x', 'lmdb://a/b?x=1'])
    t.match(transportUrl(text), { expected: /plain path.*MERCURE_HISTORY_SIZE/ }, text)
  for (const text of ['lmdb:data', 'lmdb:./data', 'lmdb:/var/lib/x', 'lmdb:a b'])
    t.strictSame(transportUrl(text), { value: text })
})

t.test('a password that is not percent-encoded is said to be, and never shown', async (t) => {
  const urls = [
    'redis://:hunter2@ss/w0rd#1@host:6379/0',
    'redis://:hunter2/w0rd@host',
    'redis://user:12/hunter2@host/0',
    'redis://:hunter2?w0rd@host',
    'redis://user:12?hunter2@host',
    'redis://:hunter2#1@host',
    'redis://:hunter2%zz@host',
    'redis+cluster://:hunter2/a@host:6379',
    'redis://:hunter2?a=1?b@host',
  ]
  for (const url of urls) {
    const parsed = transportUrl(url)
    t.match(parsed.expected, /percent-encode user and password/, url)
    t.notMatch(JSON.stringify(parsed), /hunter|w0rd/, url)
  }
  for (const url of ['redis://:p%40ss%2Fw0rd%231@host:6379/0', 'rediss://h/0?ca=/a@b.pem'])
    t.strictSame(transportUrl(url), { value: url })
})
