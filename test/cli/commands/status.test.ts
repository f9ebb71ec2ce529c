import t from 'tap'
import type { Stats, StreamList } from '../../../src/http/operators/console/source.ts'
import { resource } from '../../fixtures/cluster.ts'
import { ask } from '../../fixtures/http.ts'
import { HubProcess } from '../../fixtures/hub-process.ts'
import { connect } from '../../fixtures/presence.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'
import { run } from '../cinnabar.ts'

const env = {
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
  MERCURE_RESOURCE_IDENTIFIER: resource,
  MERCURE_MAX_SUBSCRIBERS: '2',
}

t.test('status says that the hub is ready, then why not, and exits accordingly', async (t) => {
  const hub = await HubProcess.start(t, { env })
  const status = (...args: readonly string[]) =>
    run(t, ['status', '--admin', hub.adminUrl, ...args])
  await connect(t, hub.origin, 'match=a', { sub: 'alice' })

  const ready = await status()
  t.match(ready, { code: 0, stderr: '' })
  t.match(ready.stdout, /^✓ ready {2}cinnabar \d/)
  t.match(ready.stdout, /MERCURE_MAX_SUBSCRIBERS +1 \/ 2/)

  await connect(t, hub.origin, 'match=b', { sub: 'bob' })
  const full = await status()
  t.equal(full.code, 1)
  t.match(full.stdout, /NOT READY/)
  t.match(full.stdout, /New streams are refused/)
  t.match(JSON.parse((await status('--json')).stdout), { now: { isReady: false } })

  const screen = await run(t, ['top', '--admin', hub.adminUrl])
  t.match(screen, { code: 0, stderr: '' })
  t.match(screen.stdout, /MATCH \(2\) +SUBJECT/)
  t.match(screen.stdout, /^a +alice +127\.0\.0\.1/m)

  await hub.kill()
  t.match(await status(), { code: 1, stdout: '', stderr: /cannot reach/ })
})

t.test('several workers are shown as one hub, with a line for each', async (t) => {
  const workers = { MERCURE_WORKERS: '2', MERCURE_TRANSPORT_URL: `lmdb:${t.testdir({})}/history` }
  const hub = await HubProcess.start(t, { env: { ...env, ...workers } })
  await connect(t, hub.origin, 'match=a', { sub: 'alice' })
  await connect(t, hub.origin, 'match=b', { sub: 'bob' })
  const json = async <T>(path: string) => JSON.parse((await ask(hub.adminUrl + path)).text) as T

  const { total, streams } = await json<StreamList>('/debug/streams')
  t.equal(total, 2)
  t.strictSame(new Set(streams.map(({ subject }) => subject)), new Set(['alice', 'bob']))
  const now = await new Promise<Stats['now']>((resolve, reject) => {
    until(async () => {
      const { status, text } = await ask(`${hub.adminUrl}/debug/stats`)
      if (status !== 200) return false // asked too often
      const { now, fields, samples } = JSON.parse(text) as Stats
      if (samples.at(-1)?.[fields.indexOf('streams') + 1] === 2) resolve(now)
      return samples.at(-1)?.[fields.indexOf('streams') + 1] === 2
    }).catch(reject)
  })
  t.match(now, { transport: 'lmdb', workers: { ready: 2, expected: 2 } })
  t.strictSame(new Set(now.parts.map(({ name }) => name)), new Set(['worker 1', 'worker 2']))
})
