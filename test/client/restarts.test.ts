import t from 'tap'
import { publish, subscribe } from '../../src/client/index.ts'
import { freePort } from '../fixtures/free-port.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { startCaddy, without } from '../fixtures/proxy.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const skip = without('caddy')
const isLong = process.env['CINNABAR_LONG'] !== undefined
const [restarts, pauseMs] = isLong ? [20, 5000] : [3, 500]
const clientCount = 50

t.test(
  'a hub behind Caddy that restarts again and again: fifty clients see every acknowledged update once, in order',
  { skip, timeout: 400_000 },
  async (t) => {
    const [port, plainPort] = [await freePort(), await freePort()]
    const url = `http://localhost:${plainPort}/.well-known/mercure`
    const env = {
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
      MERCURE_PUBLIC_URLS: new URL(url).origin,
      MERCURE_DRAIN_TIMEOUT: '500ms',
    }
    const hub = await HubProcess.start(t, { env })
    await startCaddy(t, port, new URL(hub.origin).host, plainPort)
    const clients = Array.from({ length: clientCount }, (_, number) => {
      const heard: string[] = []
      const subscription = subscribe({
        hub: url,
        match: 'a',
        token: () => shortToken(url, number),
        onEvent: ({ data }) => heard.push(data),
        onGap: (gap) => heard.push(JSON.stringify(gap)),
      })
      t.teardown(() => subscription.close())
      return { heard, subscription }
    })
    const areLive = () => clients.every(({ subscription }) => subscription.state.name === 'live')
    await until(areLive)

    const acknowledged: string[] = []
    let isPublishing = true
    const token = signToken(url, { publish: ['*'] })
    const publishing = (async () => {
      for (let n = 0; isPublishing; n++) {
        const update = { topic: 'a', data: String(n), private: n % 2 === 0 }
        await publish({ hub: url, token, retryFor: 120_000, ...update })
        acknowledged.push(update.data)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    for (let n = 0; n < restarts; n++) {
      if (n % 2 === 0) await hub.kill()
      else await hub.stop()
      if (isLong && n === restarts / 2) await new Promise((resolve) => setTimeout(resolve, 30_000))
      await hub.start()
      const before = acknowledged.length
      await until(() => acknowledged.length > before)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    isPublishing = false
    await publishing
    await until(() => clients.every(({ heard }) => heard.length >= acknowledged.length))

    const differing = clients.filter(({ heard }) => heard.join() !== acknowledged.join())
    t.equal(differing.length, 0)
    t.strictSame(clients[0]?.heard, acknowledged)
    t.ok(acknowledged.length > 20)
  },
)

/** A token for six seconds: it is renewed after four, while private updates flow. */
function shortToken(audience: string, number: number): string {
  const exp = Math.floor(Date.now() / 1000) + 6
  return signToken(audience, { subscribe: ['a'], claims: { exp, sub: `urn:example:${number}` } })
}
