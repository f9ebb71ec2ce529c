import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { Publishers, publishTo, replayed, startHub } from '../fixtures/cluster.ts'
import { freePort } from '../fixtures/free-port.ts'
import { type HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { LoyalCrowd } from '../fixtures/loyal-crowd.ts'
import { startCaddy, without } from '../fixtures/proxy.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { until } from '../fixtures/until.ts'

const skip = without('caddy') || withoutChromium()
const path = '/.well-known/mercure?match=news'
const [pages, crowdSize, publishers] = [20, 60, 8]
/** Between a publisher's updates: each goes to eighty streams, and a hub that starts needs the processor too. */
const pauseMs = 50
/** The hubs drain for so long; CINNABAR_LONG=1 has what is usual. */
const drain = { MERCURE_DRAIN_TIMEOUT: process.env['CINNABAR_LONG'] === '1' ? '30s' : '2s' }

t.test(
  'hubs on Redis are replaced one after the other: no update is lost, and no EventSource sees another status than 200',
  { skip, timeout: 600_000 },
  async (t) => {
    const redis = await RedisServer.start(t)
    const hubs = [await startHub(t, redis.url, drain), await startHub(t, redis.url, drain)]
    const site = await Site.open(t, hubs)

    for (const hub of hubs) {
      await site.publishing.more(25)
      t.equal(await hub.stop(), 0)
      await site.publishing.more(25)
      await hub.start()
    }
    await site.publishing.more(25)

    await site.holds(t, hubs)
  },
)

t.test(
  'a hub is replaced by another on the same file, which starts while the old one drains: the same',
  { skip, timeout: 600_000 },
  async (t) => {
    const url = `lmdb:${temporaryFolder(t)}`
    const old = await startHub(t, url, drain)
    const port = await freePort()
    const site = await Site.open(t, [old], [`127.0.0.1:${port}`])

    await site.publishing.more(50)
    const stopped = old.stop()
    const young = await startHub(t, url, { ...drain, MERCURE_PORT: String(port) })
    t.equal(await stopped, 0)
    await site.publishing.more(50)

    await site.holds(t, [young])
  },
)

/** A site behind Caddy, with people in front of it: a browser, others like it, and publishers. */
class Site {
  readonly publishing: Publishers
  readonly #statuses: ReadonlySet<number>
  readonly #crowd: LoyalCrowd
  readonly #page: Page

  private constructor(
    publishing: Publishers,
    statuses: ReadonlySet<number>,
    crowd: LoyalCrowd,
    page: Page,
  ) {
    this.publishing = publishing
    this.#statuses = statuses
    this.#crowd = crowd
    this.#page = page
  }

  static async open(t: Test, hubs: readonly HubProcess[], more: readonly string[] = []) {
    const [port, plainPort] = [await freePort(), await freePort()]
    const addresses = [...hubs.map(({ origin }) => new URL(origin).host), ...more]
    await startCaddy(t, port, addresses.join(' '), plainPort)
    const site = `https://localhost:${port}`
    const crowd = new LoyalCrowd(t)
    await crowd.connect(plainPort, crowdSize, path)
    await crowd.until(({ connected }) => connected === crowdSize)
    const { statuses, page } = await browse(t, site)
    const publishing = new Publishers(t, publishers, async (data) => {
      const url = `http://127.0.0.1:${plainPort}/.well-known/mercure`
      const answer = await publishTo({ url }, data).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      return answer?.status === 200
    })
    return new Site(publishing, statuses, crowd, page)
  }

  async holds(t: Test, hubs: readonly HubProcess[]): Promise<void> {
    const acknowledged = await this.publishing.end()
    const [hub] = hubs as [HubProcess]
    await publishTo(hub, 'end')
    const { heard, refused } = await this.#crowd.until((report) =>
      Object.keys(report.heard).every((data) => data.endsWith(',end')),
    )
    await until(async () => (await this.#heard()).every((data) => data.endsWith(',end')))
    const sequence = (await replayed(t, hub, 'end')).join()

    t.strictSame(sequence.split(',').sort(), [...acknowledged, 'end'].sort(), 'everything once')
    t.strictSame(heard, { [sequence]: crowdSize })
    t.strictSame(new Set(await this.#heard()), new Set([sequence]))
    t.equal(refused, 0)
    t.strictSame([...this.#statuses], [200])
  }

  #heard(): Promise<string[]> {
    return this.#page.evaluate<string[]>('heard.map((data) => data.join())')
  }
}

/** A page with many streams, what each of them heard, and the statuses that the browser saw. */
async function browse(t: Test, site: string) {
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
    window.sources = Array.from({ length: ${pages} }, (_, number) => {
      const source = new EventSource(${JSON.stringify(path)})
      heard.push([])
      source.onmessage = ({ data }) => heard[number].push(data)
      return source
    })
  }`)
  await until(() => page.evaluate<boolean>('sources.every(({ readyState }) => readyState === 1)'))
  return { statuses, page }
}
