import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadSettings } from '../../../src/config/load.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { run } from '../cinnabar.ts'

const key = '!ChangeMe, "quoted" # and: long enough!'

/** Migrates a file and loads what was printed, as a hub would. */
async function migrated(t: Test, name: string, text: string) {
  const path = join(temporaryFolder(t), name)
  writeFileSync(path, text)
  const { code, stdout, stderr } = await run(t, ['migrate', path])
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  const argv = ['--config', 'cinnabar.yaml']
  return { stdout, settings: loadSettings({ argv, env: {}, readFile: () => stdout }).settings }
}

const expected = {
  anonymous: true,
  subscriptions: true,
  corsOrigins: ['https://a.example', 'https://b.example'],
  publishOrigins: ['*'],
  heartbeatMs: 15_000,
  historySize: 1000,
  transportUrl: 'lmdb:/data/mercure-history',
  publicUrls: ['https://hub.example'],
  protocolVersionCompatibility: 8,
  legacyKeys: { publisher: { key, algorithm: 'HS256' }, subscriber: { key, algorithm: 'HS512' } },
}

const directives = `
  anonymous # everybody
  subscriptions
  # cors_origins https://old.example
  cors_origins "https://a.example" https://b.example
  publish_origins *
  heartbeat 15s
  transport bolt {
    path /data/mercure.db
    size 1000
    cleanup_frequency 0.3
  }
  header X-Foo bar
`

t.test('a whole Caddyfile becomes a file that the hub starts with', async (t) => {
  const { stdout, settings } = await migrated(
    t,
    'Caddyfile',
    `{
  {$GLOBAL_OPTIONS}
}
hub.example {
  log {
    output stdout
  }
  encode zstd gzip
  route {
    mercure {
      publisher_jwt \`${key}\` HS256
      subscriber_jwt "${key.replaceAll('"', '\\"')}" \\
        HS512
      ${directives}
    }
    respond /healthz 200
    respond "Not Found" 404
  }
}
`,
  )

  t.match(settings, expected)
  t.match(stdout, /^# Not carried over:$[^]*^# +header: no counterpart$/m)
  t.notMatch(stdout, /old\.example|healthz/)
})

t.test('so do a compose file and an environment, new and old', async (t) => {
  const env = {
    SERVER_NAME: 'hub.example',
    MERCURE_PUBLISHER_JWT_KEY: key,
    MERCURE_PUBLISHER_JWT_ALG: 'HS256',
    MERCURE_SUBSCRIBER_JWT_KEY: key,
    MERCURE_SUBSCRIBER_JWT_ALG: 'HS512',
    MERCURE_EXTRA_DIRECTIVES: directives,
    MERCURE_PUBLISH_URL: 'http://hub/',
  }
  const compose = JSON.stringify({
    services: {
      php: { image: 'app', environment: { MERCURE_URL: 'http://mercure/' } },
      hub: { image: 'dunglas/mercure', environment: env },
    },
  })
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value}'`)

  t.match((await migrated(t, 'compose.yaml', compose)).settings, expected)
  t.match((await migrated(t, '.env', lines.join('\n'))).settings, expected)
  const old = `JWT_KEY=${'x'.repeat(40)}\nALLOW_ANONYMOUS=1\nCORS_ALLOWED_ORIGINS=*\nTRANSPORT_URL=bolt://updates.db?size=7\n`
  t.match((await migrated(t, 'old.env', old)).settings, {
    anonymous: true,
    corsOrigins: ['*'],
    historySize: 7,
    transportUrl: 'lmdb:updates-history',
  })
})

t.test('what cannot be read is said, with 1 or 2', async (t) => {
  t.match(await run(t, ['migrate']), { code: 2, stderr: /expected one FILE/ })
  t.match(await run(t, ['migrate', '/nowhere']), { code: 1, stderr: /cannot read .*ENOENT/ })
})

t.test('several issuers keep keys of their own', async (t) => {
  const block = (id: string, secret: string) => `issuer ${id} {
      authorization_server
      publisher {
        jwt "${secret}" HS512
      }
      subscriber {
        jwks_uri https://keys.example/jwks.json ES256 RS256
      }
    }`
  const keysOf = (secret: string) => ({
    authorizationServer: true,
    publisher: { kind: 'static', key: secret, algorithm: 'HS512' },
    subscriber: { uri: 'https://keys.example/jwks.json', algorithms: ['ES256', 'RS256'] },
  })
  const secrets = [
    'the key of one, long enough for it',
    'the key of two, long enough for it',
  ] as const

  const { settings } = await migrated(
    t,
    'Caddyfile',
    `hub.example {
  mercure {
    ${block('https://one.example', secrets[0])}
    ${block('https://two.example', secrets[1])}
  }
}
`,
  )

  t.match(settings.issuers, [
    { id: 'https://one.example', ...keysOf(secrets[0]) },
    { id: 'https://two.example', ...keysOf(secrets[1]) },
  ])
  t.equal(settings.issuers.length, 2)
  t.strictSame(settings.legacyKeys, {})
})

t.test(
  'a key of several that stands in a variable is asked for, and its name is no key',
  async (t) => {
    const path = join(temporaryFolder(t), 'Caddyfile')
    const block = (id: string) => `issuer ${id} {\n publisher {\n jwt {$KEY} HS256\n }\n }\n`
    writeFileSync(
      path,
      `mercure {\n${block('https://one.example')}${block('https://two.example')}}\n`,
    )

    const { stdout } = await run(t, ['migrate', path])

    t.match(stdout, /#\s+issuer https:\/\/two\.example: its publisher jwt stands in the variable/)
    const argv = ['--config', 'cinnabar.yaml']
    t.throws(() => loadSettings({ argv, env: {}, readFile: () => stdout }), {
      message: /issuers\[0\]\.publisher: expected key or jwks_uri, got neither/,
    })
  },
)
