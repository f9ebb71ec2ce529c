import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { OpenPage } from '../fixtures/open-page.ts'
import { playgroundToken, publishTo } from '../fixtures/playground.ts'

const skip = withoutChromium()
/** Who comes and goes would stand among the updates. */
const quiet = { MERCURE_SUBSCRIPTIONS: '0' }
const topic = 'https://example.com/books/1'

t.test('the playground page in Chromium', { skip }, async (t) => {
  const hub = await HubProcess.start(t, { args: ['--playground'], env: quiet })
  const browser = await startChromium(t)

  t.test('each field and button is found by its name, and by no other’s', async (t) => {
    const { page } = await OpenPage.of(browser, hub)

    for (const label of ['Topic', 'Data', 'Token'])
      t.equal(await page.getByLabel(label).count(), 1, label)
    for (const name of ['Publish', 'Subscribe'])
      t.equal(await page.getByRole('button', { name }).count(), 1, name)
    t.equal(await page.getByText(/insecure/i).isVisible(), true)
    await page.close()
  })

  t.test('a public update arrives without a token', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.fill({ Topic: topic, Token: '' })
    await open.subscribe()

    const id = await publishTo(hub, { topic, data: 'one\ntwo', type: 'stock' })

    t.strictSame(await open.shown(1), [{ type: 'stock', id, text: 'one\ntwo' }])
    await open.page.close()
  })

  t.test('the browser’s own client shows it too', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.fill({ Topic: topic, Token: '', Type: 'stock' })
    await open.page.getByText('More').click()
    await open.page.getByLabel('EventSource').check()
    await open.subscribe()

    const plain = await publishTo(hub, { topic, data: 'plain' })
    const typed = await publishTo(hub, { topic, data: 'typed', type: 'stock' })

    t.strictSame(await open.shown(2), [
      { type: 'stock', id: typed, text: 'typed' },
      { type: 'message', id: plain, text: 'plain' },
    ])
    await open.page.close()
  })

  t.test('a private update arrives with a token that grants it', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const token = playgroundToken(hub.url, { subscribe: [topic] })
    await open.fill({ Topic: topic, Token: token })
    await open.subscribe()

    const id = await publishTo(hub, { topic, data: 'for you', private: 'on' })

    t.strictSame(await open.shown(1), [{ type: 'message', id, text: 'for you' }])
    await open.page.close()
  })

  t.test('nothing arrives that the page may not see', async (t) => {
    const granted = playgroundToken(hub.url, { subscribe: ['https://example.com/books/2'] })
    for (const token of ['', granted]) {
      const open = await OpenPage.of(browser, hub)
      await open.fill({ Topic: topic, Token: token })
      await open.subscribe()

      await publishTo(hub, { topic, data: 'for somebody else', private: 'on' })
      await publishTo(hub, { topic: 'https://example.com/other', data: 'not asked for' })
      const id = await publishTo(hub, { topic, data: 'for all' })

      t.strictSame(await open.shown(1), [{ type: 'message', id, text: 'for all' }])
      await open.page.close()
    }
  })

  t.test('publishing shows the id, and the update comes back, newest first', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.fill({ Topic: topic, Data: 'first' })
    await open.subscribe()
    await open.press('Publish')
    const [first] = await open.shown(1)

    await open.fill({ Data: 'second', Type: 'stock', Id: 'urn:example:2' })
    await open.page.getByLabel('Private').check()
    await open.press('Publish')

    t.strictSame(await open.shown(2), [
      { type: 'stock', id: 'urn:example:2', text: 'second' },
      { type: 'message', id: first?.id, text: 'first' },
    ])
    t.match(first?.id, /^urn:uuid:/)
    t.equal(await open.outcome(), 'urn:example:2')
    await open.page.close()
  })

  t.test('a refused publish says status and reason', async (t) => {
    const open = await OpenPage.of(browser, hub)

    await open.fill({ Token: '' })
    await open.press('Publish')

    t.equal(await open.outcome(), '401 Unauthorized: this needs a token')
    await open.page.close()
  })

  t.test('a refused stream says status and reason, and does not come back', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const token = playgroundToken('https://elsewhere.example/', { subscribe: ['*'] })
    await open.fill({ Token: token })

    await open.press('Subscribe')
    await open.reaches('refused')

    t.equal(
      await open.page.locator('#detail').textContent(),
      `401 Unauthorized: the token is for another audience; expected ${hub.url}`,
    )
    await open.page.close()
  })

  t.test('a pattern and everything can be asked for, and a stream stopped', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.page.getByLabel('URL pattern').check()
    await open.page.getByLabel('Pattern', { exact: true }).fill('https://example.com/:kind/7')
    await open.subscribe()
    const one = await publishTo(hub, { topic: 'https://example.com/films/7', data: 'pattern' })
    await open.shown(1)

    await open.page.getByLabel('All').check()
    await open.subscribe()
    const two = await publishTo(hub, { topic: 'urn:anything', data: 'all' })
    await open.shown(2)
    await open.press('Stop')
    await publishTo(hub, { topic: 'urn:anything', data: 'too late' })
    await open.subscribe()
    const three = await publishTo(hub, { topic: 'urn:anything', data: 'again' })

    t.strictSame(await open.shown(3), [
      { type: 'message', id: three, text: 'again' },
      { type: 'message', id: two, text: 'all' },
      { type: 'message', id: one, text: 'pattern' },
    ])
    await open.page.close()
  })

  t.test('a cursor that is not kept is shown as a gap, before what is', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const only = 'urn:example:gap'
    const id = await publishTo(hub, { topic: only, data: 'kept' })
    await open.fill({ Topic: only })
    await open.page.getByText('More').click()
    await open.fill({ 'Resume after': 'urn:example:unknown' })

    await open.subscribe()

    t.strictSame(await open.shown(2), [
      { type: 'message', id, text: 'kept' },
      {
        type: 'gap',
        id: '',
        text: 'Updates are missing here. The hub no longer knows what came after urn:example:unknown; what follows begins with the oldest update that is kept.',
      },
    ])
    await open.page.close()
  })

  t.test('the commands to copy hold what the fields say, quoted for a shell', async (t) => {
    const { page } = await OpenPage.of(browser, hub)

    await page.getByLabel('Topic').fill("it's")
    await page.getByLabel('Data').fill('$HOME')
    await page.getByLabel('Token').fill('abc')

    t.strictSame(
      [
        await page.locator('#listen-command').textContent(),
        await page.locator('#send-command').textContent(),
      ],
      [
        `curl -N '${hub.url}?match=it%27s' -H 'Authorization: Bearer abc'`,
        `curl '${hub.url}' --data-urlencode 'topic=it'\\''s' --data-urlencode 'data=$HOME' -H 'Authorization: Bearer abc'`,
      ],
    )
    await page.close()
  })

  t.test('nothing comes from another host, and the browser complains of nothing', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.subscribe()
    await open.press('Publish')
    await open.shown(1)

    const elsewhere = open.complaints.requests.filter((url) => !url.startsWith(`${hub.origin}/`))

    t.strictSame([elsewhere, open.complaints.errors], [[], []])
    await open.page.close()
  })

  t.test('markup in an update is shown, not run', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const data = '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>'
    await open.fill({ Topic: topic, Data: data })
    await open.subscribe()

    await open.press('Publish')

    t.match(await open.shown(1), [{ text: data }])
    t.equal(await open.page.title(), 'Cinnabar')
    await open.page.close()
  })

  for (const colorScheme of ['light', 'dark'] as const)
    t.test(`nothing is wider than a phone of 360 pixels (${colorScheme})`, async (t) => {
      const viewport = { width: 360, height: 740 }
      const open = await OpenPage.of(browser, hub, { viewport, colorScheme })
      await open.fill({ Topic: topic, Data: 'w'.repeat(300), Id: `urn:${'x'.repeat(300)}` })
      await open.subscribe()
      await open.press('Publish')
      await open.shown(1)
      await open.page.getByText('More').click()

      t.equal(await open.page.evaluate('document.documentElement.scrollWidth'), 360)
      await open.page.close()
    })
})
