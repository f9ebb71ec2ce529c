import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { HubProcess } from '../fixtures/hub-process.ts'
import { secret } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'
import { type Env, ended, run, start } from './cinnabar.ts'

const keys = { MERCURE_PUBLISHER_JWT_KEY: secret, MERCURE_SUBSCRIBER_JWT_KEY: secret }
const trusting = { ...keys, MERCURE_TRUSTED_ISSUERS: 'https://issuer.example' }
const topic = 'https://example.com/books/1'

/** Publishes a private update and subscribes to it, with nothing but the hub's own environment. */
async function roundTrip(t: Test, own: Env, ...matcher: readonly string[]) {
  const hub = await HubProcess.start(t, { env: own })
  const env = { ...own, MERCURE_PORT: new URL(hub.url).port }
  const published = await run(t, ['publish', topic, '--data=hello', '--private', '--id=1'], { env })
  t.strictSame(published, { code: 0, stdout: '1\n', stderr: '' })

  const child = start(t, ['subscribe', ...matcher, '--json', '--last-event-id=earliest'], env)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await until(() => lines.length === 1)
  t.strictSame(lines, ['{"id":"1","type":"message","data":"hello"}'])
  child.kill('SIGTERM')
}

t.test('commands in the environment of a hub with public URLs reach that hub', async (t) => {
  const match = `--match=${topic}`
  await roundTrip(t, { ...trusting, MERCURE_PUBLIC_URLS: 'https://hub.example' }, match)
  await roundTrip(t, { ...trusting, MERCURE_PUBLIC_URLS: 'http://hub.example:8080' }, match)
  await roundTrip(t, { ...trusting, MERCURE_HOST: '0.0.0.0' }, match)
  await roundTrip(
    t,
    {
      ...trusting,
      MERCURE_PUBLIC_URLS: 'https://hub.example https://b.example',
      MERCURE_RESOURCE_IDENTIFIER: 'https://hub.example/.well-known/mercure',
    },
    '--urlpattern=https://example.com/books/:id',
  )
})

t.test('a hub that believes no proxy is called at its public URL', async (t) => {
  const env = {
    ...trusting,
    MERCURE_PUBLIC_URLS: 'https://hub.invalid',
    MERCURE_TRUSTED_PROXIES: '10.0.0.0/8',
  }

  const { code, stderr } = await run(t, ['publish', topic], { env })

  t.equal(code, 1)
  t.match(stderr, 'cannot reach https://hub.invalid/.well-known/mercure: ')
})

t.test('where the hub has keys for 0.x alone, commands make tokens of 0.x', async (t) => {
  const env = { ...keys, MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8' }

  await roundTrip(t, env, `--match=${topic}`)
  await roundTrip(t, env, '--urlpattern=https://example.com/books/:id')
  await roundTrip(t, env, '--topic=https://example.com/books/{id}')
})

t.test('messages name the mistake', async (t) => {
  const hub = await HubProcess.start(t, { env: trusting })
  const { origin, url } = hub
  const env = { ...trusting, MERCURE_PORT: new URL(url).port }
  const told = async (...args: readonly string[]) => {
    const { code, stderr } = await run(t, args, { env })
    return `${code} ${stderr.split('\n')[0]?.replace(/^cinnabar \w+: /, '')}`
  }
  const tls = url.replace('http:', 'https:')

  t.equal(
    await told('publish', topic, '--token=nonsense'),
    `1 ${url} refused: 400 Bad Request: this is no JSON Web Token: it is too short`,
  )
  t.equal(await told('publish', ''), '2 expected a topic, got ""')
  t.equal(await told('subscribe', '--match='), '2 --match: expected a topic, got ""')
  t.match(
    await told('subscribe', '--urlpattern=https://('),
    '2 --urlpattern: expected a URL Pattern that the hub takes (',
  )
  for (const args of [
    ['publish', topic],
    ['subscribe', '--match=*'],
  ])
    t.equal(await told(...args, '--hub', tls), `1 ${tls} does not speak TLS; did you mean ${url}?`)
  for (const completed of [origin, `${origin}/`])
    t.match(await run(t, ['publish', topic, '--id=a', '--hub', completed], { env }), {
      code: 0,
      stdout: 'a\n',
    })
})

t.test('a subscriber hears that it listens, and why a kick was the end', async (t) => {
  const hub = await HubProcess.start(t, { env: trusting })
  const env = { ...trusting, MERCURE_PORT: new URL(hub.url).port }
  const made = ['token', '--subscribe=*', '--sub=me']
  const { stdout: token } = await run(t, made, { env })
  const child = start(t, ['subscribe', '--match=*', '--json', '--token', token.trim()], env)
  const told: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => told.push(line))
  await until(() => told.length === 1)
  t.strictSame(JSON.parse(told[0] ?? ''), {
    note: `listening to ${hub.url}…`,
    command: 'subscribe',
  })

  const kick = ['kick', '--sub=me', '--json', '--admin', hub.adminUrl]
  const kicked = await run(t, kick, { env })

  t.strictSame(JSON.parse(kicked.stdout), { closed: 1, unanswered: [] })
  t.equal((await ended(child)).code, 0)
  t.match(told.at(-1), 'the hub ended the subscription for good (204)')
})
