import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { ask } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { OpenPage } from '../fixtures/open-page.ts'
import { playgroundToken, publishTo } from '../fixtures/playground.ts'

const skip = withoutChromium()
const topic = 'https://example.com/books/1'
/** Waits for hubs and pages take most of the time, so several states are looked at once. */
const jobs = 3

t.test('each state of the playground says itself in words', { skip, jobs }, async (t) => {
  const hub = await HubProcess.start(t, { args: ['--playground'] })
  const browser = await startChromium(t)
  const notice = (open: OpenPage) => open.page.locator('.p-events .notice')

  t.test('empty: one thing to do', async (t) => {
    const open = await OpenPage.of(browser, hub)

    await open.page.getByRole('heading', { name: 'See an event arrive' }).waitFor()

    t.equal(await open.page.locator('.p-events').getByRole('button').count(), 1)
    await open.page.close()
  })

  t.test('connecting: named after a moment, and cancelled', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.page.route('**/mercure?*', () => {}) // an answer that does not come
    await open.ask(topic)

    await open.reaches('Connecting')
    await open.page.getByText(/Waiting for the hub’s answer, \d+ s/).waitFor()
    await open.page.getByRole('button', { name: 'Stop books' }).click()

    await open.reaches('Stopped')
    t.equal(await notice(open).count(), 0)
    await open.page.close()
  })

  t.test(
    'reconnecting: counts down, says why and where it goes on, and tries at once when told',
    async (t) => {
      const open = await OpenPage.of(browser, hub)
      await open.page.route('**/mercure?*', (route) => route.abort())
      await open.fill({ 'Resume after': 'earliest' })
      await open.ask('https://example.com/reconnecting')

      await open.reaches(/Reconnecting in \d+ s/)
      await notice(open)
        .getByText(/the connection broke at .* Attempt \d.* Resumes after earliest/)
        .waitFor()
      await open.page.unroute('**/mercure?*')
      await open.page.getByRole('button', { name: 'Now books' }).click()

      await open.reaches('Live')
      t.equal(await notice(open).count(), 0)
      await open.page.close()
    },
  )

  t.test('a burst of 3,000: every event counts, the list keeps 500 and says so', async (t) => {
    const only = 'https://example.com/burst'
    const open = await OpenPage.of(browser, hub)
    await open.subscribe(only)
    const lines = Array.from({ length: 3_000 }, (_, data) =>
      JSON.stringify({ topic: only, data: String(data) }),
    )

    const { status } = await ask(hub.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-ndjson',
        authorization: `Bearer ${playgroundToken(hub.url)}`,
      },
      body: `${lines.join('\n')}\n`,
    })

    t.equal(status, 200)
    await open.page.getByText('3,000 received').waitFor()
    await open.page
      .getByText(/^2,50\d older events dropped from this list. It keeps 500.$/)
      .waitFor()
    const [newest] = await open.shown(499)
    t.equal(newest?.text, '2999')
    await open.stream().getByText('3,000').waitFor()
    await open.page.close()
  })

  t.test('refused 401: the hub’s sentence, what to do, and no new attempt by itself', async (t) => {
    const open = await OpenPage.of(browser, hub)
    await open.useToken(playgroundToken('https://elsewhere.example/', { subscribe: ['*'] }))
    await open.page.getByText('The hub refuses this token.').waitFor()

    await open.ask(topic)
    await open.reaches('Refused 401')

    const sentence = `the token is for another audience; expected ${hub.url}`
    await notice(open).getByText(sentence).waitFor()
    await open.page.locator('.p-token .notice').getByText(sentence).waitFor()
    const streams = open.complaints.requests.filter((url) => url.includes('mercure?match=')).length
    await notice(open).getByRole('button', { name: 'Try again' }).click()
    await open.reaches('Refused 401')
    t.equal(
      open.complaints.requests.filter((url) => url.includes('mercure?match=')).length,
      streams + 1,
    )
    await open.useToken(playgroundToken(hub.url))
    await open.reaches('Live')
    await open.page.close()
  })

  t.test(
    'refused 403: a publish that the token does not grant says so where it was sent',
    async (t) => {
      const open = await OpenPage.of(browser, hub)
      await open.useToken(playgroundToken(hub.url, { publish: ['urn:x'] }))
      await open.page.getByText('The hub accepts this token.', { exact: false }).waitFor()

      await open.press('Publish')

      t.match(await open.outcome(), /^403 in \d+ ms the token does not grant publishing/)
      await open.page
        .locator('.p-publish .notice')
        .getByText(/it grants "urn:x"/)
        .waitFor()
      await open.press('Show the token')
      t.equal(await open.page.getByLabel('Token', { exact: true }).isVisible(), true)
      await open.page.close()
    },
  )

  t.test('expired: counted down, then said, and a new token goes on where it was', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const exp = Math.floor(Date.now() / 1000) + 4
    const only = 'https://example.com/expiring'
    await open.useToken(playgroundToken(hub.url, { subscribe: ['*'], claims: { exp } }))
    await open.page.locator('.facts', { hasText: /token [0-4] s/ }).waitFor()
    await open.subscribe(only)
    await publishTo(hub, { topic: only, data: 'before' })
    await open.shown(1)

    await open.reaches('Token expired')
    await notice(open).getByText('the token has expired').waitFor()
    await open.page.locator('.facts', { hasText: 'token expired' }).waitFor()
    await publishTo(hub, { topic: only, data: 'meanwhile' })
    await notice(open).getByRole('button', { name: 'New token' }).click()
    await open.press('Build')
    await open.page.getByText(/The hub accepts this token. It expires in 59/).waitFor()

    t.match(await open.shown(2), [{ text: 'meanwhile' }, { text: 'before' }])
    await open.page.close()
  })

  t.test('a gap: a row as wide as the list, between what was and what is', async (t) => {
    const only = 'https://example.com/gap'
    const id = await publishTo(hub, { topic: only, data: 'kept' })
    const open = await OpenPage.of(browser, hub)
    await open.fill({ 'Resume after': 'urn:example:unknown' })

    await open.subscribe(only)

    const [kept, gap] = await open.shown(2)
    t.match(kept, { id, text: 'kept' })
    t.equal(
      gap?.text,
      'Gap. The hub no longer keeps what came after urn:example:unknown. The list goes on with the oldest update it has.',
    )
    await open.page.getByText(/resumed with a gap/).waitFor()
    await open.page.close()
  })

  t.test('ended 204: the hub asked not to come back, and it does not by itself', async (t) => {
    const open = await OpenPage.of(browser, hub)
    const sub = 'urn:example:kicked'
    await open.useToken(playgroundToken(hub.url, { subscribe: ['*'], claims: { sub } }))
    await open.subscribe('https://example.com/ended')

    const { status } = await ask(`${hub.adminUrl}/kick`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sub }),
    })

    t.equal(status, 200)
    await open.reaches('Ended 204')
    await notice(open)
      .getByText(/asked not to reconnect/)
      .waitFor()
    t.equal(await open.page.getByRole('button', { name: 'Open again books' }).isVisible(), true)
    await open.page.close()
  })

  t.test(
    'the hub is killed and comes back: said once, counted, and nothing is missed',
    async (t) => {
      const env = { MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}/history` }
      const mortal = await HubProcess.start(t, { args: ['--playground'], env })
      const open = await OpenPage.of(browser, mortal)
      await open.fill({ Data: 'typed before' })
      await open.subscribe(topic)
      await publishTo(mortal, { topic, data: 'before' })
      await open.shown(1)

      await mortal.kill()
      await open.reaches(/Reconnecting( in \d+ s)?/)
      await notice(open)
        .getByText(/the connection broke at .* Attempt \d/)
        .waitFor()
      await open.page.getByText(/No answer from .* for \d+ s. Is the hub running\?/).waitFor()
      await open.page.locator('.topend .pill', { hasText: 'No answer' }).waitFor()
      await open.press('Publish')
      t.equal(await notice(open).count(), 0)
      t.match(await open.outcome(), /^no answer in \d+ ms the hub does not answer$/)
      await mortal.start()
      await publishTo(mortal, { topic, data: 'after' })
      await open.page.locator('.topend .pill', { hasText: 'Ready' }).waitFor()
      await open.reaches('Live')

      t.match(await open.shown(2), [{ text: 'after' }, { text: 'before' }])
      t.equal(await open.page.getByText(/No answer from/).count(), 0)
      t.equal(await open.page.getByLabel('Data').inputValue(), 'typed before')
      await open.page.close()
    },
  )

  t.test('misdirected 421: the hub goes by another name now', async (t) => {
    const hub = await HubProcess.start(t, { args: ['--playground'] })
    const open = await OpenPage.of(browser, hub)
    await open.subscribe(topic)
    await hub.kill()
    const { port } = new URL(hub.origin)
    const env = { MERCURE_PORT: port, MERCURE_PUBLIC_URLS: 'http://hub.localhost' }

    await HubProcess.start(t, { args: ['--playground'], env })

    await open.reaches('Refused 421')
    await notice(open)
      .getByText(/not one of the hub’s public URLs/)
      .waitFor()
    t.match(await notice(open).textContent(), /Call the hub by one of its own names/)
    await open.page.locator('.topend .pill', { hasText: 'Not ready' }).waitFor()
    await open.page.close()
  })
})
