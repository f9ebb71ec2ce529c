import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { OpenPage } from '../fixtures/open-page.ts'
import { playgroundToken } from '../fixtures/playground.ts'
import { SseClient } from '../fixtures/sse-client.ts'

const skip = withoutChromium()

t.test(
  'the playground page shows who listens, and follows who comes and goes',
  { skip },
  async (t) => {
    const hub = await HubProcess.start(t, { args: ['--playground'] })
    const { port, host } = new URL(hub.origin)
    const connect = async (match: string) => {
      const client = new SseClient(Number(port))
      t.teardown(() => client.close())
      const token = playgroundToken(hub.url)
      client.send(
        `GET /.well-known/mercure?match=${match} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      )
      await client.untilHead()
      return client
    }
    const first = await connect('first')
    const open = await OpenPage.of(await startChromium(t), hub)
    const list = open.page.locator('#who-list')
    const line = (text: string) => list.locator('li', { hasText: text })

    await open.press('Watch')
    await line('first').waitFor()
    await open.page.locator('#who-detail', { hasText: 'Following' }).waitFor()
    await connect('second')
    await line('second').waitFor()
    first.close()
    await line('first').waitFor({ state: 'detached' })

    t.equal(await line('second').count(), 1)
    t.equal(
      await open.page.locator('#who-count').textContent(),
      '2',
      'the page’s own is one of them',
    )
    await open.press('Enough')
    await line('second').waitFor({ state: 'detached' })
    t.strictSame(open.complaints.errors, [])
  },
)

t.test('where the hub does not tell who listens, the page does not ask', { skip }, async (t) => {
  const hub = await HubProcess.start(t, {
    args: ['--playground'],
    env: { MERCURE_SUBSCRIPTIONS: '0' },
  })
  const open = await OpenPage.of(await startChromium(t), hub)

  t.equal(await open.page.locator('#who').isVisible(), false)
})
