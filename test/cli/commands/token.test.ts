import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compactVerify } from 'jose'
import t from 'tap'
import { decode, type Env, run } from '../cinnabar.ts'

const secret = 'a secret that is long enough for HS256'
const env = {
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
}
const developmentNote =
  "cinnabar token: no key is configured; signed with the playground's development key\n"

const detail = (actions: readonly string[], ...topics: readonly object[]) => ({
  type: 'https://mercure.rocks/authorization-detail',
  actions,
  topics,
})

/** The lines of a refusal, without the command's name and the last one, which points at the help. */
async function problemsOf(args: readonly string[], given: Env = env): Promise<readonly string[]> {
  const { code, stdout, stderr } = await run(t, ['token', ...args], { env: given })
  t.strictSame([code, stdout], [2, ''])
  const all = stderr.trimEnd().split('\n')
  t.equal(all.pop(), '"cinnabar token --help" tells more')
  return all.map((line) => line.replace(/^cinnabar token: /, ''))
}

async function claimsOf(args: readonly string[], given: Env = env) {
  const { code, stdout, stderr } = await run(t, ['token', ...args], { env: given })
  t.strictSame([code, stderr], [0, ''])
  return decode(stdout)
}

t.test('prints a 1.0 token with every claim, for an hour', async (t) => {
  const before = Math.floor(Date.now() / 1000)
  const { stdout } = await run(t, ['token', '--publish', 'https://a.example/1'], { env })
  const { header, claims } = decode(stdout)

  t.strictSame(header, { alg: 'HS256', typ: 'at+jwt' })
  const { iat, jti, sub, ...others } = claims
  t.ok(Number(iat) >= before && Number(iat) <= Date.now() / 1000)
  const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
  t.match(jti, uuid)
  t.match(sub, uuid)
  t.match(sub, /^urn:uuid:/)
  t.strictSame(others, {
    iss: 'https://app.example',
    aud: 'http://127.0.0.1:3000/.well-known/mercure',
    client_id: 'https://app.example',
    exp: Number(iat) + 3600,
    authorization_details: [detail(['publish'], { match: 'https://a.example/1' })],
  })
  const { protectedHeader } = await compactVerify(stdout.trim(), Buffer.from(secret))
  t.equal(protectedHeader.alg, 'HS256')
})

t.test('topics are grouped by what may be done with them', async (t) => {
  const args = ['--publish=a', '--publish=*', '--subscribe=*', '--subscribe=b', '--payload={"u":1}']
  const { claims } = await claimsOf([...args, '--urlpattern=https://a.example/:id'])

  t.strictSame(claims['authorization_details'], [
    detail(['publish'], { match: 'a' }),
    { ...detail(['publish', 'subscribe'], { match: '*' }), payload: { u: 1 } },
    {
      ...detail(
        ['subscribe'],
        { match: 'b' },
        { match: 'https://a.example/:id', match_type: 'urlpattern' },
      ),
      payload: { u: 1 },
    },
  ])
})

t.test('a pattern grants what was asked for, and nothing else', async (t) => {
  const pattern = { match: '/books/:id', match_type: 'urlpattern' }
  const grantedBy = async (...args: readonly string[]) =>
    (await claimsOf(args)).claims['authorization_details']
  const publish = '--publish-pattern=/books/:id'
  const subscribe = '--subscribe-pattern=/books/:id'

  t.strictSame(await grantedBy(subscribe), [detail(['subscribe'], pattern)])
  t.strictSame(await grantedBy('--urlpattern=/books/:id'), [detail(['subscribe'], pattern)])
  t.strictSame(await grantedBy(publish), [detail(['publish'], pattern)])
  t.strictSame(await grantedBy(publish, subscribe), [detail(['publish', 'subscribe'], pattern)])
  t.strictSame(await grantedBy('--subscribe=a', '--urlpattern=/books/:id'), [
    detail(['subscribe'], { match: 'a' }, pattern),
  ])
})

t.test('claims can be said', async (t) => {
  const said = ['--iss=https://i.example', '--aud=https://hub.example/x', '--sub=me', '--ttl=1m30s']
  const { claims } = await claimsOf([...said, '--publish=a', `--key=${secret}`, '--alg=HS512'], {})
  const { iss, aud, sub, client_id: client, iat, exp } = claims

  t.strictSame(
    [iss, aud, sub, client, Number(exp) - Number(iat)],
    ['https://i.example', 'https://hub.example/x', 'me', 'https://i.example', 90],
  )
})

