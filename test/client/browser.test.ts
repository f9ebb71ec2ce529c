import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { startSite } from '../fixtures/client-page.ts'
import { startHub, type TestHub } from '../fixtures/hub.ts'
import { seeded, until } from '../fixtures/until.ts'

const skip = withoutChromium()

/** Opens a tab that subscribes with these options, and notes what it hears. */
async function openTab(context: BrowserContext, origin: string, options: object): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${origin}/`)
  await begin(page, options)
  return page
}

async function begin(page: Page, options: object): Promise<void> {
  await page.evaluate(`(async () => {
    const { subscribe } = await import('/client/index.js')
    window.heard = []
    window.gaps = []
    window.subscription = subscribe({
      ...${JSON.stringify(options)},
      onEvent: ({ data }) => heard.push(data),
      onGap: (gap) => gaps.push(gap),
    })
  })()`)
}

const heard = (page: Page) => page.evaluate<string[]>('heard')
const state = (page: Page) => page.evaluate<string>('subscription.state.name')
const live = (page: Page) => until(async () => (await state(page)) === 'live')

async function publishNumbers(hub: TestHub, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) await hub.publish({ topic: 'a', data: String(n) })
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => String(from + n))

t.test('in Chromium, loaded by a script of type module', { skip }, async (t) => {
  const browser = await startChromium(t)
  const site = await startSite(t)
  const hub = await startHub(t, { cors_origins: site.origin })
  const options = { hub: hub.url, match: 'a' }

  t.test('a reload goes on where the page was, with what came meanwhile', async (t) => {
    const context = await browser.newContext()
    const page = await openTab(context, site.origin, { ...options, persist: true })
    await live(page)
    await publishNumbers(hub, 0, 3)
    await until(async () => (await heard(page)).length === 3)

    await page.goto('about:blank')
    await hub.untilSubscribers(0)
    await publishNumbers(hub, 3, 6)
    await page.goto(`${site.origin}/`)
    await begin(page, { ...options, persist: true })
    await until(async () => (await heard(page)).length === 3)

    t.strictSame(await heard(page), numbers(3, 6))
    await context.close()
  })

  t.test('a page that comes out of the back-forward cache has missed nothing', async (t) => {
    const context = await browser.newContext()
    const page = await openTab(context, site.origin, options)
    await live(page)
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))`)
    await hub.untilSubscribers(0)
    t.strictSame(await page.evaluate('subscription.state'), {
      name: 'waiting',
      reason: 'the page is away',
    })

    await publishNumbers(hub, 0, 2)
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
    await until(async () => (await heard(page)).length === 2)

    t.strictSame(await heard(page), numbers(0, 2))
    await context.close()
  })

  t.test(
    'a tab that starts earlier than the leader knows catches up alone, then joins',
    async (t) => {
      const context = await browser.newContext()
      const own = { hub: hub.url, match: 'past', shared: true }
      const publish = (data: string) => hub.publish({ topic: 'past', data })
      for (const data of ['1', '2', '3']) await publish(data)
      const leader = await openTab(context, site.origin, own)
      await live(leader)

      const late = await openTab(context, site.origin, { ...own, lastEventId: 'earliest' })
      await until(async () => (await heard(late)).length === 3)
      for (const data of ['4', '5']) await publish(data)
      for (const [tab, count] of [
        [leader, 2],
        [late, 5],
      ] as const)
        await until(async () => (await heard(tab)).length === count)
      await hub.untilSubscribers(1)
      await publish('6')
      await until(async () => (await heard(late)).length === 6)

      t.strictSame(await heard(late), ['1', '2', '3', '4', '5', '6'])
      t.strictSame(await heard(leader), ['4', '5', '6'])
      await context.close()
      await hub.untilSubscribers(0)
    },
  )

  t.test('tabs share one connection, and lose nothing when tabs close at random', async (t) => {
    const context = await browser.newContext()
    const shared = { ...options, shared: true }
    const rounds = process.env['CINNABAR_LONG'] === undefined ? 6 : 40
    const random = seeded(7)
    const tabs: Page[] = []
    const since = new Map<Page, number>()
    const open = async (sent: number) => {
      const page = await openTab(context, site.origin, shared)
      await live(page)
      since.set(page, sent)
      tabs.push(page)
    }
    for (let i = 0; i < 4; i++) await open(0)
    await hub.untilSubscribers(1)

    let sent = 0
    for (let round = 0; round < rounds; round++) {
      const publishing = publishNumbers(hub, sent, sent + 30)
      const [closed] = tabs.splice(Math.floor(random() * tabs.length), 1)
      await closed?.close()
      await publishing
      sent += 30
      const isThere = async () =>
        (await Promise.all(tabs.map(heard))).every((data) => data.at(-1) === String(sent - 1))
      await until(isThere)
      for (const tab of tabs)
        t.strictSame(await heard(tab), numbers(since.get(tab) ?? 0, sent), `round ${round}`)
      await open(sent)
    }

    t.equal(hub.hub.subscriberCount, 1)
    await context.close()
    await hub.untilSubscribers(0)
  })
})
