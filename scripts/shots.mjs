// Takes the pictures of the playground in docs/images/playground/: each state at three widths, light and dark.
// `npm run docs:shots`, or `npm run docs:shots -- live gap` for some. Needs Chromium (Debian: apt-get install chromium).
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { build, install } from './build.mjs'
import { withPalette } from './palette.mjs'

const folder = fileURLToPath(new URL('../docs/images/playground/', import.meta.url))
const command = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url))
const key = '!ChangeThisMercureHubJWTSecretKey!'

/** Widths in CSS pixels; the widest is drawn smaller, for its bytes. */
const sizes = [
  { width: 390, height: 844, scale: 1 },
  { width: 1280, height: 800, scale: 0.75 },
  { width: 2560, height: 1440, scale: 0.5 },
]

/** A phone's pictures end here, in CSS pixels. */
const tallest = 1_400

/** How each state comes about, on a page that has just been loaded. */
const states = {
  empty: async () => {},
  live,
  async burst({ page, hub }) {
    await subscribe(page, 'https://example.com/prices/:id', 'prices')
    await publish(hub, updates('https://example.com/prices/7', 200))
    await page.getByText(/^200 received/).waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await publish(hub, updates('https://example.com/prices/7', 3_000))
    await page.getByText('3,000 arrived while paused').waitFor()
  },
  async dropped({ page, hub }) {
    await subscribe(page, 'https://example.com/stock/:id', 'stock')
    await publish(hub, updates('https://example.com/stock/7', 3_000))
    await page.getByText('3,000 received').waitFor()
    await page.getByText(/older events dropped/).waitFor()
  },
  async connecting({ page }) {
    await page.route('**/mercure?*', () => {})
    await ask(page, 'https://example.com/books/:id', 'books')
    await page.getByText(/Waiting for the hub’s answer/).waitFor()
  },
  async reconnecting({ page, another }) {
    const hub = await another()
    await page.goto(hub.url)
    await live({ page, hub })
    await hub.kill()
    await page
      .getByText(/Reconnecting in \d/)
      .first()
      .waitFor()
  },
  async away({ page, another }) {
    const hub = await another()
    await page.goto(hub.url)
    await live({ page, hub })
    await hub.kill()
    await page
      .getByText(/No answer from/)
      .first()
      .waitFor()
  },
  async 'refused-401'({ page }) {
    await useToken(page, tokenFor('https://elsewhere.example/', { subscribe: ['*'] }))
    await ask(page, 'https://example.com/books/:id', 'books')
    await page.getByText('Refused 401').first().waitFor()
  },
  async 'refused-403'({ page, hub }) {
    await useToken(page, tokenFor(hub.hubUrl, { publish: ['https://example.com/films/7'] }))
    await page.getByRole('button', { name: 'Publish', exact: true }).click()
    await page.getByText(/403 in/).waitFor()
    await page
      .getByText(/it grants/)
      .first()
      .waitFor()
  },
  async 'refused-421'({ page, another }) {
    const hub = await another()
    await page.goto(hub.url)
    await live({ page, hub })
    await hub.kill()
    await another({
      MERCURE_PORT: new URL(hub.url).port,
      MERCURE_PUBLIC_URLS: 'http://hub.localhost',
    })
    await page.getByText('Refused 421').first().waitFor()
  },
  async expired({ page, hub }) {
    const exp = Math.floor(Date.now() / 1000) + 4
    await useToken(page, tokenFor(hub.hubUrl, { publish: ['*'], subscribe: ['*'] }, exp))
    await live({ page, hub })
    await page.locator('.pill', { hasText: 'Token expired' }).first().waitFor()
  },
  async gap({ page, hub }) {
    await publish(hub, [{ topic: 'https://example.com/books/3', data: 'Back in print' }])
    await page.getByLabel('Resume after').fill('urn:uuid:01a1f3c2-5a0e-7c11-9d54-3f1b6f0a7e42')
    await subscribe(page, 'https://example.com/books/:id', 'books')
    await page.locator('.gap').waitFor()
  },
  async ended({ page, hub }) {
    await useToken(page, tokenFor(hub.hubUrl, { publish: ['*'], subscribe: ['*'] }))
    await live({ page, hub })
    const body = JSON.stringify({ sub: 'urn:example:pictures' })
    const headers = { 'content-type': 'application/json' }
    await fetch(`${hub.adminUrl}/kick`, { method: 'POST', headers, body })
    await page.getByText('Ended 204').first().waitFor()
  },
  async token({ page }) {
    await page.getByRole('tab', { name: 'Token', exact: true }).locator('visible=true').click()
    await page.getByRole('button', { name: 'Build a token' }).click()
  },
  async listeners({ page, hub }) {
    await live({ page, hub })
    await page.getByRole('tab', { name: 'Who listens' }).locator('visible=true').click()
    await page.locator('.p-who tbody tr').first().waitFor()
  },
}

