import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { ask, formOf, formType } from '../../fixtures/http.ts'

const hub = await startHub(t)
const topic = 'https://example.com/books/1'

/** Status, challenge's error and sentence of a publish that stores nothing. */
async function refused(
  fields: Parameters<TestHub['publish']>[0],
  token = hub.token(),
): Promise<[number, string]> {
  const before = hub.assembly.log.head
  const { status, text, headers } = await hub.publish(fields, { token })
  t.equal(hub.assembly.log.head, before, 'nothing was stored')
  t.match(headers['content-type'], 'text/plain; charset=utf-8')
  return [status, text]
}

t.test('behaviour 50: who brings no token gets 401 and a bare challenge', async (t) => {
  const answer = await ask(hub.url, { method: 'POST', headers: formType, body: formOf({ topic }) })

  t.equal(answer.status, 401)
  t.match(answer.headers['www-authenticate'], /^Bearer resource_metadata="/)
  t.equal(answer.text, 'Unauthorized: this needs a token\n')
})

t.test('behaviour 51: a token signed with another key is refused', async (t) => {
  const [status, text] = await refused({ topic }, hub.token({ publish: ['*'], secret: 'other' }))

  t.equal(status, 401)
  t.match(text, /signed by its issuer/)
})

t.test('behaviour 52: alg none is refused', async () => {
  t.match(await refused({ topic }, hub.token({ header: { alg: 'none' } })), [401, /signed/])
})

t.test('behaviour 53: a body of another type, or of none, is refused', async (t) => {
  for (const type of [
    'text/plain; boundary=',
    'application/json',
    'form',
    ';',
    'multipart/form-data',
  ]) {
    const answer = await hub.publish({ topic }, { headers: { 'content-type': type } })
    t.equal(answer.status, 400, type)
    t.match(answer.text, /expected a body of type application\/x-www-form-urlencoded/)
  }
  const none = await hub.ask('POST', { token: hub.token(), body: formOf({ topic }) })
  t.equal(none.status, 400)
  for (const type of [
    'application/x-www-form-urlencoded; charset=UTF-8',
    'Application/X-WWW-Form-URLEncoded',
    'application/x-www-form-urlencoded;',
  ])
    t.equal((await hub.publish({ topic }, { headers: { 'content-type': type } })).status, 200, type)
})

t.test('behaviour 54: an update needs a topic, and in the body', async (t) => {
  const answer = await hub.ask('POST', {
    path: `/.well-known/mercure?topic=${encodeURIComponent(topic)}`,
    token: hub.token(),
    headers: formType,
    body: 'data=x',
  })

  t.equal(answer.status, 400)
  t.match(await refused('data=x'), [400, /topic/])
  t.match(await refused(''), [400, /topic/])
  t.match(await refused('topic'), [400, /^Bad Request: /], 'an empty topic resolves to the hub')
})

t.test('behaviour 55: retry is a number of milliseconds', async (t) => {
  for (const retry of [
    'invalid',
    '-1',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    ' 5',
    '5 ',
    '18446744073709551616',
  ])
    t.match(await refused({ topic, retry }), [400, /retry: expected a number of milliseconds/])
  const stream = await hub.subscribe('match=*')
  for (const retry of ['0', '', '007', '18446744073709551615'])
    t.equal((await hub.publish({ topic, retry, id: `retry ${retry}` })).status, 200)
  await stream.until(4)
  t.match(stream.body, 'id: retry 0\n')
  t.match(stream.body, 'retry: 7\nid: retry 007\n')
  t.match(stream.body, 'retry: 18446744073709551615\nid: retry 1844')
  t.equal(stream.body.split('retry: ').length - 1, 3, 'ours, and two of theirs')
  stream.close()
})

t.test('behaviour 56: a topic that the token does not cover is 403', async (t) => {
  const token = hub.token({ publish: ['urn:other'] })
  const answer = await hub.publish({ topic, private: 'on' }, { token })

  t.equal(answer.status, 403)
  t.match(
    answer.headers['www-authenticate'],
    /^Bearer error="insufficient_scope", resource_metadata=/,
  )
  t.match(answer.text, /does not grant publishing to every topic/)
  t.match(await refused({ topic: ['urn:other', topic] }, token), [403, /every topic/])
})

t.test('behaviour 57: a token that grants nothing is 403', async () => {
  t.match(await refused({ topic, private: 'on' }, hub.token({})), [403, /grant/])
  t.match(await refused({ topic }, hub.token({ subscribe: ['*'] })), [403, /grant/])
})

t.test(
  'behaviour 59: a private update with an id of its own reaches who may have it',
  async (t) => {
    const stream = await hub.subscribe('match=*', { token: hub.token({ subscribe: [topic] }) })

    const answer = await hub.publish(
      { topic, data: 'hello', private: 'on', id: 'my id é' },
      { token: hub.token({ publish: [topic] }) },
    )

    t.equal(answer.status, 200)
    t.equal(answer.text, 'my id é')
    t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
    t.strictSame(await stream.until(1), [{ id: 'my id é', type: '', data: 'hello' }])
    stream.close()
  },
)

t.test('behaviour 60: data may be missing', async (t) => {
  const stream = await hub.subscribe('match=*')

  t.equal((await hub.publish({ topic, id: 'empty' })).status, 200)

  t.strictSame(await stream.until(1), [{ id: 'empty', type: '', data: '' }])
  t.match(stream.body, 'id: empty\ndata: \n\n')
  stream.close()
})

t.test('behaviour 61: an id is made where there is none: a UUIDv7 as URN', async (t) => {
  const stream = await hub.subscribe('match=*')

  const answers = [await hub.publish({ topic }), await hub.publish({ topic, id: '' })]

  const ids = answers.map((answer) => answer.text)
  for (const id of ids)
    t.match(id, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/)
  t.strictSame(
    (await stream.until(2)).map((event) => event.id),
    ids,
  )
  stream.close()
})

t.test('behaviour 62: a closed log is 503 with Retry-After, never a false 200', async (t) => {
  const closed = await startHub(t)
  await closed.assembly.log.close()

  const answer = await closed.publish({ topic })

  t.equal(answer.status, 503)
  t.equal(answer.headers['retry-after'], '5')
  t.match(answer.text, /shutting down/)
})

t.test(
  'behaviour 63: with a grant of * the answer is never anything but 200 or a 4xx with a sentence',
  async (t) => {
    const pieces = [
      'topic=a',
      '&',
      '=',
      '%',
      '%00',
      '%ff',
      '+',
      ';',
      'id=',
      'data=',
      'é',
      '\0',
      '\r\n',
      'retry=',
      'private',
      'topic',
      '%E2%82',
      'type=x',
      '&&',
      'topic=%2A',
    ]
    let state = 7
    const pick = () => pieces[(state = (state * 48_271) % 2_147_483_647) % pieces.length] ?? ''
    for (let i = 0; i < 150; i++) {
      const body = Array.from({ length: 1 + (i % 9) }, pick).join('')
      const { status, text } = await hub.publish(body)
      if (status === 200) t.ok(text.length > 0)
      else t.match([status, text], [400, /^Bad Request: .{5,}\n$/], JSON.stringify(body))
    }
  },
)

t.test('behaviour 66: reserved topics are 400, whatever the token grants', async (t) => {
  const topics = [
    '/.well-known/mercure/x',
    `${hub.url}/x`,
    'mercure',
    'https://e.com/.well-known/%6Dercure/x',
    '//h/.well-known/mercure',
    '*',
    '?a',
    '#a',
    'https://e.com\\.well-known\\mercure',
  ]
  for (const reserved of topics)
    for (const token of [hub.token(), hub.token({ publish: ['urn:x'] })])
      t.match(await refused({ topic: [topic, reserved] }, token), [400, /reserved/], reserved)
})

t.test('behaviour 67: nothing in id or type can become a field of the stream', async (t) => {
  for (const [field, value] of [
    ['id', 'x\nevent: forged'],
    ['id', 'x\r'],
    ['id', '\0'],
    ['type', 'x\r\nid: forged'],
    ['type', 'a\0b'],
    ['id', '#x'],
    ['id', 'earliest'],
    ['type', 'mercure'],
  ] as const)
    t.match(await refused({ topic, [field]: value }), [400, /^Bad Request: .{10,}\n$/])
})

t.test('behaviour 68: 1000 topics are fine, 1001 are 413', async (t) => {
  const topics = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`)

  t.equal((await hub.publish({ topic: topics(1000) })).status, 200)
  t.match(await refused({ topic: topics(1001) }), [413, /at most 1000 topics/])
})

t.test('fields of 4096 bytes are fine, one more is 413', async (t) => {
  for (const field of ['topic', 'id', 'type']) {
    const fields = (length: number) => ({ topic: 'a', [field]: 'x'.repeat(length) })
    t.equal((await hub.publish(fields(4096))).status, 200, field)
    t.match(await refused(fields(4097)), [413, /at most 4096 bytes/], field)
  }
})

t.test('1000 topics of 4 KiB are delivered once to who matches several of them', async (t) => {
  const big = await startHub(t, { max_request_body_size: '8MiB' })
  const topics = Array.from({ length: 1000 }, (_, i) =>
    `https://example.com/${i}/`.padEnd(4096, 'x'),
  )
  const stream = await big.subscribe(
    `match=${encodeURIComponent(topics[999] ?? '')}&match_urlpattern=${encodeURIComponent('https://example.com/:i/*')}&match=*`,
  )

  t.equal((await big.publish({ topic: topics, data: 'all' })).status, 200)
  t.equal((await big.publish({ topic: topics[0] ?? '', data: 'end' })).status, 200)

  t.strictSame(
    (await stream.until(2)).map((event) => event.data),
    ['all', 'end'],
  )
})

