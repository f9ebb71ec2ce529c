import t from 'tap'
import type { Browser, Page } from 'playwright-core'
import { barriers } from '../fixtures/axe.ts'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { resource } from '../fixtures/cluster.ts'
import { ask } from '../fixtures/http.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { OpenPage } from '../fixtures/open-page.ts'
import { connect } from '../fixtures/presence.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'

const env = {
  MERCURE_SUBSCRIPTIONS: '1',
  MERCURE_TRUSTED_ISSUERS: issuer,
  MERCURE_PUBLISHER_JWT_KEY: secret,
  MERCURE_SUBSCRIBER_JWT_KEY: secret,
  MERCURE_RESOURCE_IDENTIFIER: resource,
  MERCURE_DRAIN_TIMEOUT: '4s',
}
const skip = withoutChromium()

async function publish(hub: HubProcess, topic: string, data: string): Promise<void> {
  const token = signToken(resource, { publish: ['*'] })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/x-www-form-urlencoded',
  }
  const body = new URLSearchParams({ topic, data, private: 'on' }).toString()
  const { status, text } = await ask(hub.url, { method: 'POST', headers, body })
  if (status !== 200) throw new Error(text)
}

async function open(browser: Browser, hub: HubProcess): Promise<OpenPage> {
  const console = new OpenPage(await browser.newPage({ locale: 'en-GB' }))
  await console.page.goto(`${hub.adminUrl}/`)
  return console
}

function says(page: Page, words: string | RegExp): Promise<void> {
  return page.locator('[role="status"]', { hasText: words }).first().waitFor()
}

t.test('an operator', { skip }, async (t) => {
  const hub = await HubProcess.start(t, { env })
  const browser = await startChromium(t)
  const alice = await connect(t, hub.origin, 'match=books/1', { sub: 'alice' })
  await connect(t, hub.origin, 'match=books/2', { sub: 'bob' })
  for (const number of [1, 2, 3]) await publish(hub, 'books/1', JSON.stringify({ number }))
  const opened = await open(browser, hub)
  const { page, complaints } = opened

  await t.test('sees that the hub is ready, its figures in words, and every plot', async (t) => {
    await says(page, /^Ready$/)
    await page.locator('.fig', { hasText: /Connected streams\s*2\b/ }).waitFor()
    const names = await page
      .getByRole('img')
      .evaluateAll((plots) =>
        plots.map((plot) => (plot as unknown as Labelled).getAttribute('aria-label') ?? ''),
      )
    for (const words of ['Streams: open 2', 'Acknowledge: p50', 'Event loop: p50', 'CPU: all'])
      t.ok(
        names.some((name) => name.startsWith(words)),
        words,
      )
    t.equal(await page.locator('figure canvas').count(), names.length)
  })

  await t.test('reads the history, and a payload only on request', async (t) => {
    const history = page.getByRole('table', { name: 'History' })
    const row = history.getByRole('row', { name: 'books/1' }).first()
    t.match(await row.textContent(), /private/)
    t.notMatch(await history.textContent(), /number/)
    await row.getByRole('button', { name: /^Show update/ }).click()
    await history.getByText('"number"').first().waitFor()
  })

  await t.test('publishes an update again, which needs a yes', async () => {
    await page
      .getByRole('button', { name: /^Republish update/ })
      .first()
      .click()
    await page.getByRole('button', { name: 'Publish again' }).click()
    await says(page, /Published again as urn:uuid:/)
  })

  await t.test('kicks a stream, after a question that names it', async (t) => {
    const streams = page.getByRole('table', { name: 'Streams' })
    await streams.getByRole('button', { name: 'Kick alice' }).click()
    const question = streams.getByRole('row', { name: /Close this stream/ })
    t.match(await question.textContent(), /alice/)
    await question.getByRole('button', { name: 'Kick stream' }).click()
    await alice.closed
    await says(page, '1 closed: alice')
    await streams.getByRole('row', { name: /alice.*kicked/ }).waitFor()
  })

  await t.test('meets no barrier, and never scrolls sideways', async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.reload()
      await says(page, /^Ready$/)
      await page.getByRole('table', { name: 'History' }).waitFor()
      t.strictSame(await barriers(page), [], colorScheme)
    }
    for (const width of [390, 1280, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      t.equal(await opened.width(), width)
    }
  })

  await t.test('is told that it drains, and that it does not answer any more', async (t) => {
    hub.signal('SIGTERM')
    await says(page, /Draining: the hub is shutting down/)
    t.strictSame(complaints.errors, [])
    await says(page, /No answer from the hub/)
    const others = complaints.requests.filter((url) => !url.startsWith(`${hub.adminUrl}/`))
    t.strictSame(others, [])
  })
})

interface Labelled {
  getAttribute(name: string): string | null
}