install()
build()
mkdirSync(folder, { recursive: true })
const hubs = []
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu'],
})
try {
  const wanted = process.argv.slice(2)
  for (const [name, reach] of Object.entries(states))
    if (wanted.length === 0 || wanted.includes(name)) await takePictures(name, reach)
} finally {
  await browser.close()
  await Promise.all(hubs.map((hub) => hub.kill()))
}

/** A hub of its own for each state: what stands in the list is what the state is about. */
async function takePictures(name, reach) {
  const hub = await startHub()
  const page = await browser.newPage({ locale: 'en-GB', viewport: { width: 1280, height: 800 } })
  await page.goto(hub.url)
  await page.locator('.facts', { hasText: /token (1 d|23 h)/ }).waitFor()
  await reach({ page, hub, another: startHub })
  await page.evaluate('document.activeElement?.blur()')
  const session = await page.context().newCDPSession(page)
  for (const size of sizes) {
    const resize = (height) =>
      session.send('Emulation.setDeviceMetricsOverride', {
        width: size.width,
        height,
        deviceScaleFactor: name === 'live' && size.width < 1_800 ? 1 : size.scale, // this one is in the README
        mobile: false,
      })
    await resize(size.height)
    const tab = { token: 'Token', listeners: 'Listeners' }[name]
    if (size.width < 900 && tab !== undefined)
      await page.getByRole('tab', { name: tab, exact: true }).locator('visible=true').click()
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme })
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 350))') // lists and layout follow
      const { scrollWidth, scrollHeight } = await page.evaluate(
        '(({ scrollWidth, scrollHeight }) => ({ scrollWidth, scrollHeight }))(document.documentElement)',
      )
      if (scrollWidth > size.width)
        throw new Error(`${name} is ${scrollWidth} px wide at ${size.width}`)
      await resize(Math.min(tallest, Math.max(size.height, scrollHeight))) // a phone shows what is below too
      const { data } = await session.send('Page.captureScreenshot', { format: 'png' })
      const file = `${folder}${name}-${size.width}-${theme}.png`
      writeFileSync(file, withPalette(Buffer.from(data, 'base64')))
    }
  }
  await page.close()
  await hub.kill()
}