t.test('behaviour 72: events are laid out as event, retry, id, data lines', async (t) => {
  const stream = await hub.subscribe('match=*')

  await hub.publish({
    topic,
    id: 'custom-id',
    type: 'type',
    retry: '5',
    data: 'several\nlines\rwith\r\neol\n',
  })
  await stream.until(1)

  t.match(
    stream.body,
    'event: type\nretry: 5\nid: custom-id\ndata: several\ndata: lines\ndata: with\ndata: eol\ndata: \n\n',
  )
  stream.close()
})

t.test('the first value of a single field counts; private counts by its presence', async (t) => {
  const stream = await hub.subscribe('match=*', { token: hub.token() })
  const anonymous = await hub.subscribe('match=*')

  await hub.publish('topic=a&data=1&data=2&type=x&type=y&id=first&id=second&unknown=z')
  for (const form of ['private', 'private=', 'private=false', 'private=0'])
    await hub.publish(`topic=a&data=${form}&${form}`)
  await hub.publish('topic=a&data=end')

  t.strictSame((await stream.until(1))[0], { id: 'first', type: 'x', data: '1' })
  await Promise.all([stream.untilData('end'), anonymous.untilData('end')])
  t.strictSame([stream.events.length, anonymous.data], [6, ['1', 'end']])
  stream.close()
  anonymous.close()
})