t.test(
  'the audience is the resource identifier, else the public URL, else the own one',
  async (t) => {
    const audienceIn = async (given: Env) =>
      (await claimsOf(['--publish=a'], { ...env, ...given })).claims['aud']

    t.equal(
      await audienceIn({
        MERCURE_RESOURCE_IDENTIFIER: 'https://hub.example/mercure',
        MERCURE_PUBLIC_URLS: 'https://other.example',
      }),
      'https://hub.example/mercure',
    )
    t.equal(
      await audienceIn({ MERCURE_PUBLIC_URLS: 'https://hub.example https://b.example' }),
      'https://hub.example/.well-known/mercure',
    )
    t.equal(
      await audienceIn({ MERCURE_HOST: '::', MERCURE_PORT: '4000' }),
      'http://[::1]:4000/.well-known/mercure',
    )
    t.equal(
      await audienceIn({ MERCURE_HOST: '0.0.0.0', MERCURE_PORT: '4000' }),
      'http://127.0.0.1:4000/.well-known/mercure',
    )
  },
)

t.test('without any key the development key signs, and a note says so', async (t) => {
  const { code, stdout, stderr } = await run(t, ['token', '--subscribe=*'])

  t.strictSame([code, stderr], [0, developmentNote])
  t.equal(decode(stdout).claims['iss'], 'https://localhost')
  await compactVerify(stdout.trim(), Buffer.from('!ChangeThisMercureHubJWTSecretKey!'))
})

t.test('the key and the issuer may come from the configuration file', async (t) => {
  const file = join(
    t.testdir({ 'hub.yaml': `issuers: [{ id: i, subscriber: { key: ${secret} } }]` }),
    'hub.yaml',
  )
  const { claims } = await claimsOf(['--subscribe=a', '--config', file], {})

  t.equal(claims['iss'], 'i')
})

t.test(
  'each role signs with its key, the publisher first, and a note when that is not all',
  async (t) => {
    const keys = { ...env, MERCURE_SUBSCRIBER_JWT_KEY: `${secret} of subscribers` }
    const both = await run(t, ['token', '--publish=a', '--subscribe=a'], { env: keys })
    const one = await run(t, ['token', '--subscribe=a'], { env: keys })

    await compactVerify(both.stdout.trim(), Buffer.from(secret))
    t.equal(
      both.stderr,
      "cinnabar token: publisher and subscriber do not share a key; this token is signed with the publisher's and can only publish; make another one for the other\n",
    )
    await compactVerify(one.stdout.trim(), Buffer.from(keys.MERCURE_SUBSCRIBER_JWT_KEY))
    t.equal(one.stderr, '')
  },
)

t.test('a 0.x token has the claim of old and lives for ever, unless told otherwise', async (t) => {
  const args = ['--legacy', '--publish=a', '--subscribe=https://b.example/{id}']

  const { header, claims } = await claimsOf(args)
  t.strictSame(header, { alg: 'HS256', typ: 'JWT' })
  t.strictSame(claims, { mercure: { publish: ['a'], subscribe: ['https://b.example/{id}'] } })

  const mortal = await claimsOf([...args, '--ttl=1m', '--payload={"u":1}', '--iss=me'])
  t.equal(Number(mortal.claims['exp']) - Number(mortal.claims['iat']), 60)
  t.match(mortal.claims, { iss: 'me', mercure: { payload: { u: 1 } } })
})

t.test('a 0.x token is signed with the key for 0.x', async (t) => {
  const file = `
protocol_version_compatibility: 8
issuers: [{ id: i, publisher: { key: ${secret} } }]
legacy: { publisher: { key: ${secret} for 0.x } }
`
  const path = join(t.testdir({ 'hub.yaml': file }), 'hub.yaml')
  const { stdout } = await run(t, ['token', '--legacy', '--publish=a', '--config', path])

  await compactVerify(stdout.trim(), Buffer.from(`${secret} for 0.x`))
})

t.test('private keys of every kind sign', async (t) => {
  const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
  const kinds: readonly (readonly [string, { publicKey: KeyObject; privateKey: KeyObject }])[] = [
    ['RS256', rsa()],
    ['PS512', rsa()],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ]
  const folder = t.testdir({})
  for (const [algorithm, { publicKey, privateKey }] of kinds) {
    const path = join(folder, `${algorithm}.pem`)
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const args = ['token', '--publish=a', `--key=@${path}`, `--alg=${algorithm}`]
    const { stdout } = await run(t, args)
    const { protectedHeader } = await compactVerify(stdout.trim(), publicKey)
    t.equal(protectedHeader.alg, algorithm)
  }
})

t.test('a key may be a file, stdin or the text itself, older PEM forms included', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'sec1', format: 'pem' }).toString()
  const path = join(t.testdir({ secret: `${secret}\n` }), 'secret')

  const literal = await run(t, ['token', '--publish=a', '--key', pem, '--alg=ES256'])
  await compactVerify(literal.stdout.trim(), publicKey)
  const piped = await run(t, ['token', '--publish=a', '--key=@-', '--alg=ES256'], { input: pem })
  await compactVerify(piped.stdout.trim(), publicKey)
  const file = await run(t, ['token', '--publish=a', `--key=@${path}`])
  await compactVerify(file.stdout.trim(), Buffer.from(secret))
})

