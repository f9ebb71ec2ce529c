import { fetchEventSource } from '@microsoft/fetch-event-source'
import { EventSource } from 'eventsource'
import * as reconnecting from 'reconnecting-eventsource'
import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { until } from '../../fixtures/until.ts'

/** Its types take it for CommonJS; Node does not. */
const ReconnectingEventSource =
  reconnecting.default as unknown as typeof reconnecting.default.default

/** What `EventSource` sends: seen in Chromium. */
const native = [
  'Accept: text/event-stream',
  'Cache-Control: no-cache',
  'Pragma: no-cache',
  'Sec-Fetch-Dest: empty',
]
/** A field that nobody knows sends a request the long way, through the framework. */
const ways = { short: [], long: ['X-Other: 1'] }
const cursorLine = /^id: #[0-9a-f]{12}\.\d+$/

/** Blocks that an empty line ends, without data: messages to many clients. */
function blocksWithoutData({ body }: SseClient): readonly string[] {
  const blocks = body.split('\n\n').slice(0, -1)
  return blocks.filter((block) => !/^data:/m.test(block))
}

type Wish = readonly [query: string, lines: readonly string[]]

/** Whole lives of streams: the opening, heartbeats, an update, and the rotation. */
async function livesOf(hub: TestHub, wishes: readonly Wish[]): Promise<readonly SseClient[]> {
  const streams = await Promise.all(wishes.map(([query, lines]) => hub.subscribe(query, { lines })))
  await Promise.all(streams.map((stream) => stream.when(({ comments }) => comments > 3)))
  await hub.publish({ topic: 'a', data: 'an update' })
  await Promise.all(streams.map((stream) => stream.closed))
  t.ok(
    streams.every(({ isComplete }) => isComplete),
    'all were rotated',
  )
  return streams
}

