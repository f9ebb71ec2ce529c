import { readFileSync } from 'node:fs'
import t from 'tap'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { LoyalCrowd } from '../fixtures/loyal-crowd.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'

const crowdSize = 12_000

t.test(
  `${crowdSize} subscribers outlive a kill -9: all come back, and get exactly what they missed`,
  async (t) => {
    const env = {
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
    }
    const hub = await HubProcess.start(t, { env })
    const publish = async (data: string) => {
      const authorization = `Bearer ${signToken(hub.url, { publish: ['news'] })}`
      const headers = { ...formType, authorization }
      const body = formOf({ topic: 'news', data })
      t.equal((await ask(hub.url, { method: 'POST', headers, body })).status, 200)
    }
    const crowd = new LoyalCrowd(t)
    const path = '/.well-known/mercure?match=news'
    await crowd.connect(Number(new URL(hub.origin).port), crowdSize, path)
    const whole = await crowd.until(({ connected }) => connected === crowdSize)
    t.ok(whole.retries[1] > 8_000, `so many spread over ${whole.retries[1]} ms`)

    await publish('one')
    await crowd.until(({ heard }) => heard['one'] === crowdSize)
    const memoryBefore = memoryOf(hub)
    await crowd.leave(1 / 3)
    await publish('two')
    await hub.kill()
    await hub.start()
    await publish('three')
    await crowd.comeBack()
    const after = await crowd.until(({ heard }) => heard['one,two,three'] === crowdSize)

    t.strictSame(after.heard, { 'one,two,three': crowdSize })
    t.match(after, { connected: crowdSize, refused: 0 })
    const growth = memoryOf(hub) / memoryBefore
    t.ok(growth < 2, `the hub takes ${growth.toFixed(2)} times what it took before`)
  },
)

/** Anonymous memory of the process: the pages of the history's file do not count. */
function memoryOf({ pid }: HubProcess): number {
  const [, kibibytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes)
}
