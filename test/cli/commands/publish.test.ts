import t from 'tap'
import { decode, fakeHub, refuse, run } from '../cinnabar.ts'

const secret = 'a secret that is long enough for HS256'
const env = {
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: secret,
}
const accept = refuse(200, 'urn:uuid:1')

t.test('posts the form and prints the id', async (t) => {
  const hub = await fakeHub(t, accept)
  const fields = ['--data=hello & wörld', '--id=7', '--type=note', '--retry=5000', '--private']

  const ended = await run(t, ['publish', 'a', 'b', ...fields, '--hub', hub.url, '--token=abc'])

  t.strictSame(ended, { code: 0, stdout: 'urn:uuid:1\n', stderr: '' })
  t.match(hub.seen, [
    {
      method: 'POST',
      url: '/.well-known/mercure',
      headers: {
        authorization: 'Bearer abc',
        'content-type': 'application/x-www-form-urlencoded',
      },
    },
  ])
  t.strictSame(
    [...new URLSearchParams(hub.seen[0]?.body)],
    [
      ['topic', 'a'],
      ['topic', 'b'],
      ['data', 'hello & wörld'],
      ['id', '7'],
      ['type', 'note'],
      ['retry', '5000'],
      ['private', 'on'],
    ],
  )
})

t.test('sends no field that was not asked for', async (t) => {
  const hub = await fakeHub(t, accept)

  await run(t, ['publish', 'a', '--private=0', '--hub', hub.url, '--token=abc'])

  t.equal(hub.seen[0]?.body, 'topic=a')
})

t.test('reads the data from stdin, to the last byte', async (t) => {
  const hub = await fakeHub(t, accept)
  const input = `ž${'x'.repeat(200_000)}\n`

  await run(t, ['publish', 'a', '--data', '-', '--hub', hub.url, '--token=abc'], { input })

  t.equal(new URLSearchParams(hub.seen[0]?.body).get('data'), input)
})

t.test('finds the hub in the settings and makes a token for it', async (t) => {
  const hub = await fakeHub(t, accept)

  const ended = await run(t, ['publish', 'https://a.example/1'], {
    env: { ...env, MERCURE_PORT: String(hub.port) },
  })

  t.strictSame(ended, { code: 0, stdout: 'urn:uuid:1\n', stderr: '' })
  const token = hub.seen[0]?.headers.authorization?.replace('Bearer ', '') ?? ''
  t.match(decode(token), {
    header: { alg: 'HS256', typ: 'at+jwt' },
    claims: {
      iss: 'https://app.example',
      aud: hub.url,
      authorization_details: [{ actions: ['publish'], topics: [{ match: 'https://a.example/1' }] }],
    },
  })
})

t.test('without any key it takes the development key, and says so', async (t) => {
  const hub = await fakeHub(t, accept)

  const ended = await run(t, ['publish', 'a', '--hub', hub.url])

  t.strictSame(ended, {
    code: 0,
    stdout: 'urn:uuid:1\n',
    stderr:
      "cinnabar publish: no key is configured; signed with the playground's development key\n",
  })
})

t.test('reads the token from a file', async (t) => {
  const hub = await fakeHub(t, accept)
  const folder = t.testdir({ token: 'abc\n' })

  await run(t, ['publish', 'a', '--hub', hub.url, `--token=@${folder}/token`])

  t.equal(hub.seen[0]?.headers.authorization, 'Bearer abc')
})

t.test('a refusal is told with status and reason', async (t) => {
  const hub = await fakeHub(
    t,
    refuse(403, 'Forbidden: the token does not grant publishing to "a"\n'),
    refuse(401, 'Unauthorized\n'),
    refuse(418, ''),
    refuse(502, '<html>\nmore', { 'content-type': 'text/html' }),
    refuse(303, '', { location: '/elsewhere' }),
  )
  const publish = () => run(t, ['publish', 'a', '--hub', hub.url, '--token=abc'])
  const refusals = []
  for (let index = 0; index < 5; index++) refusals.push(await publish())

  t.strictSame(
    refusals.map(({ code, stdout, stderr }) => [code, stdout, stderr]),
    [
      '403 Forbidden: the token does not grant publishing to "a"',
      '401 Unauthorized',
      "418 I'm a Teapot",
      '502 Bad Gateway: <html>',
      '303 See Other',
    ].map((reason) => [1, '', `cinnabar publish: ${hub.url} refused: ${reason}\n`]),
  )
})

t.test('a hub that cannot be reached is told with the reason', async (t) => {
  const hub = await fakeHub(t, (response) => response.destroy())
  const cut = await run(t, ['publish', 'a', '--hub', hub.url, '--token=abc'])
  const absent = await run(t, ['publish', 'a', '--hub=http://127.0.0.1:1/x', '--token=abc'])

  t.strictSame(cut, {
    code: 1,
    stdout: '',
    stderr: `cinnabar publish: cannot reach ${hub.url}: ECONNRESET socket hang up\n`,
  })
  t.strictSame(absent, {
    code: 1,
    stdout: '',
    stderr:
      'cinnabar publish: cannot reach http://127.0.0.1:1/x: connect ECONNREFUSED 127.0.0.1:1\n',
  })
})

t.test('mistakes are told at once, and nothing is sent', async (t) => {
  const args = ['publish', '--retry=1.5', '--hub=hub.example', '--private=maybe', '--dta=x']

  t.strictSame(await run(t, args), {
    code: 2,
    stdout: '',
    stderr: `cinnabar publish: --dta: unknown flag (did you mean --data?)
cinnabar publish: --hub: expected the hub's whole URL such as "http://127.0.0.1:3000/.well-known/mercure", got "hub.example"
cinnabar publish: expected a topic, got none
cinnabar publish: --retry: expected milliseconds such as "5000", got "1.5"
cinnabar publish: --private: expected 1 or 0, got "maybe"
"cinnabar publish --help" tells more
`,
  })
})

t.test('a hub whose key cannot sign asks for a token', async (t) => {
  const jwks = {
    MERCURE_TRUSTED_ISSUERS: 'https://app.example',
    MERCURE_PUBLISHER_JWKS_URI: 'file:///etc/jwks.json',
  }

  t.strictSame(await run(t, ['publish', 'a'], { env: jwks }), {
    code: 2,
    stdout: '',
    stderr: `cinnabar publish: --token: expected the private key, because the hub's settings only have a JWK Set, got nothing
"cinnabar publish --help" tells more
`,
  })
})
