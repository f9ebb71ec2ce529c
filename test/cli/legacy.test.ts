import { createInterface } from 'node:readline'
import t from 'tap'
import { HubProcess } from '../fixtures/hub-process.ts'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { secret, signLegacyToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'
import { run, start } from './cinnabar.ts'

const keys = { MERCURE_PUBLISHER_JWT_KEY: secret, MERCURE_SUBSCRIBER_JWT_KEY: secret }
const compatible = { ...keys, MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8' }
const book = 'https://example.com/books/1'

t.test('a 0.x token of the command publishes, and its subscription gets it', async (t) => {
  const hub = await HubProcess.start(t, { env: compatible })
  const made = ['token', '--legacy', '--publish=*']
  const { stdout: token } = await run(t, made, { env: compatible })
  const subscribe = ['subscribe', '--topic=https://example.com/books/{id}', '--json']
  const child = start(t, [...subscribe, '--last-event-id=earliest', '--hub', hub.url], compatible)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))

  const published = await run(t, [
    ...['publish', book, '--data=hello', '--private', '--id=1'],
    ...['--hub', hub.url, '--token', token.trim()],
  ])
  await until(() => lines.length === 1)

  t.strictSame(published, { code: 0, stdout: '1\n', stderr: '' })
  t.strictSame(lines, ['{"id":"1","type":"message","data":"hello"}'])
})

t.test('no line of the log holds a token of a URL, at any level', async (t) => {
  const hub = await HubProcess.start(t, { env: { ...compatible, MERCURE_LOG_LEVEL: 'trace' } })
  const good = signLegacyToken({ publish: ['*'] })
  const bad = signLegacyToken({ publish: ['*'] }, { secret: 'other' })

  for (const token of [good, bad])
    await ask(`${hub.url}?authorization=${token}`, {
      method: 'POST',
      headers: formType,
      body: formOf({ topic: book }),
    })
  await ask(`${hub.url}?topic=a&authorization=${bad}`)
  await hub.stop()

  t.notMatch(JSON.stringify(hub.log), good)
  t.notMatch(JSON.stringify(hub.log), bad)
  t.notMatch(JSON.stringify(hub.log), 'authorization=')
})

t.test('without compatibility the log names the option that would take the token', async (t) => {
  const env = { ...keys, MERCURE_TRUSTED_ISSUERS: 'https://issuer.example' }
  const hub = await HubProcess.start(t, { env })

  const answer = await ask(`${hub.url}?match=a`, {
    headers: { authorization: `Bearer ${signLegacyToken({ subscribe: ['*'] })}` },
  })

  t.equal(answer.status, 401)
  const isNamed = (line: unknown) =>
    JSON.stringify(line).includes('MERCURE_PROTOCOL_VERSION_COMPATIBILITY')
  await until(() => hub.log.some(isNamed))
})
