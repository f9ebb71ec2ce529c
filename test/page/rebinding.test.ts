import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { freePort } from '../fixtures/free-port.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { issuer, secret } from '../fixtures/tokens.ts'

const skip = withoutChromium()
const stream = '/.well-known/mercure?match=a'
const tokenPath = '/.well-known/mercure/debug/playground-token'

t.test('pages of others in Chromium', { skip }, async (t) => {
  const browser = await startChromium(t)

  /** A page that is not the hub's, under whatever name. On the hub's own port, its scripts call the hub by that name. */
  const pageAt = async (origin: string): Promise<Page> => {
    const page = await browser.newPage()
    await page.route(`${origin}/somebody-else`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<title>not the hub</title>' }),
    )
    await page.goto(`${origin}/somebody-else`)
    return page
  }

  t.test('a page whose name leads to the hub reads nothing by forging fields', async (t) => {
    const port = await freePort()
    await HubProcess.start(t, {
      env: {
        MERCURE_PORT: String(port),
        MERCURE_PUBLIC_URLS: `http://hub.localhost:${port}`,
        MERCURE_DEBUGGER: '1',
        MERCURE_ANONYMOUS: '1',
        MERCURE_TRUSTED_ISSUERS: issuer,
        MERCURE_PUBLISHER_JWT_KEY: secret,
      },
    })
    const own = await pageAt(`http://hub.localhost:${port}`)
    const other = await pageAt(`http://other.localhost:${port}`)
    const forged = { 'X-Forwarded-Host': `hub.localhost:${port}`, 'X-Forwarded-Proto': 'http' }

    t.equal(await statusOf(own, stream), 200, 'the hub is there')
    t.equal(await statusOf(other, '/health/live'), 200, 'and so it is for the other name')
    t.equal(await statusOf(other, stream), 421)
    for (const path of [stream, '/', '/.well-known/mercure/debug/'])
      t.equal(await statusOf(other, path, forged), 421, path)
    t.equal(await statusOf(other, '/.well-known/mercure', forged, 'POST'), 421)
  })

  t.test('a page on another localhost name gets no token of the playground', async (t) => {
    const { origin } = await HubProcess.start(t, { args: ['--playground'] })
    const { port } = new URL(origin)
    const named = `http://hub.localhost:${port}`
    const other = await pageAt('http://other.localhost:8099')
    const forged = { 'X-Forwarded-Host': `hub.localhost:${port}` }

    t.equal(await statusOf(await pageAt(named), tokenPath), 200, 'the page of the hub does')
    t.equal(await statusOf(other, named + tokenPath), 'unreadable')
    t.equal(await statusOf(other, named + tokenPath, forged), 'unreadable')
    t.equal(await statusOf(other, named + stream, forged), 'unreadable')
  })

  t.test('a name of the web that leads to the playground is told to go', async (t) => {
    const { origin } = await HubProcess.start(t, { args: ['--playground'] })
    const { port, host } = new URL(origin)
    const rebound = await startChromium(t, ['--host-resolver-rules=MAP evil.example 127.0.0.1'])
    const page = await rebound.newPage()
    await page.goto(`http://evil.example:${port}/health/live`)
    const forged = { 'X-Forwarded-Host': host }

    for (const path of [tokenPath, stream, '/.well-known/mercure/debug/'])
      t.strictSame(
        [await statusOf(page, path), await statusOf(page, path, forged)],
        [421, 421],
        path,
      )
  })
})

/** The status that a script of the page reads. */
function statusOf(
  page: Page,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<number | 'unreadable'> {
  return page.evaluate(
    async ([url, headers, method]) => {
      const leave = new AbortController()
      try {
        const { status } = await fetch(url, { method, headers, signal: leave.signal })
        leave.abort()
        return status
      } catch {
        return 'unreadable'
      }
    },
    [url, headers, method] as const,
  )
}
