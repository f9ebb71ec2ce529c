import t from 'tap'
import { EventStream, type StreamEvent } from '../../src/protocol/event-stream-parser.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function read(text: string, lastEventId = ''): { events: readonly StreamEvent[]; cursor: string } {
  const stream = new EventStream(lastEventId)
  const events = stream.push(bytes(text))
  return { events, cursor: stream.lastEventId }
}

t.test('reads id, type and data, and knows the defaults', async (t) => {
  const text = 'id: 1\nevent: note\ndata: one\ndata: two\n\ndata: three\n\n'

  t.strictSame(read(text), {
    events: [
      { id: '1', type: 'note', data: 'one\ntwo' },
      { id: '1', type: 'message', data: 'three' },
    ],
    cursor: '1',
  })
})

t.test('takes one space off a value, and needs none', async (t) => {
  t.strictSame(read('data:a\ndata: b\ndata:  c\ndata\ndata:\n\n').events, [
    { id: '', type: 'message', data: 'a\nb\n c\n\n' },
  ])
})

t.test('a block without data moves the cursor and dispatches nothing', async (t) => {
  t.strictSame(read('id: #7\n\n'), { events: [], cursor: '#7' })
  t.strictSame(read('event: x\n\ndata: a\n\n').events, [{ id: '', type: 'message', data: 'a' }])
})

t.test('a data line without text is an event without text', async (t) => {
  t.strictSame(read('data\n\n').events, [{ id: '', type: 'message', data: '' }])
})

t.test('an empty id resets the cursor, one with NUL is ignored', async (t) => {
  t.equal(read('id:\n\n', 'old').cursor, '')
  t.equal(read('id: a\0b\n\n', 'old').cursor, 'old')
})

t.test('what is not finished by an empty line is neither an event nor a cursor', async (t) => {
  t.strictSame(read('id: 2\ndata: x\n', '1'), { events: [], cursor: '1' })
})

t.test('comments and unknown fields mean nothing', async (t) => {
  t.strictSame(read(': hello\n:\nfoo: bar\nid2: x\nDATA: x\n data: x\n\n'), {
    events: [],
    cursor: '',
  })
})

t.test('retry is read when it is digits only', async (t) => {
  const retryOf = (text: string) => {
    const stream = new EventStream('')
    stream.push(bytes(text))
    return stream.retryMs
  }

  t.strictSame(
    ['retry: 10\n', 'retry:0\n', 'retry: 1.5\n', 'retry: -1\n', 'retry:\n', 'retry: 1e3\n'].map(
      retryOf,
    ),
    [10, 0, undefined, undefined, undefined, undefined],
  )
})

t.test('one BOM at the start is dropped, another is text', async (t) => {
  t.strictSame(read('\uFEFFdata: a\n\n').events, [{ id: '', type: 'message', data: 'a' }])
  t.strictSame(read('\uFEFF\uFEFFdata: a\n\n').events, [])
  t.strictSame(read('data: \uFEFFa\n\n').events, [{ id: '', type: 'message', data: '\uFEFFa' }])
})

t.test('lines end with LF, CR or CRLF', async (t) => {
  const expected = [
    { id: '1', type: 'message', data: 'a\nb' },
    { id: '1', type: 'message', data: 'c' },
  ]
  for (const end of ['\n', '\r', '\r\n'])
    t.strictSame(
      read(['id: 1', 'data: a', 'data: b', '', 'data: c', '', ''].join(end)).events,
      expected,
      JSON.stringify(end),
    )
  t.strictSame(read('id: 1\r\ndata: a\rdata: b\n\r\ndata: c\r\r').events, expected, 'mixed')
})

t.test('it does not matter where the stream is cut into chunks', async (t) => {
  const text =
    '\uFEFFid: é-😀\r\nevent: 日本\rdata: žlutý\r\ndata: 🐎\n\nretry: 5\r\r: x\r\n\r\ndata: b\r\n\r\n'
  const whole = bytes(text)
  const expected = read(text).events
  t.equal(expected.length, 2)

  const cuts = Array.from({ length: whole.length + 1 }, (_, index) => index)
  const differing = cuts.filter((cut) => {
    const stream = new EventStream('')
    const events = [...stream.push(whole.subarray(0, cut)), ...stream.push(whole.subarray(cut))]
    return JSON.stringify(events) !== JSON.stringify(expected)
  })
  t.strictSame(differing, [], 'in two')

  const stream = new EventStream('')
  const events = [...whole].flatMap((byte) => stream.push(Uint8Array.of(byte)))
  t.strictSame(events, expected, 'byte by byte')
  t.equal(stream.retryMs, 5)
})

t.test('an empty chunk between CR and LF changes nothing', async (t) => {
  const stream = new EventStream('')
  const events = ['data: a\r', '', '\ndata: b\r\n', '\r', '\n'].flatMap((text) =>
    stream.push(bytes(text)),
  )

  t.strictSame(events, [{ id: '', type: 'message', data: 'a\nb' }])
})
