import type { Browser, Page } from 'playwright-core'
import type { HubProcess } from '../fixtures/hub-process.ts'
import { until } from '../fixtures/until.ts'

/** An entry of the list, as somebody reads it. */
export interface Shown {
  readonly type: string
  readonly id: string
  readonly text: string
}

/** What went wrong in a page without anybody seeing it. */
export interface Complaints {
  readonly errors: string[]
  /** URLs that it asked for. */
  readonly requests: string[]
}

/** The debugger page in a browser, by the words a person finds on it. */
export class OpenPage {
  readonly page: Page
  readonly complaints: Complaints

  constructor(page: Page) {
    this.page = page
    this.complaints = complaintsOf(page)
  }

  /** Loads the page of a playground, and waits for its token. */
  static async of(
    browser: Browser,
    { origin }: HubProcess,
    options: Parameters<Browser['newPage']>[0] = {},
  ): Promise<OpenPage> {
    const open = new OpenPage(await browser.newPage(options))
    await open.page.goto(`${origin}/`)
    await open.page.locator('#grants', { hasText: 'May publish and subscribe *' }).waitFor()
    return open
  }

  async fill(fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, text] of Object.entries(fields))
      await this.page.getByLabel(label, { exact: true }).fill(text)
  }

  async press(button: string): Promise<void> {
    await this.page.getByRole('button', { name: button }).click()
  }

  /** Presses Subscribe and waits for the stream. */
  async subscribe(): Promise<void> {
    await this.press('Subscribe')
    await this.reaches('connected')
  }

  async reaches(state: string): Promise<void> {
    await this.page.locator('#state', { hasText: new RegExp(`^${state}$`) }).waitFor()
  }

  /** Waits for so many entries, and resolves with them all, newest first. */
  async shown(count: number): Promise<readonly Shown[]> {
    await this.page.locator(`#updates li:nth-child(${count})`).waitFor()
    return (await this.page
      .evaluate(`[...document.querySelectorAll('#updates li')].map((entry) => ({
      type: entry.querySelector('.type').textContent,
      id: entry.querySelector('.id').textContent,
      text: entry.querySelector('pre, p').textContent,
    }))`)) as readonly Shown[]
  }

  /** What the page says of the last update that it published. */
  async outcome(): Promise<string> {
    const outcome = this.page.locator('#outcome')
    await until(async () =>
      /accepted|refused/.test((await outcome.getAttribute('data-kind')) ?? ''),
    )
    return (await outcome.textContent()) ?? ''
  }
}

function complaintsOf(page: Page): Complaints {
  const complaints: Complaints = { errors: [], requests: [] }
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.errors.push(message.text())
  })
  page.on('pageerror', (error) => complaints.errors.push(error.message))
  page.on('request', (request) => complaints.requests.push(request.url()))
  return complaints
}