for (const [way, more] of Object.entries(ways))
  t.test(`cursor lines go to whoever is known to take them (the ${way} way)`, async (t) => {
    const hub = await startHub(t, { cursor_lines: null, heartbeat: '50ms', write_timeout: '2s' })
    const takers: readonly Wish[] = [
      ['match=a', native],
      ['match=a&cursor_lines=1', []],
      ['match=a&cursor_lines=1', [`Authorization: Bearer ${hub.token()}`, 'Accept: */*']],
    ]
    const others: readonly Wish[] = [
      ['match=a', []],
      ['match=a&cursor_lines=0', []],
      ['match=a&cursor_lines', []],
      ['match=a', native.slice(0, 3)],
      ['match=a', [native[0] ?? '', native[3] ?? '']],
      ['match=a', ['Accept: text/event-stream, */*', ...native.slice(1)]],
      ['match=a', [...native.slice(0, 3), 'Sec-Fetch-Dest: document']],
      ['match=a', [...native, `Authorization: Bearer ${hub.token()}`]],
    ]

    const wishes = [...takers, ...others].map(([query, lines]): Wish => [
      query,
      [...lines, ...more],
    ])
    const streams = await livesOf(hub, wishes)
    const [told, untold] = [streams.slice(0, takers.length), streams.slice(takers.length)]

    for (const stream of told) {
      t.match(stream.body, /^:\nretry: \d+\nid: #/, 'from the first bytes on')
      const blocks = blocksWithoutData(stream)
      t.ok(blocks.length >= 4, 'with heartbeats, and before the end')
      t.ok(blocks.every((block) => cursorLine.test(block.split('\n').at(-1) ?? '')))
    }
    for (const stream of untold) {
      t.match(stream.body, /^:\nretry: \d+\n:\n/, 'a comment comes at once, for proxies')
      t.strictSame(blocksWithoutData(stream), [])
      t.strictSame(stream.data, ['an update'])
      t.equal(stream.retries.length, 2, 'at the start, and before the rotation')
    }
  })

t.test('a gap is told to everybody, in a block of its own', async (t) => {
  const hub = await startHub(t, { cursor_lines: null })
  await hub.publish({ topic: 'a', data: 'kept' })

  const stream = await hub.subscribe('match=a&last_event_id=gone')
  await stream.until(2)

  t.strictSame(blocksWithoutData(stream), [])
  t.match(
    stream.body,
    /^:\nretry: \d+\n:\nevent: mercure\ndata: \{"type":"gap".*\}\n\ndata: kept\nid: .*\n\n$/,
  )
})

t.test('a QUERY asks for cursor lines in its body', async (t) => {
  const hub = await startHub(t, { cursor_lines: null })

  const stream = await hub.subscribe('', { method: 'QUERY', body: 'match=a&cursor_lines=1' })

  await stream.when(({ cursors }) => cursors.length === 1)
})

t.test('1 is for everybody, and 0 for nobody; their cursors are always understood', async (t) => {
  const everybody = await startHub(t, { cursor_lines: '1' })
  const nobody = await startHub(t, { cursor_lines: '0', heartbeat: '50ms', write_timeout: '2s' })

  const told = await everybody.subscribe('match=a')
  await told.when(({ cursors }) => cursors.length === 1)
  const [untold] = await livesOf(nobody, [['match=a&cursor_lines=1', native]])

  t.strictSame(untold && blocksWithoutData(untold), [])
  const cursor = encodeURIComponent(told.lastEventId)
  const back = await nobody.subscribe(`match=a&last_event_id=${cursor}`)
  t.match((await back.until(1))[0]?.data, /"gap"/, 'that one is another hub’s')
})

/** A hub of protocol 1.0 as it is by default, and a way to cut its streams as a restart does. */
async function startCuttable() {
  const hub = await startHub(t, { cursor_lines: null, heartbeat: '20ms' })
  const cut = async () => {
    hub.app.server.closeAllConnections()
    for (const one of hub.hub.slowest(10)) one.close('error')
    await hub.publish({ topic: 'a', data: '"meanwhile"', id: '2' })
  }
  const beats = async () => {
    const one = await hub.subscribe('match=b')
    await one.when(({ comments }) => comments > 5)
    one.close()
    await hub.untilSubscribers(1)
  }
  return { hub, cut, beats }
}

const expected = [
  ['1', 'first'],
  ['2', 'meanwhile'],
]

t.test('@microsoft/fetch-event-source that parses each message gets updates only', async (t) => {
  const { hub, cut, beats } = await startCuttable()
  const events: unknown[] = []
  let opens = 0
  const ending = new AbortController()
  t.teardown(() => ending.abort())
  const page = { setTimeout, clearTimeout, fetch }
  Object.assign(globalThis, { window: page, document: { hidden: false, removeEventListener() {} } })
  void fetchEventSource(`${hub.url}?match=a`, {
    signal: ending.signal,
    openWhenHidden: true,
    fetch,
    onopen: async () => void opens++,
    onmessage: ({ id, data }) => void events.push([id, JSON.parse(data)]),
    onclose() {
      throw new Error('again')
    },
    onerror: () => 20,
  }).catch(() => {})

  await hub.untilSubscribers(1)
  await beats()
  await hub.publish({ topic: 'a', data: '"first"', id: '1' })
  await until(() => events.length === 1)
  await cut()
  await until(() => events.length === 2)

  t.strictSame(events, expected)
  t.equal(opens, 2)
})

t.test('eventsource of npm gets updates only, and resumes', async (t) => {
  const { hub, cut, beats } = await startCuttable()
  const events: unknown[] = []
  const source = new EventSource(`${hub.url}?match=a`)
  t.teardown(() => source.close())
  source.onmessage = ({ lastEventId, data }) =>
    void events.push([lastEventId, JSON.parse(String(data))])

  await hub.untilSubscribers(1)
  await beats()
  await hub.publish({ topic: 'a', data: '"first"', id: '1' })
  await until(() => events.length === 1)
  await cut()
  await until(() => events.length === 2)

  t.strictSame(events, expected)
})

t.test('reconnecting-eventsource resumes by lastEventId in the query', async (t) => {
  const { hub, cut, beats } = await startCuttable()
  const events: unknown[] = []
  const source = new ReconnectingEventSource(`${hub.url}?match=a`, {
    max_retry_time: 50,
    eventSourceClass: EventSource as never,
  })
  t.teardown(() => source.close())
  source.onmessage = ({ lastEventId, data }) =>
    void events.push([lastEventId, JSON.parse(String(data))])

  await hub.untilSubscribers(1)
  await beats()
  await hub.publish({ topic: 'a', data: '"first"', id: '1' })
  await until(() => events.length === 1)
  await cut()
  await until(() => events.length === 2)

  t.strictSame(events, expected)
})
