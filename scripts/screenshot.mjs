// Takes the README's picture of the page, docs/images/playground.png: `node scripts/screenshot.mjs`.
// Needs Chromium (Debian: apt-get install chromium).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, install } from './build.mjs'
import { withPalette } from './palette.mjs'

const picture = fileURLToPath(new URL('../docs/images/playground.png', import.meta.url))
const command = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))

install()
build()
const hub = spawn(process.execPath, [command, 'serve', '--playground'], {
  env: {
    ...process.env,
    MERCURE_PORT: '0',
    MERCURE_ADMIN_PORT: '0',
    MERCURE_TRANSPORT_URL: 'memory:',
    MERCURE_DRAIN_TIMEOUT: '0',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
try {
  await takePicture(await ready())
} finally {
  await browser.close()
  if (hub.kill()) await once(hub, 'close')
}

/** Resolves with the URL; the log is read to the end, for a hub whose reader has gone ends too. */
function ready() {
  return new Promise((resolve, reject) => {
    hub.once('close', (code) => reject(new Error(`the hub ended with ${code}`)))
    createInterface({ input: hub.stdout }).on('line', (line) => {
      const { msg, url } = JSON.parse(line)
      if (msg === 'hub ready') resolve(url)
    })
  })
}

async function takePicture(url) {
  const page = await browser.newPage({
    colorScheme: 'light',
    locale: 'en-GB',
    viewport: { width: 1180, height: 1100 },
  })
  await page.goto(url)
  await page.locator('#grants', { hasText: 'May' }).waitFor()
  await page.getByLabel('URL pattern').check()
  await page.getByText('More').click()
  await page.getByLabel('Resume after').fill('urn:uuid:01a1f3c2-5a0e-7c11-9d54-3f1b6f0a7e42')
  await page.getByText('More').click()
  await page.getByRole('button', { name: 'Subscribe' }).click()
  await page.locator('#state', { hasText: /^connected$/ }).waitFor()

  await publish(page, 'https://example.com/books/1', 'Hello from the ore of mercury', '')
  await publish(page, 'https://example.com/books/42', '{"price": 17.5, "currency": "EUR"}', 'price')
  const stock = { title: 'The Left Hand of Darkness', stock: 3 }
  await publish(page, 'https://example.com/books/7', JSON.stringify(stock, null, 2), 'stock')
  await page.evaluate('scrollTo(0, 0)')
  writeFileSync(picture, withPalette(await page.screenshot({ fullPage: true })))
}

async function publish(page, topic, data, type) {
  const before = await page.locator('#updates .update').count()
  await page.getByLabel('Topic').fill(topic)
  await page.getByLabel('Data').fill(data)
  await page.getByLabel('Type', { exact: true }).fill(type)
  await page.getByRole('button', { name: 'Publish' }).click()
  await page.locator('#updates .update').nth(before).waitFor()
}
