import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { resource } from '../../fixtures/cluster.ts'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { connect, listed, tokenOf } from '../../fixtures/presence.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'
import { run } from '../cinnabar.ts'

const env = {
  MERCURE_SUBSCRIPTIONS: '1',
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
  MERCURE_RESOURCE_IDENTIFIER: resource,
}

t.test('kick closes the streams of a subject, prints how many, and exits with 0', async (t) => {
  const hub = await HubProcess.start(t, { env })
  const token = tokenOf('bob')
  const bobs = [
    await connect(t, hub.origin, 'match=a', { token }),
    await connect(t, hub.origin, 'match=b', { sub: 'bob' }),
  ]
  const alice = await connect(t, hub.origin, 'match=a', { sub: 'alice' })
  const kick = (...args: readonly string[]) => run(t, ['kick', ...args, '--admin', hub.adminUrl])

  t.strictSame(await kick('--sub', 'bob'), { code: 0, stdout: '2\n', stderr: '' })
  await Promise.all(bobs.map(({ closed }) => closed))
  t.equal((await connect(t, hub.origin, 'match=a', { token })).head.status, 204)
  t.strictSame(await kick('--sub', 'bob'), { code: 0, stdout: '0\n', stderr: '' })

  await until(async () => (await listed(hub.origin)).length === 1)
  const [subscription] = await listed(hub.origin)
  const url = `${hub.origin}${subscription?.id}`
  t.strictSame(await kick('--subscription', url), { code: 0, stdout: '1\n', stderr: '' })
  await alice.closed
  await until(async () => (await listed(hub.origin)).length === 0)
  t.strictSame(await kick('--subscription', url), { code: 0, stdout: '0\n', stderr: '' })
})

t.test('what cannot be kicked exits with 1 and the reason', async (t) => {
  const hub = await HubProcess.start(t, { env: { ...env, MERCURE_ADMIN_TOKEN: 'the-right-one' } })

  const malformed = await run(t, ['kick', '--subscription', 'x', '--admin', hub.adminUrl])
  t.match(malformed, { code: 1, stdout: '', stderr: /expected the URL of one subscription/ })
  const wrong = ['kick', '--sub', 'a', '--token', 'wrong', '--admin', hub.adminUrl]
  t.match(await run(t, wrong), { code: 1, stdout: '', stderr: /not the admin token/ })
  const right = ['kick', '--sub', 'a', '--admin', hub.adminUrl]
  t.match(await run(t, right, { env: { MERCURE_ADMIN_TOKEN: 'the-right-one' } }), {
    code: 0,
    stdout: '0\n',
  })
  await hub.stop()
  t.match(await run(t, right), { code: 1, stdout: '', stderr: /cannot reach/ })
})

t.test(
  'the admin listener is the one of the settings, and where it is off it has to be said',
  async (t) => {
    const hub = await HubProcess.start(t, { env })
    const file = join(temporaryFolder(t), 'hub.yaml')
    writeFileSync(file, `admin_port: ${new URL(hub.adminUrl).port}\n`)

    t.match(await run(t, ['kick', '--sub', 'a', '--config', file]), { code: 0, stdout: '0\n' })
    t.match(await run(t, ['kick', '--sub', 'a'], { env: { MERCURE_ADMIN_PORT: 'off' } }), {
      code: 2,
      stderr: /admin_port is off/,
    })
  },
)

t.test('a hub of the history that does not answer is named, and the exit code is 1', async (t) => {
  const server = createServer((_request, response) =>
    response.end('{"closed":3,"unanswered":["a-hub"]}'),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as AddressInfo

  const answer = await run(t, ['kick', '--sub', 'a', '--admin', `http://127.0.0.1:${port}/`])

  t.match(answer, { code: 1, stdout: '3\n', stderr: /the hub a-hub did not answer/ })
})

t.test('bad usage exits with 2', async (t) => {
  for (const args of [
    [],
    ['--sub', 'a', '--subscription', 'b'],
    ['--sub'],
    ['--sub', 'a', 'more'],
    ['--sub', 'a', '--who', 'b'],
    ['--sub', 'a', '--admin', 'localhost'],
  ])
    t.equal((await run(t, ['kick', ...args])).code, 2, args.join(' '))
  t.match(await run(t, ['kick', '--help']), { code: 0, stdout: /cinnabar kick/ })
})
