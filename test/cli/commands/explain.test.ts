import t from 'tap'
import { signToken } from '../../fixtures/tokens.ts'
import { run } from '../cinnabar.ts'

const hubUrl = 'http://127.0.0.1:3000/.well-known/mercure'
const topic = 'https://example.com/books/7'
const secret = 'a secret that is long enough for HS256'
const env = {
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
}
const claims = { iss: 'https://app.example', exp: 4_000_000_000 }
const token = signToken(hubUrl, { subscribe: [topic], claims, secret })
const playground = 'cinnabar explain: no key is configured; this is what the playground says\n'

t.test('explain says yes with exit code 0, and how each part is', async (t) => {
  const asked = ['--token', token, '--topic', topic, '--match', topic, '--private']

  const ended = await run(t, ['explain', ...asked], { env })

  t.strictSame(ended, {
    code: 0,
    stderr: '',
    stdout: `yes: the token would receive this update
  ok  token    it is a token of protocol 1.0 of https://app.example
  ok  expiry   it is valid until 2096-10-02T07:06:40.000Z
  ok  matcher  match "${topic}" selects "${topic}"
  ok  grant    it grants "${topic}"
`,
  })
})

t.test('explain says no with exit code 1, and why in the first line', async (t) => {
  const ended = await run(t, ['explain', '--token', '@-', '--topic', topic, '--publish'], {
    env,
    input: `${token}\n`,
  })

  t.equal(ended.code, 1)
  t.match(ended.stdout, /^no: the token does not grant publishing to every topic of the update: /)
})

t.test('explain without keys judges as the playground, and says so', async (t) => {
  const ended = await run(t, ['explain', '--token', token, '--topic', topic])

  t.match(ended, {
    code: 1,
    stderr: playground,
    stdout: /^no: the issuer of the token is not trusted here/,
  })
})

t.test('explain without a topic, or with a hub that is no URL, is wrong usage', async (t) => {
  const ended = await run(t, ['explain', '--token', token, '--hub', 'x'], { env })

  t.strictSame([ended.code, ended.stdout], [2, ''])
  t.match(ended.stderr, /--hub: expected the hub's whole URL/)
  t.match(ended.stderr, /expected a topic: --topic, got none/)
})

t.test(
  'token --decode prints what a token says, without its signature, and what the hub says',
  async (t) => {
    const { code, stdout, stderr } = await run(t, ['token', '--decode', token], { env })

    t.strictSame([code, stderr], [0, ''])
    const [, header = '', said = ''] =
      /^header ([^]*?)\nclaims ([^]*?)\nprotocol /.exec(stdout) ?? []
    t.strictSame(JSON.parse(header), { typ: 'at+jwt', alg: 'HS256' })
    t.match(JSON.parse(said), claims)
    t.ok(
      stdout.endsWith(
        '\nprotocol 1.0\nexpires 2096-10-02T07:06:40.000Z\npublisher: accepted\nsubscriber: accepted\n',
      ),
      stdout,
    )
    t.notOk(stdout.includes(token.split('.')[2] ?? '-'))
  },
)

t.test(
  'token --decode of what the hub would refuse ends with 1, and shows nothing that moves a cursor',
  async (t) => {
    const nasty = signToken(hubUrl, {
      claims: { ...claims, sub: '\u001b[2J\u009b1m\u202ex' },
      secret: 'other',
    })

    const { code, stdout } = await run(t, ['token', '--decode', nasty], { env })

    t.equal(code, 1)
    t.notMatch(stdout, /(?!\n)[\p{Cc}\p{Cf}]/u)
    t.match(stdout, /\npublisher: refused, [^\n]+\nsubscriber: refused, [^\n]+\n$/)
  },
)

t.test('token --decode takes nothing that says what to make', async (t) => {
  const { code, stderr } = await run(t, ['token', '--decode', token, '--publish', '*'], { env })

  t.equal(code, 2)
  t.match(stderr, /--publish: has no meaning with --decode/)
})
