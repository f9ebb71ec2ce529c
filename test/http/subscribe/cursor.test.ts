import t from 'tap'
import { startHub, type Subscribing, type TestHub } from '../../fixtures/hub.ts'
import { until } from '../../fixtures/until.ts'

const enc = encodeURIComponent

/** Publishes updates with these ids, data being the id. */
async function publishAll(hub: TestHub, ids: readonly string[], more = {}): Promise<void> {
  for (const id of ids) await hub.publish({ topic: 'a', id, data: id, ...more })
}

/** The answer's cursor, and the data of everything up to the update `end`, which is published now. */
async function replay(hub: TestHub, query: string, options: Subscribing = {}): Promise<unknown[]> {
  const stream = await hub.subscribe(`match=*${query}`, options)
  const end = `end ${Math.random()}`
  await hub.publish({ topic: 'a', data: end })
  await stream.untilData(end)
  stream.close()
  const data = stream.data.filter((one) => !one.startsWith('end'))
  return [stream.head.headers['mercure-last-event-id'], ...data]
}

const gapAfter = (requested: string) =>
  JSON.stringify({ type: 'gap', requested, resumed_after: 'earliest' })

t.test(
  'behaviour 115: what came after the cursor is sent, by header or by parameter',
  async (t) => {
    const hub = await startHub(t)
    await publishAll(hub, ['a', 'b', 'c'])

    t.strictSame(await replay(hub, '', { lastEventId: 'a' }), ['a', 'b', 'c'])
    t.strictSame(await replay(hub, '&last_event_id=b'), ['b', 'c'])
    t.strictSame(await replay(hub, '', { method: 'QUERY', body: 'last_event_id=b' }), ['b', 'c'])
    t.strictSame(await replay(hub, '&lastEventID=a&Last-Event-ID=a&lastEventId=a'), [undefined])
  },
)

t.test('header beats query beats body, and an empty one leaves it to the next', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['a', 'b', 'c'])
  const query = (last: string, body: string, lastEventId?: string) =>
    replay(hub, last, {
      method: 'QUERY',
      body,
      ...(lastEventId === undefined ? {} : { lastEventId }),
    })

  t.strictSame(await query('&last_event_id=a', 'last_event_id=a', 'b'), ['b', 'c'])
  t.strictSame(await query('&last_event_id=b', 'last_event_id=a'), ['b', 'c'])
  t.strictSame(await query('&last_event_id=', 'last_event_id=b'), ['b', 'c'])
  t.strictSame(await query('&last_event_id=b', 'last_event_id=a', ''), ['b', 'c'])
  t.strictSame(await query('&last_event_id=b&last_event_id=a', ''), ['b', 'c'], 'the first counts')
})

t.test('behaviour 116: earliest asks for all there is, by header or by parameter', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['a', 'b'])

  t.strictSame(await replay(hub, '', { lastEventId: 'earliest' }), ['earliest', 'a', 'b'])
  t.strictSame(await replay(hub, '&last_event_id=earliest'), ['earliest', 'a', 'b'])
})

t.test(
  'behaviour 117: an unknown cursor is answered earliest, told as a gap, and followed by all',
  async (t) => {
    const hub = await startHub(t)
    await publishAll(hub, ['a', 'b'])

    const stream = await hub.subscribe('match=*&last_event_id=gone')
    await publishAll(hub, ['c'])

    t.equal(stream.head.headers['mercure-last-event-id'], 'earliest')
    const events = await stream.until(4)
    t.strictSame(
      events.map(({ type, data }) => [type, data]),
      [
        ['mercure', gapAfter('gone')],
        ['', 'a'],
        ['', 'b'],
        ['', 'c'],
      ],
    )
    t.match(events[0]?.id, /^#/, 'the gap has no id of its own, only the cursor line before it')
    t.notMatch(stream.body.slice(0, stream.body.indexOf('data: a')), 'id: gone')
  },
)

t.test('a cursor that a client made up cannot inject anything', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['a'])
  for (const evil of [
    'x\n\nid: y\ndata: z',
    'x\r\nSet-Cookie: y',
    '"}',
    '\u2028',
    '#zzz.1',
    '#',
    '#0.0',
    'x'.repeat(20_000),
  ]) {
    const stream = await hub.subscribe(`match=*&last_event_id=${enc(evil)}`)
    const [gap] = await stream.until(2)
    t.strictSame(
      [stream.head.headers['mercure-last-event-id'], gap?.data],
      ['earliest', gapAfter(evil)],
    )
    t.equal(stream.head.headers['set-cookie'], undefined)
    stream.close()
  }
})