t.test('behaviour 74: a role without keys is 405, and Allow says what is served', async (t) => {
  const publishers = await startHub(t, { anonymous: false, subscriber_jwt_key: null })
  const subscribers = await startHub(t, { publisher_jwt_key: null })

  const get = await publishers.ask('GET', { path: '/.well-known/mercure?match=a' })
  const post = await subscribers.publish({ topic })

  t.match([get.status, get.headers.allow, get.text], [405, 'POST', /answers POST/])
  t.match([post.status, post.headers.allow], [405, 'GET, HEAD, QUERY'])
})

t.test(
  'behaviour 139: a body of the limit is fine, one byte more is 413 and ends the connection',
  async (t) => {
    const small = await startHub(t, { max_request_body_size: '1KiB' })
    const sized = (bytes: number) => `topic=a&data=`.padEnd(bytes, 'x')

    t.equal((await small.publish(sized(1024))).status, 200)
    const over = await small.publish(sized(1025))
    t.match(
      [over.status, over.headers.connection, over.text],
      [413, 'close', /max_request_body_size/],
    )
    const query = await small.ask('QUERY', {
      headers: formType,
      body: `match=a&x=`.padEnd(1025, 'x'),
    })
    t.equal(query.status, 413)
    const chunked = small
      .connect()
      .send(
        `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${small.port}\r\nAuthorization: Bearer ${small.token()}\r\nContent-Type: ${formType['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${sized(2048)}\r\n0\r\n\r\n`,
      )
    t.equal((await chunked.untilHead()).status, 413)
    t.equal(small.assembly.log.head, 1)
    t.equal(small.hub.subscriberCount, 0)
  },
)

t.test('an update whose line breaks would swell beyond bounds is 413', async (t) => {
  const small = await startHub(t, { max_request_body_size: '64KiB' })
  const data = (breaks: number) => `topic=a&data=${'\n'.repeat(breaks)}`

  t.equal((await small.publish(data(30_000))).status, 200)
  const answer = await small.publish(data(60_000))

  t.match([answer.status, answer.text], [413, /too many line breaks/])
  t.equal(small.assembly.log.head, 1)
})

t.test('a token is judged before the body is read', async (t) => {
  const client = hub
    .connect()
    .send(
      `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: ${formType['content-type']}\r\nContent-Length: 1000000\r\n\r\n`,
    )

  t.equal((await client.untilHead()).status, 401)
  client.close()
})