/** Three streams, and updates of some kinds. */
async function live({ page, hub }) {
  await subscribe(page, 'https://example.com/books/:id', 'books')
  await page.getByRole('button', { name: 'Stream', exact: true }).click()
  await subscribe(page, 'https://example.com/orders/*', 'orders')
  const book = 'https://example.com/books/7'
  const order = (number, type, data) => ({
    topic: `https://example.com/orders/${number}`,
    type,
    data,
    private: true,
  })
  await publish(hub, [
    { topic: 'https://example.com/books/3', data: 'Back in print' },
    order(5511, 'created', { order: 5511, items: 3 }),
    {
      topic: 'https://example.com/books/12',
      type: 'stock',
      data: { sku: 'B-0012', stock: 0, warehouse: 'south' },
    },
    order(5511, 'paid', { order: 5511, total: 12, items: 3 }),
    {
      topic: 'https://example.com/books/19',
      type: 'price',
      data: { title: 'Solaris', price: 9.5, currency: 'EUR' },
    },
    order(5512, 'created', { order: 5512, items: 3 }),
    { topic: book, type: 'stock', data: { sku: 'B-0007', stock: 3, warehouse: 'north' } },
  ])
  await page.locator('.events .ev').nth(6).waitFor()
  await page.getByLabel('Topic', { exact: true }).fill(book)
  await page.getByTitle('Add an alternate').click()
  await page.getByLabel('Alternate 1').fill('https://example.com/authors/2/books')
  const data = { title: 'The Left Hand of Darkness', price: 17.5, currency: 'EUR' }
  await page.getByLabel('Data', { exact: true }).fill(JSON.stringify(data, null, 2))
  await page.getByLabel('Type', { exact: true }).fill('price')
  await page.getByLabel('Private').check()
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.locator('.events .ev').nth(7).waitFor()
  await page.locator('.p-event dd', { hasText: 'authors/2' }).first().waitFor()
}

async function ask(page, pattern, name) {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Match', { exact: true }).fill(pattern)
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click()
}

async function subscribe(page, pattern, name) {
  await ask(page, pattern, name)
  await page
    .locator('.streambox', { hasText: name })
    .locator('.pill', { hasText: 'Live' })
    .waitFor()
}

async function useToken(page, token) {
  await page.getByRole('tab', { name: 'Token', exact: true }).locator('visible=true').click()
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page
    .getByText(/The hub (accepts|refuses) this token/)
    .first()
    .waitFor()
  await page.getByRole('tab', { name: 'Event', exact: true }).click()
}

function updates(topic, count) {
  return Array.from({ length: count }, (_, number) => ({
    topic,
    type: 'price',
    data: { number, price: 17.5 },
  }))
}

async function publish({ hubUrl }, list) {
  const lines = list.map(({ data, ...update }) => {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    return `${JSON.stringify({ ...update, data: text })}\n`
  })
  const authorization = `Bearer ${tokenFor(hubUrl, { publish: ['*'] })}`
  const headers = { 'content-type': 'application/x-ndjson', authorization }
  const response = await fetch(hubUrl, { method: 'POST', headers, body: lines.join('') })
  if (!response.ok) throw new Error(await response.text())
}

function tokenFor(aud, grants, exp = Math.floor(Date.now() / 1000) + 86_400) {
  const details = Object.entries(grants).map(([action, topics]) => ({
    type: 'https://mercure.rocks/authorization-detail',
    actions: [action],
    topics: topics.map((match) => ({ match })),
  }))
  const claims = {
    iss: 'https://localhost',
    sub: 'urn:example:pictures',
    aud,
    exp,
    authorization_details: details,
  }
  const parts = [{ alg: 'HS256', typ: 'at+jwt' }, claims]
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

/** The log is read to the end, for a hub whose reader has gone ends too. */
async function startHub(env = {}) {
  const child = spawn(process.execPath, [command, 'serve', '--playground'], {
    env: {
      ...process.env,
      MERCURE_PORT: '0',
      MERCURE_ADMIN_PORT: '0',
      MERCURE_TRANSPORT_URL: 'memory:',
      MERCURE_DRAIN_TIMEOUT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { url, adminUrl } = await new Promise((resolve, reject) => {
    child.once('close', (code) => reject(new Error(`the hub ended with ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line)
      if (said.msg === 'hub ready') resolve(said)
    })
  })
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
      await once(child, 'close')
  }
  const hub = { url, adminUrl, hubUrl: `${url}/.well-known/mercure`, kill }
  hubs.push(hub)
  return hub
}