t.test('behaviour 118: an unknown cursor does not tell the id of a private update', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['visible'])
  await publishAll(hub, ['secret-id'], { private: 'on' })

  for (const cursor of ['gone', '', 'earliest', 'visible']) {
    const stream = await hub.subscribe(`match=*&last_event_id=${cursor}`)
    const end = await hub.publish({ topic: 'a', data: 'end' })
    await stream.when(({ events }) => events.some((event) => event.id === end.text))
    t.notMatch(stream.head.raw + stream.body, 'secret-id', `cursor ${cursor}`)
    stream.close()
  }
})

t.test('behaviour 119: with an empty history the answer is earliest', async (t) => {
  const hub = await startHub(t)
  for (const cursor of ['gone', 'earliest', ''])
    t.equal(
      (await hub.ask('HEAD', { path: `/.well-known/mercure?match=*&last_event_id=${cursor}` }))
        .headers['mercure-last-event-id'],
      'earliest',
      cursor,
    )
})

t.test(
  'behaviour 120: an empty parameter or header is answered, and replays nothing',
  async (t) => {
    const hub = await startHub(t)
    await publishAll(hub, ['a'])

    const [byParameter, ...none] = await replay(hub, '&last_event_id=')
    const [byHeader] = await replay(hub, '', { lastEventId: '' })

    t.match(byParameter, /^#[0-9a-f]{12}\.1$/)
    t.match(byHeader, /^#[0-9a-f]{12}\.2$/)
    t.strictSame(none, [])
  },
)

t.test('behaviour 121: history then live, without a gap or a repeat', async (t) => {
  const hub = await startHub(t)
  const ids = Array.from({ length: 10 }, (_, i) => String(i + 1))
  await publishAll(hub, ids)

  const after8 = await hub.subscribe('match=a', { lastEventId: '8' })
  const all = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  await publishAll(hub, ['11'])

  t.strictSame(
    (await after8.until(3)).map((event) => event.id),
    ['9', '10', '11'],
  )
  t.strictSame(
    (await all.until(11)).map((event) => event.id),
    [...ids, '11'],
  )
})

t.test('behaviour 122: a replay obeys matchers and privacy', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['1'])
  await hub.publish({ topic: 'b', data: 'other topic' })
  await publishAll(hub, ['2'], { private: 'on' })
  await hub.publish({ topic: ['b', 'a'], data: 'alternate' })

  const anonymous = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  const granted = await hub.subscribe('match=a', {
    lastEventId: 'earliest',
    token: hub.token({ subscribe: ['a'] }),
  })
  await publishAll(hub, ['end'])
  await Promise.all([anonymous.untilData('end'), granted.untilData('end')])

  t.strictSame(anonymous.data, ['1', 'alternate', 'end'])
  t.strictSame(granted.data, ['1', '2', 'alternate', 'end'])
})

t.test('behaviour 123: a known cursor is echoed, an unknown one is earliest', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['a', 'b'])
  const header = async (cursor: string) =>
    (
      await hub.ask('HEAD', {
        path: '/.well-known/mercure?match=*',
        headers: { 'last-event-id': cursor },
      })
    ).headers['mercure-last-event-id']

  t.strictSame([await header('a'), await header('b'), await header('c')], ['a', 'b', 'earliest'])
})

