import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { NativeEventSource } from '../fixtures/event-source.ts'
import { HubProcess, temporaryFolder, type Test } from '../fixtures/hub-process.ts'
import { OpenPage } from '../fixtures/open-page.ts'
import { publishTo } from '../fixtures/playground.ts'

const skip = withoutChromium()
const topic = 'https://example.com/books/1'
const query = `?match=${encodeURIComponent(topic)}`

/** A playground with a history on disk, and a way to publish while it is dead. */
async function durableHub(t: Test) {
  const env = { MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}/history` }
  const hub = await HubProcess.start(t, { args: ['--playground'], env })
  return {
    hub,
    /** Another hub on the same history, elsewhere, takes the updates: the browser cannot be there yet. */
    publishMeanwhile: async (...lines: readonly string[]): Promise<readonly string[]> => {
      const other = await HubProcess.start(t, { args: ['--playground'], env })
      const ids: string[] = []
      for (const data of lines) ids.push(await publishTo(other, { topic, data }))
      await other.kill()
      return ids
    },
  }
}

/** Most of the time is waiting for hubs to start and browsers to come back, so several wait at once. */
const jobs = 3

t.test('reconnection in Chromium', { skip, jobs }, async (t) => {
  const browser = await startChromium(t)

  t.test(
    'an EventSource comes back by itself after kill -9, and gets what it missed',
    async (t) => {
      const { hub, publishMeanwhile } = await durableHub(t)
      const source = await NativeEventSource.open(browser, `${hub.origin}/`, hub.url + query)
      await source.opened(1)
      const before = await publishTo(hub, { topic, data: 'before' })
      await source.received(1)

      await hub.kill()
      const missed = await publishMeanwhile('missed 1', 'missed 2')
      await hub.start()
      await source.received(3)
      const after = await publishTo(hub, { topic, data: 'after' })

      t.strictSame(await source.received(4), [
        { type: 'message', id: before, data: 'before' },
        { type: 'message', id: missed[0], data: 'missed 1' },
        { type: 'message', id: missed[1], data: 'missed 2' },
        { type: 'message', id: after, data: 'after' },
      ])
      await source.page.close()
    },
  )

  t.test(
    'an EventSource that had received nothing gets everything since it connected',
    async (t) => {
      const { hub, publishMeanwhile } = await durableHub(t)
      await publishTo(hub, { topic, data: 'before it connected' })
      const source = await NativeEventSource.open(browser, `${hub.origin}/`, hub.url + query)
      await source.opened(1)

      await hub.kill()
      const missed = await publishMeanwhile('missed 1', 'missed 2')
      await hub.start()

      t.strictSame(await source.received(2), [
        { type: 'message', id: missed[0], data: 'missed 1' },
        { type: 'message', id: missed[1], data: 'missed 2' },
      ])
      await source.page.close()
    },
  )

  t.test('it does so after a second death too, on a topic where nothing happened', async (t) => {
    const { hub, publishMeanwhile } = await durableHub(t)
    const source = await NativeEventSource.open(browser, `${hub.origin}/`, hub.url + query)
    await source.opened(1)
    await publishTo(hub, { topic: 'https://example.com/other', data: 'not asked for' })

    await hub.kill()
    await hub.start()
    await source.opened(2)
    await hub.kill()
    const [missed] = await publishMeanwhile('missed')
    await hub.start()

    t.strictSame(await source.received(1), [{ type: 'message', id: missed, data: 'missed' }])
    await source.page.close()
  })

  t.test('without cursor lines such an EventSource loses what came between', async (t) => {
    const env = {
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}/history`,
      MERCURE_CURSOR_LINES: '0',
    }
    const hub = await HubProcess.start(t, { args: ['--playground'], env })
    const source = await NativeEventSource.open(browser, `${hub.origin}/`, hub.url + query)
    await source.opened(1)

    await hub.kill()
    const other = await HubProcess.start(t, { args: ['--playground'], env })
    await publishTo(other, { topic, data: 'lost' })
    await other.kill()
    await hub.start()
    await source.opened(2)
    const id = await publishTo(hub, { topic, data: 'after' })

    t.strictSame(await source.received(1), [{ type: 'message', id, data: 'after' }])
    await source.page.close()
  })

  t.test('the page resumes by itself, with its token, also what is private', async (t) => {
    const { hub, publishMeanwhile } = await durableHub(t)
    const open = await OpenPage.of(browser, hub)
    await open.subscribe(topic)
    const before = await publishTo(hub, { topic, data: 'before', private: 'on' })
    await open.shown(1)

    await hub.kill()
    await open.reaches('Reconnecting')
    const [missed] = await publishMeanwhile('missed')
    await hub.start()
    await open.reaches('Live')
    const after = await publishTo(hub, { topic, data: 'after', private: 'on' })

    t.strictSame(await open.shown(3), [
      { type: 'message', id: after, text: 'after' },
      { type: 'message', id: missed, text: 'missed' },
      { type: 'message', id: before, text: 'before' },
    ])
    await open.page.close()
  })

  t.test('a history that died with its hub is told as a gap', async (t) => {
    const hub = await HubProcess.start(t, { args: ['--playground'] })
    const source = await NativeEventSource.open(browser, `${hub.origin}/`, hub.url + query)
    await source.opened(1)
    const id = await publishTo(hub, { topic, data: 'kept nowhere' })
    await source.received(1)

    await hub.kill()
    await hub.start()

    const [, gap] = await source.received(2)
    t.equal(gap?.type, 'mercure')
    t.strictSame(JSON.parse(gap?.data ?? ''), {
      type: 'gap',
      requested: id,
      resumed_after: 'earliest',
    })
    await source.page.close()
  })
})
