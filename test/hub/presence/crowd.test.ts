import { readFileSync } from 'node:fs'
import t from 'tap'
import { resource } from '../../fixtures/cluster.ts'
import { Crowd } from '../../fixtures/crowd.ts'
import { ask } from '../../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { api, tokenOf } from '../../fixtures/presence.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

/** `CROWD=12000` is the long form. */
const crowdSize = Number(process.env['CROWD'] ?? 2_000)
const rounds = Number(process.env['ROUNDS'] ?? 2)

/** Memory that is the process's own, in MB: mapped files are not. */
function anonymousMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024
}

t.test('a crowd that is killed at once leaves an empty list, and no memory', async (t) => {
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_SUBSCRIPTIONS: '1',
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
      MERCURE_RESOURCE_IDENTIFIER: resource,
    },
  })
  const headers = { authorization: `Bearer ${tokenOf('operator')}` }
  const counted = async () => {
    const answer = await ask(hub.origin + api, { method: 'HEAD', headers })
    return Number(answer.headers['mercure-subscription-count'])
  }
  const request = `GET /.well-known/mercure?match=t%n&match=all HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer ${tokenOf('crowd')}\r\n\r\n`
  const memory: number[] = []

  for (let round = 0; round < rounds; round++) {
    const crowd = new Crowd(t)
    t.equal(await crowd.connect(Number(new URL(hub.origin).port), 0, crowdSize, request), crowdSize)
    t.equal(await counted(), 2 * crowdSize)
    await crowd.kill()
    const killed = performance.now()
    await until(async () => (await counted()) === 0)
    t.comment(`the list was empty after ${Math.round(performance.now() - killed)} ms`)
    memory.push(anonymousMb(hub.pid ?? 0))
  }

  t.comment(`anonymous memory after each round: ${memory.map(Math.round).join(', ')} MB`)
  const [first = 0] = memory
  t.ok(Math.min(...memory.slice(1)) < 1.5 * first + 20, 'memory does not grow with each of them')
})
