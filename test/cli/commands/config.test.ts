import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import Fastify from 'fastify'
import t from 'tap'
import { optionNames } from '../../../src/config/options/table.ts'
import { jsonSchema } from '../../../src/config/schema.ts'
import { run } from '../cinnabar.ts'

const secret = 'a secret that is long enough for HS256'

t.test('settings are shown with their sources, and no secret', async (t) => {
  const file = join(
    t.testdir({ 'hub.yaml': `heartbeat: 5s\nissuers: [{ id: i, publisher: { key: ${secret} } }]` }),
    'hub.yaml',
  )
  const env = {
    MERCURE_TRANSPORT_URL: 'redis://:pa@ss/w0rd#1@host:6379/0',
    MERCURE_ADMIN_TOKEN: secret,
    MERCURE_SUBSCRIBER_JWKS_URI: 'https://a.example/jwks?api_key=hidden',
  }
  const args = ['config', 'show', '--config', file, '--port=4000']

  const text = (await run(t, args, { env })).stdout
  const shown = JSON.parse((await run(t, [...args, '--json'], { env })).stdout) as object

  t.match(text, /^port: 4000 +# --port$/m)
  t.match(text, /^admin_token: \*\*\* +# MERCURE_ADMIN_TOKEN$/m)
  t.match(shown, {
    heartbeat: { value: '5s', source: `${file}:heartbeat` },
    write_timeout: { value: '600s', source: 'default' },
    transport_url: { source: 'MERCURE_TRANSPORT_URL' },
  })
  t.strictSame(Object.keys(shown), [...optionNames, 'issuers'])
  for (const piece of [secret, 'pa@ss', 'w0rd', 'hidden'])
    t.notMatch(text + JSON.stringify(shown), piece)
})

t.test('the playground is a source, and what a hub would refuse is told', async (t) => {
  const playground = await run(t, ['config', 'show', '--playground'])
  t.match(playground.stdout, /^anonymous: 1 +# playground$/m)
  t.equal(playground.code, 0)

  const wrong = await run(t, ['config', 'show'], { env: { MERCURE_PORT: 'x' } })
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, 'port: expected a port')
})

t.test('the schema takes what a file may hold, and nothing else', async (t) => {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  const { $schema: _, ...body } = jsonSchema()
  app.post('/', { schema: { body } }, async () => 'ok')
  const takes = async (payload: object) =>
    (await app.inject({ method: 'POST', url: '/', payload })).statusCode === 200

  t.ok(await takes({ heartbeat: '1m30s', history_size: 100, workers: 'auto', anonymous: true }))
  t.ok(await takes({ cors_origins: ['*'], publish_origins: 'https://a.example', write_timeout: 0 }))
  t.ok(await takes({ max_header_size: '64KiB', protocol_version_compatibility: 8, port: 3000 }))
  t.ok(await takes({ issuers: [{ id: 'i', publisher: { key: 'k', algorithm: 'HS256' } }] }))
  for (const wrong of [
    { hearbeat: '5s' },
    { heartbeat: '4O s' },
    { log_level: 'loud' },
    { anonymous: 'maybe' },
    { issuers: [{ publisher: {} }] },
    { legacy: { publisher: { secret: 'k' } } },
  ])
    t.notOk(await takes(wrong), JSON.stringify(wrong))
  const printed = await run(t, ['config', 'schema'])
  t.strictSame(JSON.parse(printed.stdout), jsonSchema())
})

t.test('completions know commands, flags and words', async (t) => {
  const { stdout: script } = await run(t, ['completion', 'bash'])
  const completed = (...words: readonly string[]) => {
    const line = words.map((word) => `'${word}'`).join(' ')
    const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _cinnabar; echo "\${COMPREPLY[@]}"`
    return spawnSync('bash', ['-c', `${script}\n${ask}`], { encoding: 'utf8' }).stdout.trim()
  }

  t.equal(completed('cinnabar', 'sub'), 'subscribe')
  t.equal(completed('cinnabar', 'subscribe', '--ma'), '--match')
  t.equal(completed('cinnabar', 'serve', '--write'), '--write-timeout')
  t.equal(completed('cinnabar', 'config', 's'), 'show schema')
  t.equal(completed('cinnabar', 'help', 'kic'), 'kick')
  for (const shell of ['zsh', 'fish'])
    t.match((await run(t, ['completion', shell])).stdout, 'subscribe')
})

t.test('near names are suggested for commands, words and choices', async (t) => {
  const told = async (...args: readonly string[]) => (await run(t, args)).stderr

  t.match(await told('help', 'subscrbe'), '(did you mean subscribe?)')
  t.match(await told('completion', 'bsh'), '(did you mean bash?)')
  t.match(await told('config', 'shwo'), '(did you mean show?)')
  t.match(await told('token', '--publish=a', '--alg=hs25'), '(did you mean HS256?)')
  t.match(await told('serve', '--log-level=inof'), '(did you mean info?)')
  t.match(await run(t, ['help', 'kick']), { code: 0, stdout: /^Usage: cinnabar kick/ })
})