t.test('ids beyond Latin-1 travel as UTF-8 bytes in both directions', async (t) => {
  const hub = await startHub(t)
  const ids = ['é', 'שלום 🚲', `${'長'.repeat(1365)}x`]
  await publishAll(hub, [...ids, 'last'])

  for (const id of ids) {
    const byHeader = await hub.subscribe('match=*', { lastEventId: id })
    const byParameter = await hub.subscribe(`match=*&last_event_id=${enc(id)}`)
    for (const stream of [byHeader, byParameter]) {
      const { headers } = stream.head
      t.equal(Buffer.from(headers['mercure-last-event-id'] ?? '', 'latin1').toString(), id)
      await stream.untilData('last')
      t.strictSame(stream.data, [...ids, 'last'].slice(ids.indexOf(id) + 1))
      stream.close()
    }
  }
})

t.test('a repeated id is anchored at its oldest', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['x', 'again', 'y', 'again', 'z'])

  t.strictSame(await replay(hub, '', { lastEventId: 'again' }), ['again', 'y', 'again', 'z'])
})

t.test(
  'a client that heard nothing comes back with a cursor line and gets what came between',
  async (t) => {
    const hub = await startHub(t)
    await publishAll(hub, ['before'])
    const quiet = await hub.subscribe('match=a')
    await quiet.when(({ cursors }) => cursors.length === 1)
    quiet.close()

    await publishAll(hub, ['between'])
    await publishAll(hub, ['secret'], { private: 'on' })
    const back = await hub.subscribe('match=a', { lastEventId: quiet.lastEventId })
    await publishAll(hub, ['after'])

    t.equal(back.head.headers['mercure-last-event-id'], quiet.lastEventId)
    t.strictSame(
      (await back.until(2)).map((event) => event.data),
      ['between', 'after'],
    )
  },
)

t.test('a cursor line of another history, or from the future, is a gap', async (t) => {
  const [one, other] = [await startHub(t), await startHub(t)]
  await publishAll(one, ['a'])
  const stream = await one.subscribe('match=*')
  await stream.when(({ cursors }) => cursors.length === 1)
  const [epoch = ''] = stream.lastEventId.split('.')

  t.strictSame(await replay(other, `&last_event_id=${enc(stream.lastEventId)}`), [
    'earliest',
    gapAfter(stream.lastEventId),
  ])
  t.strictSame(await replay(one, `&last_event_id=${enc(`${epoch}.zzz`)}`), [
    'earliest',
    gapAfter(`${epoch}.zzz`),
    'a',
  ])
})

t.test('cursor lines can be turned off; their cursors are still understood', async (t) => {
  const hub = await startHub(t, { cursor_lines: false, heartbeat: '50ms' })

  const stream = await hub.subscribe('match=*')
  await stream.when(({ comments }) => comments > 2)

  t.strictSame(stream.cursors, [])
  t.notMatch(stream.body, 'id:')
})

t.test('behaviour 124: history_size keeps the newest; a trimmed cursor is a gap', async (t) => {
  const hub = await startHub(t, { history_size: 5 })
  await publishAll(
    hub,
    Array.from({ length: 12 }, (_, i) => String(i + 1)),
  )
  await until(() => hub.assembly.log.stats().entries === 5)

  const stream = await hub.subscribe('match=*', { lastEventId: '2' })

  t.strictSame(
    (await stream.until(6)).map((event) => event.data),
    [gapAfter('2'), ...['8', '9', '10', '11', '12']],
  )
})

t.test('behaviour 126: history comes before live, also while a publisher goes on', async (t) => {
  const hub = await startHub(t)
  await publishAll(hub, ['1', '2', '3'])

  const publishing = publishAll(hub, ['4', '5', '6', '7', '8'])
  const stream = await hub.subscribe('match=a', { lastEventId: 'earliest' })
  await publishing

  t.strictSame(
    (await stream.until(8)).map((event) => event.id),
    [...'12345678'],
  )
})