t.test('every mistake is told at once, with option, rule and value', async (t) => {
  const args = ['--urlpattern=/(', '--publish=', '--subscribe=a\u202Eb', '--payload=[1]', '--ttl=5']

  t.strictSame(await problemsOf([...args, '--alg=none', '--legacy=2', 'topic']), [
    'unexpected argument "topic"',
    '--publish: expected a topic, got ""',
    '--subscribe: expected a topic that the hub takes (a matcher must not hold control or formatting characters), got "a\u202Eb"',
    '--urlpattern: expected a URL Pattern that the hub takes (the matcher is not a valid URL Pattern: a `(` must be closed, hold ASCII only, and have no group inside but `(?:…)`), got "/("',
    '--urlpattern: expected --subscribe with a URI Template, as 0.x knows them, got a URL Pattern',
    '--payload: expected a JSON object such as {"user":1}, got "[1]"',
    '--ttl: expected a duration >= 1s such as "40s", got "5"',
    '--legacy: expected 1 or 0, got "2"',
    '--alg: expected one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519, got "none"',
  ])
})

t.test('a token without a grant is refused', async () => {
  t.strictSame(await problemsOf([]), [
    'expected a grant: --publish, --subscribe, --publish-pattern or --subscribe-pattern, got none',
  ])
})

t.test('a token has at most 100 topics', async (t) => {
  const topics = Array.from({ length: 101 }, (_, index) => `--publish=${index}`)

  t.match(await claimsOf(topics.slice(0, 100)), { header: { alg: 'HS256' } })
  t.strictSame(await problemsOf(topics), ['expected at most 100 topics in a token, got 101'])
})

t.test('a matcher has at most 4096 bytes', async (t) => {
  t.match(await claimsOf([`--publish=${'a'.repeat(4096)}`]), { header: { alg: 'HS256' } })
  t.strictSame(await problemsOf([`--publish=${'a'.repeat(4097)}`]), [
    `--publish: expected a topic that the hub takes (a matcher must be at most 4096 bytes long), got "${'a'.repeat(100)}…"`,
  ])
})

t.test('a key that cannot sign is explained', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const locked = privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const broken = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'
  const refusalOf = async (...args: readonly string[]) => problemsOf(['--publish=a', ...args])

  t.strictSame(await refusalOf('--key', pem), [
    '--key: expected --alg beside it, such as RS256 or ES256, got a PEM key without',
  ])
  t.strictSame(await refusalOf('--key', pem, '--alg=HS256'), [
    '--key: expected a secret for HS256, got a PEM key',
  ])
  t.strictSame(await refusalOf('--key=s3cret', '--alg=ES256'), [
    '--key: expected a private key as PEM for ES256, got a secret',
  ])
  t.strictSame(await refusalOf('--key='), [
    '--key: expected a secret or a private key as PEM, got nothing',
  ])
  t.strictSame(await refusalOf('--key=@/no/such/file'), [
    '--key: expected a file to read after @ (ENOENT), got "@/no/such/file"',
  ])
  t.strictSame(await refusalOf('--key', publicPem, '--alg=ES256'), [
    '--key: this is a public key; signing needs the private one',
  ])
  t.strictSame(await refusalOf('--key', pem, '--alg=RS256'), [
    '--key: this key (ec prime256v1) cannot sign with RS256',
  ])
  t.strictSame(await refusalOf('--key', locked, '--alg=ES256'), [
    '--key: this private key is encrypted',
  ])
  t.strictSame(await refusalOf('--key', broken, '--alg=ES256'), [
    '--key: the PEM text holds no private key that can be read',
  ])
})

t.test('settings that cannot sign are explained', async (t) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const trusted = { MERCURE_TRUSTED_ISSUERS: 'https://app.example' }
  const refusalIn = (given: Env, ...args: readonly string[]) =>
    problemsOf(['--publish=a', ...args], { ...trusted, ...given })

  t.strictSame(await refusalIn({ MERCURE_PUBLISHER_JWKS_URI: 'file:///etc/jwks.json' }), [
    "--key: expected the private key, because the hub's settings only have a JWK Set, got nothing",
  ])
  t.strictSame(
    await refusalIn({
      MERCURE_PUBLISHER_JWT_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      MERCURE_PUBLISHER_JWT_ALG: 'ES256',
    }),
    [
      "--key: expected the private key, because the hub's settings only have the public key, got nothing",
    ],
  )
  t.strictSame(await refusalIn({ MERCURE_SUBSCRIBER_JWT_KEY: secret }), [
    "--key: expected a key, because the hub's settings have none for a publisher, got nothing",
  ])
  t.strictSame(await refusalIn(env, '--iss=https://other.example'), [
    '--key: expected a key for "https://other.example", because the hub trusts "https://app.example", got nothing',
  ])
  t.strictSame(
    await problemsOf(['--publish=a'], {
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8',
    }),
    [
      "--key: expected a key, because the hub's settings only have keys for 0.x tokens (--legacy makes one), got nothing",
    ],
  )
})
