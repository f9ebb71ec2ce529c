import { readFileSync } from 'node:fs'
import t from 'tap'
import { barriers } from '../fixtures/axe.ts'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { elsewhere, OpenPage } from '../fixtures/open-page.ts'
import { playgroundToken, publishTo } from '../fixtures/playground.ts'

const skip = withoutChromium()

/** Tests run beside each other on one hub: each has a topic of its own. */
let topics = 0
const newTopic = () => `https://example.com/books/${++topics}`

/** Most of the time a page waits for something, so several tests run at once. */
const jobs = 3

t.test('the playground in Chromium', { skip, jobs }, async (t) => {
  const hub = await HubProcess.start(t, {
    args: ['--playground'],
    env: { MERCURE_PROTOCOL_VERSION_COMPATIBILITY: '8' },
  })
  const browser = await startChromium(t)

  t.test('each field and button is found by its name, and by no other’s', async (t) => {
    const { page } = await OpenPage.of(browser, hub)

    for (const label of ['Topic', 'Data', 'Token', 'Match'])
      t.equal(await page.getByLabel(label).count(), 1, label)
    for (const name of ['Publish', 'Subscribe'])
      t.equal(await page.getByRole('button', { name }).count(), 1, name)
    t.equal(await page.getByText(/insecure/i).isVisible(), true)
    await page.getByText(/\d+ connected/).waitFor()
    await page.close()
  })

  t.test('Try it shows an event beside the button that sent it', async (t) => {
    const open = await OpenPage.of(browser, hub)

    await open.page.locator('.p-events').getByRole('button', { name: 'Try it' }).click()

    t.match(await open.shown(1), [{ type: 'message', text: '{\n  "hello": "world"\n}' }])
    await open.reaches('Live', 'hello')
    await open.page.close()
  })

  t.test('publishing says status and id, and the update comes back, newest first', async (t) => {
    const topic = newTopic()
    const open = await OpenPage.of(browser, hub)
    await open.subscribe(topic)
    await open.fill({ Topic: topic, Data: 'first' })
    await open.press('Publish')
    const [first] = await open.shown(1)

    await open.fill({ Data: 'second', Type: 'stock', Id: 'urn:example:2' })
    await open.page.getByLabel('Private').check()
    await open.page.getByLabel('Data').press('Control+Enter')

    t.strictSame(await open.shown(2), [
      { type: 'stock', id: 'urn:example:2', text: 'second' },
      { type: 'message', id: first?.id, text: 'first' },
    ])
    t.match(first?.id, /^urn:uuid:/)
    await open.page.locator('.p-publish .answer', { hasText: 'urn:example:2' }).waitFor()
    t.match(await open.outcome(), /^200 in \d+ msurn:example:2$/)
    await open.page.close()
  })

  t.test(
    'alternates are sent, repeated as often as said, and taken back from the last ones',
    async (t) => {
      const topic = newTopic()
      const open = await OpenPage.of(browser, hub)
      const alternate = 'https://example.com/authors/2'
      await open.subscribe(alternate)
      await open.fill({ Topic: topic, Data: 'many' })
      await open.page.getByTitle('Add an alternate').click()
      await open.fill({ 'Alternate 1': alternate, 'Repeat ×': '7' })

      await open.press('Publish')

      await open.shown(7)
      t.match(await open.outcome(), /^7 of 7, 200 in /)
      await open.fill({ Topic: 'urn:another' })
      await open.press('Last 20')
      await open.page.getByRole('button', { name: /^Reuse/ }).click()
      t.equal(await open.page.getByLabel('Topic').inputValue(), topic)
      await open.page.close()
    },
  )

  t.test('the request to copy holds what the fields say, and never the token', async (t) => {
    const { page } = await OpenPage.of(browser, hub)
    const command = page.locator('.p-publish .cmd code')
    const spelled = async (spelling: string) => {
      await page.getByLabel('Write the request as').selectOption(spelling)
      return command.textContent()
    }
    await page.getByLabel('Topic').fill("it's")
    await page.getByLabel('Data').fill('$HOME')

    t.strictSame(
      [
        await spelled('curl'),
        await spelled('fetch'),
        await spelled('cinnabar publish'),
        await spelled('PHP (Symfony)'),
      ],
      [
        `curl ${hub.url} -H "Authorization: Bearer $TOKEN" --data-urlencode 'topic=it'\\''s' --data-urlencode 'data=$HOME'`,
        `await fetch("${hub.url}", { method: 'POST', headers: { authorization: \`Bearer \${TOKEN}\` }, body: new URLSearchParams([["topic","it's"],["data","$HOME"]]) })`,
        `cinnabar publish 'it'\\''s' --data '$HOME' --hub ${hub.url} --token "$TOKEN"`,
        "$hub->publish(new Symfony\\Component\\Mercure\\Update('it\\'s', '$HOME'));",
      ],
    )
    await page.close()
  })

  t.test('a matcher is tried against a topic by the hub while it is typed', async () => {
    const topic = newTopic()
    const { page } = await OpenPage.of(browser, hub)
    const says = (text: string | RegExp) =>
      page.locator('.p-subscribe .note', { hasText: text }).waitFor()
    const path = new URL(topic).pathname
    await page.getByLabel('Try with').fill(topic)

    await page.getByLabel('Match', { exact: true }).fill('https://example.com/films/:id')
    await says(`${path} does not match`)
    await page.getByLabel('Match', { exact: true }).fill('https://example.com/:kind/:id')
    await says(`${path} matches`)
    await page.getByLabel('Match', { exact: true }).fill('https://[')
    await says(/pattern/i)
    await page.getByLabel('Kind').selectOption('0.x selector')
    await page.getByLabel('Match', { exact: true }).fill('https://example.com/books/{id}')
    await says(`${path} matches`)
    await page.close()
  })

  t.test('streams of each kind stand side by side, and stop', async (t) => {
    const open = await OpenPage.of(browser, hub, { viewport: { width: 2000, height: 900 } })
    await open.subscribe('https://example.com/:kind/7', 'URL Pattern', 'patterns')
    await open.press('Stream')
    await open.subscribe('', 'All', 'all')
    await open.press('Stream')
    await open.subscribe('urn:{name}', '0.x selector', 'old')

    const id = await publishTo(hub, { topic: 'https://example.com/films/7', data: 'pattern' })
    const lane = (name: string) => open.page.getByRole('region', { name: `Stream ${name}` })
    await lane('patterns').locator('.ev', { hasText: id }).waitFor()
    await lane('all').locator('.ev', { hasText: id }).waitFor()
    await lane('patterns').getByRole('button', { name: 'Stop patterns' }).click()
    await open.reaches('Stopped', 'patterns')
    const late = await publishTo(hub, { topic: 'https://example.com/films/7', data: 'late' })
    await lane('all').locator('.ev', { hasText: late }).waitFor()

    t.equal(await lane('patterns').locator('.ev').count(), 1)
    t.equal(await lane('old').locator('.ev').count(), 0)
    await open.page.close()
  })

  t.test(
    'topics, time and private mark are the hub’s, under the viewer’s own grants',
    async (t) => {
      const topic = newTopic()
      const open = await OpenPage.of(browser, hub)
      await open.subscribe(topic)
      const alternate = 'https://example.com/authors/2'

      await open.fill({ Topic: topic, Data: '{"a":1}' })
      await open.page.getByTitle('Add an alternate').click()
      await open.fill({ 'Alternate 1': alternate })
      await open.page.getByLabel('Private').check()
      await open.press('Publish')

      const event = open.page.getByRole('region', { name: 'Event', exact: true })
      await event.getByText('private', { exact: false }).waitFor()
      for (const text of [topic, alternate])
        await event.getByText(text, { exact: true }).first().waitFor()
      t.match(await event.textContent(), /Sent\d\d:\d\d:\d\d\.\d{3}Received.*, after \d+ ms/)
      await open.page.locator('.ev .badge', { hasText: 'private' }).first().waitFor()
      await open.page.close()
    },
  )

  t.test('nothing arrives that the token does not grant', async (t) => {
    const topic = newTopic()
    const granted = playgroundToken(hub.url, { subscribe: ['https://example.com/books/2'] })
    for (const token of ['', granted]) {
      const open = await OpenPage.of(browser, hub)
      await open.useToken(token)
      await open.subscribe(topic)

      await publishTo(hub, { topic, data: 'for somebody else', private: 'on' })
      await publishTo(hub, { topic: 'https://example.com/other', data: 'not asked for' })
      const id = await publishTo(hub, { topic, data: 'for all' })

      t.strictSame(await open.shown(1), [{ type: 'message', id, text: 'for all' }])
      await open.page.close()
    }
  })

  t.test('the list is filtered, paused while it counts, cleared and exported', async (t) => {
    const topic = newTopic()
    const open = await OpenPage.of(browser, hub)
    const { page } = open
    await open.subscribe(topic)
    const one = await publishTo(hub, { topic, data: 'needle', type: 'price' })
    await publishTo(hub, { topic, data: 'hay', type: 'stock' })
    await open.shown(2)

    await page.locator('body').press('/')
    await page.keyboard.type('NEEDLE')
    await page.getByText('1 of 2').waitFor()
    t.match(await open.shown(1), [{ id: one }])
    const [download] = await Promise.all([page.waitForEvent('download'), open.press('Export')])
    const lines = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\n')
    t.match(JSON.parse(lines[0] ?? ''), { id: one, type: 'price', data: 'needle', stream: 'books' })
    t.equal(lines.length, 1)

    await page.getByLabel('Filter', { exact: true }).fill('')
    await page.locator('.p-events h2').click()
    await page.keyboard.press('Space')
    await publishTo(hub, { topic, data: 'while paused' })
    await page.getByText('1 arrived while paused').waitFor()
    t.equal((await open.shown(2)).length, 2)
    await page.keyboard.press('Space')
    t.equal((await open.shown(3)).length, 3)
    await open.press('Clear')
    await page.locator('.ev').first().waitFor({ state: 'detached' })
    await page.close()
  })

  t.test('filters, matchers and layout outlive a reload; a token and data do not', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const token = playgroundToken(hub.url, { subscribe: ['urn:kept'] })
    await open.fill({ Topic: 'urn:kept', Data: 'forgotten' })
    await open.useToken(token)
    await open.page.getByText('The hub accepts this token.', { exact: false }).waitFor()
    await open.openTab('Who listens')
    await open.subscribe('urn:kept:1')
    await open.page.getByLabel('Filter', { exact: true }).fill('abc')
    t.notMatch(await open.stored(), token.slice(0, 20))

    await open.page.reload()
    await open.introduced()

    const { page } = open
    const values = ['Topic', 'Match', 'Data'].map((label) =>
      page.getByLabel(label, { exact: true }).inputValue(),
    )
    t.strictSame(await Promise.all(values), ['urn:kept', 'urn:kept:1', '{\n  "hello": "world"\n}'])
    t.equal(
      await page.getByRole('tab', { name: 'Who listens' }).getAttribute('aria-selected'),
      'true',
    )
    t.match(await open.stored(), /abc/)
    await page.close()
  })

  t.test(
    'a token is built from grants, read, counted down, and told which stream it covers',
    async (t) => {
      const topic = newTopic()
      const open = await OpenPage.of(browser, hub)
      const { page } = open
      await open.subscribe('https://example.com/books/:id', 'URL Pattern')
      await open.openTab('Token')
      await open.press('Build a token')
      await page.getByLabel('Grant 1', { exact: true }).fill(topic)
      await page.getByLabel('Lifetime').selectOption('1 minute')

      await open.press('Build')

      await page.getByText(/The hub accepts this token. It expires in \d+ s\./).waitFor()
      const said = page.locator('.p-token .pairs')
      await said.getByText(topic).waitFor()
      t.match(await said.textContent(), `${topic} covers a part of books`)
      t.match(await page.locator('.facts').textContent(), /token \d+ s/)
      await open.fill({ Topic: 'urn:not:granted' })
      await open.press('Publish')
      t.match(
        await open.outcome(),
        /^403 in \d+ ms the token does not grant publishing to every topic of the update$/,
      )
      await page.getByText(`it grants "${topic}"`, { exact: false }).first().waitFor()
      await page.close()
    },
  )

  t.test(
    'a token of a key that was typed is signed in the page, and the key is sent to nobody',
    async (t) => {
      const open = await OpenPage.of(browser, hub)
      const { page } = open
      const sent: string[] = []
      page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`))
      await open.openTab('Token')
      await open.press('Build a token')
      await page.getByLabel('Another key than the playground’s').check()
      await page.getByLabel('Secret').fill('a secret of somebody, 32 bytes or more')

      await open.press('Build')

      await page.getByText('The hub refuses this token.').waitFor()
      t.match(await page.locator('.p-token .notice').textContent(), /must be signed by its issuer/)
      t.notMatch(sent.join('\n'), /secret/)
      t.notMatch(await open.stored(), /secret|eyJ/)
      await page.close()
    },
  )

  t.test('who listens is a table that follows who comes and goes, and is searched', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const { page } = open
    await open.openTab('Who listens')
    const rows = page.locator('.p-who tbody tr')
    await page.locator('.p-who .pill', { hasText: 'Live' }).waitFor()

    await open.subscribe('urn:somebody:listens')
    await rows.filter({ hasText: 'urn:somebody:listens' }).waitFor()
    await page.getByLabel('Search', { exact: true }).fill('SOMEBODY')

    await rows.filter({ hasText: '/subscriptions/' }).waitFor({ state: 'detached' })
    t.equal(await rows.count(), 1)
    await page.getByRole('button', { name: 'Stop books' }).click()
    await rows.first().waitFor({ state: 'detached' })
    await open.useToken(playgroundToken(hub.url, { subscribe: ['urn:x'] }))
    await open.openTab('Who listens')
    await page
      .locator('.p-who .notice', { hasText: 'does not grant subscribing to this path' })
      .waitFor()
    await page.close()
  })

  t.test('a token that a page holds stands in no address, link, storage or log', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.subscribe('', 'All')
    await open.press('Publish')
    await open.shown(1)
    await open.openTab('Token')

    const links = (await open.page.evaluate(
      '[...document.querySelectorAll("[href]")].map(({ href }) => href)',
    )) as string[]

    const places = [
      ...open.complaints.requests,
      ...links,
      open.page.url(),
      await open.stored(),
      JSON.stringify(hub.log),
    ]
    t.strictSame(
      places.filter((text) => /eyJ/.test(text)),
      [],
    )
    t.equal(await open.page.getByLabel('Token', { exact: true }).getAttribute('type'), 'password')
    await open.page.close()
  })

  t.test('nothing comes from another host, and the browser complains of nothing', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.subscribe('', 'All')
    await open.press('Publish')
    await open.shown(1)
    await open.page.getByTitle('Light or dark').click()

    t.strictSame([elsewhere(open.complaints, hub), open.complaints.errors], [[], []])
    await open.page.close()
  })

  t.test('markup in an update is shown, not run', async (t) => {
    const topic = newTopic()
    const open = await OpenPage.of(browser, hub)
    const data = '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>'
    await open.subscribe(topic)
    await open.fill({ Topic: topic, Data: data })

    await open.press('Publish')

    t.match(await open.shown(1), [{ text: data }])
    t.equal(await open.page.title(), 'Cinnabar playground')
    await open.page.close()
  })

  t.test('? lists the keys, which can be switched off, and Escape closes the list', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const { page } = open
    const list = page.getByRole('region', { name: 'Keys' })

    await page.locator('h1').click()
    await page.keyboard.press('?')
    await list.waitFor()
    await list.getByLabel('Single keys are on').uncheck()
    await page.keyboard.press('Escape')
    await list.waitFor({ state: 'detached' })
    await page.keyboard.press('?')

    t.equal(await list.count(), 0)
    await page.close()
  })

  t.test('every control is reached by Tab, and a row of the list opens by Enter', async (t) => {
    const topic = newTopic()
    const open = await OpenPage.of(browser, hub)
    const { page } = open
    await open.subscribe(topic)
    await publishTo(hub, { topic, data: '{"opened":true}' })
    await open.shown(1)
    const controls = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
      .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0)`
    await page.evaluate(`${controls}.forEach((one, index) => (one.dataset.stop = index))`)
    const count = (await page.evaluate(`${controls}.length`)) as number
    const reached = new Set<unknown>()

    for (let presses = 0; presses < count + 10; presses++) {
      await page.keyboard.press('Tab')
      reached.add(await page.evaluate('document.activeElement.dataset.stop'))
    }

    const stops = Array.from({ length: count }, (_, index) => String(index))
    t.strictSame(
      stops.filter((stop) => !reached.has(stop)),
      [],
    )
    await page.locator('.ev summary').focus()
    await page.keyboard.press('Enter')
    await page.locator('.ev .more', { hasText: 'opened' }).waitFor()
    await page.close()
  })

  const looks = [
    { width: 1280, colorScheme: 'light' },
    { width: 1280, colorScheme: 'dark' },
    { width: 390, colorScheme: 'light' },
    { width: 2560, colorScheme: 'dark' },
  ] as const
  for (const { width, colorScheme } of looks)
    t.test(
      `at ${width} px, ${colorScheme}: no barrier, nothing too wide, no target too small`,
      async (t) => {
        const viewport = { width, height: 900 }
        const open = await OpenPage.of(browser, hub, { viewport, colorScheme })
        const topic = `urn:${'x'.repeat(300)}:${++topics}`
        if (width < 900) await open.openTab('Subscribe')
        await open.subscribe(topic)
        await publishTo(hub, { topic, data: 'w'.repeat(300), private: 'on' })
        await publishTo(hub, { topic, data: '{"a":[1,"b",null]}', type: 'price' })
        await open.shown(2)
        const tabs = await open.page.getByRole('tab').locator('visible=true').all()
        const found: (readonly string[])[] = []
        for (const show of tabs.length === 0
          ? [async () => {}]
          : tabs.map((tab) => () => tab.click())) {
          await show()
          found.push(await barriers(open.page), await smallTargets(open), [
            `${await open.width()} px`,
          ])
        }

        t.strictSame([...new Set(found.flat())], [`${width} px`])
        await open.page.close()
      },
    )
})

/** Buttons and fields that are less than 24 px wide or high. */
async function smallTargets({ page }: OpenPage): Promise<readonly string[]> {
  return (await page.evaluate(`[...document.querySelectorAll('button, select, textarea, summary, a[href], label:has(> input), input:not([type=checkbox])')]
    .filter((element) => element.checkVisibility())
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, { width, height }]) => width < 24 || height < 24)
    .map(([element, { width, height }]) => width + '×' + height + ' ' + element.outerHTML.slice(0, 120))`)) as string[]
}
