import t, { type Test } from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { freePort } from '../fixtures/free-port.ts'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { http2To, startCaddy, without } from '../fixtures/proxy.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const skip = without('caddy') || withoutChromium()
const path = '/.well-known/mercure?match=a'

t.test('behind Caddyfile.example', { skip }, async (t) => {
  const { hub, site, port } = await open(t)

  t.test('streams are not held back or compressed, over HTTP/2', async (t) => {
    const request = http2To(t, port).request({
      ':path': path,
      accept: 'text/event-stream',
      'accept-encoding': 'gzip, br, zstd',
    })
    let received = ''
    request.setEncoding('utf8').on('data', (text: string) => (received += text))
    const head = await new Promise<Record<string, unknown>>((resolve) =>
      request.once('response', resolve),
    )
    t.match(head, { ':status': 200, 'content-type': 'text/event-stream' })
    t.notOk('content-encoding' in head)

    await publish(hub, site, 'at once')
    await until(() => received.includes('data: at once\n')) // nothing comes after it to push it out
  })

  t.test('a stream whose token expires is ended, without an error', async (t) => {
    const exp = Math.floor(Date.now() / 1000) + 2
    const audience = `${site}/.well-known/mercure`
    const token = signToken(audience, { subscribe: ['a'], claims: { exp } })
    const request = http2To(t, port).request({ ':path': path, authorization: `Bearer ${token}` })
    const head = new Promise<Record<string, unknown>>((resolve) =>
      request.once('response', resolve),
    )
    request.on('error', () => {}).resume()
    const closed = new Promise((resolve) => request.once('close', resolve))

    t.match(await head, { ':status': 200 })
    await closed
    t.equal(request.rstCode, 0)
  })

  t.test('a page holds twenty streams, and a hub that restarts costs none of them', async (t) => {
    const browser = await startChromium(t)
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    const statuses = new Set<number>()
    page.on('response', (response) => {
      if (response.url().endsWith(path)) statuses.add(response.status())
    })
    await page.goto(`${site}/health/live`)
    await page.evaluate(`{
      window.heard = []
      window.sources = Array.from({ length: 20 }, (_, number) => {
        const source = new EventSource(${JSON.stringify(path)})
        heard.push([])
        source.onmessage = ({ data }) => heard[number].push(data)
        return source
      })
    }`)
    const openCount = () =>
      page.evaluate<number>('sources.filter((source) => source.readyState === 1).length')
    const heard = () => page.evaluate<string[][]>('heard')
    await until(async () => (await openCount()) === 20)

    await publish(hub, site, 'before')
    await until(async () => (await heard()).every((data) => data.length === 1))
    await hub.stop()
    await hub.start()
    await publish(hub, site, 'between')
    await hub.kill()
    await hub.start()
    await publish(hub, site, 'after')
    await until(async () => (await heard()).every((data) => data.length === 3))

    const all = await heard()
    t.strictSame(
      all,
      all.map(() => ['before', 'between', 'after']),
    )
    t.strictSame([...statuses], [200])
    await page.close()
  })

  t.test('a stream that is asked for while no hub is there waits for it', async (t) => {
    await hub.stop()
    const request = http2To(t, port).request({ ':path': path, accept: 'text/event-stream' })
    const answered = new Promise<Record<string, unknown>>((resolve) =>
      request.once('response', resolve),
    )
    await hub.start()

    t.match(await answered, { ':status': 200 })
  })
})

async function open(t: Test) {
  const port = await freePort()
  const site = `https://localhost:${port}`
  const env = {
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
    MERCURE_ANONYMOUS: '1',
    MERCURE_TRUSTED_ISSUERS: issuer,
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_SUBSCRIBER_JWT_KEY: secret,
    MERCURE_PUBLIC_URLS: site,
    MERCURE_DRAIN_TIMEOUT: '1s',
  }
  const hub = await HubProcess.start(t, { env })
  await startCaddy(t, port, new URL(hub.origin).host)
  return { hub, site, port }
}

/** Publishes straight to the hub, as the site that it is behind Caddy. */
async function publish(hub: HubProcess, site: string, data: string): Promise<void> {
  const token = signToken(`${site}/.well-known/mercure`, { publish: ['a'] })
  const headers = {
    ...formType,
    authorization: `Bearer ${token}`,
    'x-forwarded-proto': 'https',
    'x-forwarded-host': new URL(site).host,
  }
  const answer = await ask(hub.url, { method: 'POST', headers, body: formOf({ topic: 'a', data }) })
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
}
