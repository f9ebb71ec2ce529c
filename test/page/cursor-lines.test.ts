import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { NativeEventSource } from '../fixtures/event-source.ts'
import { takesCursorLines } from '../../src/http/subscribe/cursor-lines.ts'
import { startHub } from '../fixtures/hub.ts'
import type { Test } from '../fixtures/hub-process.ts'
import { until } from '../fixtures/until.ts'

const skip = withoutChromium()

/** Serves one of `streams` per connection and ends it; the last one stays open. */
async function scripted(t: Test, streams: readonly string[]) {
  const cursors: (string | undefined)[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.url !== '/events') return response.setHeader('content-type', 'text/html').end('')
    const stream = streams[Math.min(cursors.length, streams.length - 1)] ?? ''
    cursors.push(request.headers['last-event-id'] as string | undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (cursors.length < streams.length) response.end(stream)
    else response.write(stream)
    return response
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { origin, cursors }
}

t.test('cursor lines in Chromium', { skip }, async (t) => {
  const browser = await startChromium(t)

  t.test(
    'a block with an id and no data dispatches nothing, and is the cursor of the next connection',
    async (t) => {
      const { origin, cursors } = await scripted(t, [
        ':\nretry: 20\nid: #epoch.0\n\n',
        'id: #epoch.1\n\n:\nid: #epoch.2\n\n',
        'data: an update\nid: urn:uuid:one\n\n',
        'event: mercure\ndata: {"type":"gap"}\n\n',
        'data: another\nid: urn:uuid:two\n\nid: #epoch.3\n\n',
        'event: ignored\nid: #epoch.4\n\ndata: the last\n\n',
      ])

      const source = await NativeEventSource.open(browser, `${origin}/`, '/events')

      t.strictSame(await source.received(4), [
        { type: 'message', id: 'urn:uuid:one', data: 'an update' },
        { type: 'mercure', id: 'urn:uuid:one', data: '{"type":"gap"}' },
        { type: 'message', id: 'urn:uuid:two', data: 'another' },
        { type: 'message', id: '#epoch.4', data: 'the last' },
      ])
      t.strictSame(cursors, [
        undefined,
        '#epoch.0',
        '#epoch.2',
        'urn:uuid:one',
        'urn:uuid:one',
        '#epoch.3',
      ])
      await source.page.close()
    },
  )

  t.test('a block that the connection cut short moves no cursor', async (t) => {
    const { origin, cursors } = await scripted(t, [
      'retry: 20\nid: #epoch.1\n\nid: #epoch.2\n',
      'data: whole\n\n',
    ])

    const source = await NativeEventSource.open(browser, `${origin}/`, '/events')
    await until(() => cursors.length === 2)

    t.strictSame(await source.received(1), [{ type: 'message', id: '#epoch.1', data: 'whole' }])
    t.strictSame(cursors, [undefined, '#epoch.1'])
    await source.page.close()
  })
  t.test('EventSource is given them, first and again, and fetch is not', async (t) => {
    const hub = await startHub(t, { cursor_lines: null, cors_origins: '*' })
    const { origin } = await scripted(t, [''])
    const lines: boolean[] = []
    hub.app.server.prependListener('request', (request: IncomingMessage) => {
      if (request.method === 'GET') lines.push(takesCursorLines('auto', request.headers, false))
    })
    const cursorsSent: unknown[] = []
    hub.app.server.prependListener('request', ({ headers }: IncomingMessage) =>
      cursorsSent.push(headers['last-event-id']),
    )

    const source = await NativeEventSource.open(browser, `${origin}/`, `${hub.url}?match=a`)
    await source.opened(1)
    for (const one of hub.hub.slowest(1)) one.close('rotated')
    await source.opened(2)
    await source.page.evaluate(
      `fetch(${JSON.stringify(`${hub.url}?match=a`)}, { headers: { accept: 'text/event-stream' } })`,
    )

    t.strictSame(lines, [true, true, false])
    t.match(cursorsSent, [undefined, /^#[0-9a-f]{12}\.0$/, undefined], 'it took the first line')
    await source.page.close()
  })
})
