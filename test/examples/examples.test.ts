import type { Server } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { freePort } from '../fixtures/free-port.ts'
import { startHub } from '../fixtures/hub.ts'
import { issuer, secret } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const skip = withoutChromium()
const folder = fileURLToPath(new URL('../../examples', import.meta.url))

interface Application {
  readonly serve: (options: {
    hub: string
    key: string
    issuer: string
    port: number
  }) => Promise<Server>
}

t.test('the examples, as they are', { skip }, async (t) => {
  const port = await freePort()
  const site = `http://127.0.0.1:${port}`
  const options = { subscriptions: true, protocol_version_compatibility: 8, cors_origins: site }
  const hub = await startHub(t, options)
  const { serve } = (await import(`${folder}/serve.mjs`)) as Application
  const server = await serve({ hub: hub.url, key: secret, issuer, port })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const browser: Browser = await startChromium(t)
  const open = async (path: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(site + path)
    return page
  }
  const text = (page: Page, selector: string) => page.locator(selector).innerText()

  t.test('each is shorter than 120 lines', async (t) => {
    const examples = readdirSync(folder, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    const lengths = examples.map(({ name }) =>
      readdirSync(`${folder}/${name}`)
        .map((file) => readFileSync(`${folder}/${name}/${file}`, 'utf8').split('\n').length)
        .reduce((sum, length) => (name === 'bindings' ? Math.max(sum, length) : sum + length), 0),
    )
    t.equal(examples.length, 5)
    t.strictSame(
      lengths.filter((length) => length >= 120),
      [],
    )
  })

  t.test('a chat shows who is there and what they say, also after a reload', async () => {
    const alice = await open('/chat/?name=alice')
    const bob = await open('/chat/?name=bob')
    for (const page of [alice, bob])
      await until(async () => (await text(page, '#people')) === 'alice, bob')

    await alice.fill('input', 'hello')
    await alice.press('input', 'Enter')
    await until(async () => (await text(bob, '#messages')) === 'alice: hello')
    await alice.goto('about:blank')
    await until(async () => (await text(bob, '#people')) === 'bob')
    await bob.fill('input', 'are you there?')
    await bob.press('input', 'Enter')
    await until(async () => (await text(bob, '#messages')).endsWith('bob: are you there?'))
    await alice.goBack()

    await until(async () => (await text(alice, '#messages')).endsWith('bob: are you there?'))
    await bob.context().close()
    await until(async () => (await text(alice, '#people')) === 'alice')
    await alice.context().close()
  })

  t.test('a dashboard follows a back end of protocol 0.x', async () => {
    const page = await open('/dashboard/')
    await until(async () => (await text(page, '#state')) === 'live')

    await (await fetch(`${site}/dashboard/feed`)).text()

    await until(async () => (await text(page, 'table')).replace(/\s+/g, ' ') === 'apples 6 pears 3')
    await page.context().close()
  })

  t.test('a progress bar reaches its end, and lets the stream go', async (t) => {
    const page = await open('/progress/')
    await page.click('button')

    await until(async () => (await text(page, 'output')) === 'done')

    t.equal(await page.evaluate('document.querySelector("progress").value'), 100)
    await hub.untilSubscribers(0)
    await page.context().close()
  })

  t.test(
    'an answer that comes word by word goes on after a reload, without a word twice',
    async (t) => {
      const page = await open('/answer/')
      await page.fill('input', 'why')
      await page.press('input', 'Enter')
      await until(async () => (await text(page, '#answer')).includes('why-5 '))

      await page.reload()
      await until(async () => (await text(page, '#answer')).includes('why-20 '))
      await page.reload()
      await until(async () => (await text(page, '#answer')).includes('why-40'))

      const words = Array.from({ length: 40 }, (_, n) => `why-${n + 1}`)
      t.equal((await text(page, '#answer')).trim(), words.join(' '))
      await page.context().close()
    },
  )
})
