import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'

const hub = await startHub(t, { max_request_body_size: '64KiB' })
const ndjson = { 'content-type': 'application/x-ndjson' }

const post = (body: string | readonly object[], headers = {}, token?: string) =>
  hub.publish(typeof body === 'string' ? body : body.map((one) => JSON.stringify(one)).join('\n'), {
    headers: { ...ndjson, ...headers },
    token,
  })

/** What the hub says to a batch of which it stores nothing. */
async function refused(
  body: string | readonly object[],
  token?: string,
): Promise<[number, string]> {
  const before = hub.assembly.log.head
  const { status, text } = await post(body, {}, token)
  t.equal(hub.assembly.log.head, before, 'nothing was stored')
  return [status, text.trim()]
}

t.test('a batch is stored in order and answered with the list of its ids', async (t) => {
  const stream = await hub.subscribe('match=a', { token: hub.token() })
  const before = hub.assembly.log.head

  const { status, headers, text } = await post([
    { topic: 'a', data: 'one' },
    {
      topic: ['a', 'b'],
      data: 'two\nlines 🚲',
      private: true,
      id: 'mine',
      type: 'kind',
      retry: 3000,
    },
    { topic: 'a', private: false, retry: '20' },
    { topic: 'c', data: null, id: null, type: null, retry: null },
  ])

  t.equal(status, 200)
  t.equal(headers['content-type'], 'application/json')
  const ids = JSON.parse(text) as string[]
  t.strictSame(
    ids.map((id) => /^urn:uuid:[0-9a-f-]{36}$/.test(id)),
    [true, false, true, true],
  )
  t.equal(hub.assembly.log.head, before + 4)
  t.strictSame(await stream.until(3), [
    { id: ids[0], type: '', data: 'one' },
    { id: 'mine', type: 'kind', data: 'two\nlines 🚲' },
    { id: ids[2], type: '', data: '' },
  ])
  t.strictSame(stream.retries.slice(1), [3000, 20])
})

t.test('private says what it means: false is public', async (t) => {
  const anonymous = await hub.subscribe('match=p')

  await post([
    { topic: 'p', data: 'secret', private: true },
    { topic: 'p', data: 'open', private: false },
  ])

  t.strictSame(
    (await anonymous.until(1)).map((event) => event.data),
    ['open'],
  )
})

t.test('line ends, blank lines, a byte order mark and other spellings of the type', async (t) => {
  const bodies = {
    'no line end': '{"topic":"a"}\n{"topic":"a"}',
    'a line end': '{"topic":"a"}\n{"topic":"a"}\n',
    CRLF: '{"topic":"a"}\r\n{"topic":"a"}\r\n',
    'blank lines': '\n\n{"topic":"a"}\n \t\r\n\n {"topic":"a"} \n\n',
    'a byte order mark': '\ufeff{"topic":"a"}\n{"topic":"a"}',
  }

  for (const [name, body] of Object.entries(bodies)) {
    const { status, text } = await post(body)
    t.equal(status, 200, name)
    t.equal((JSON.parse(text) as string[]).length, 2, name)
  }
  const spelled = await post('{"topic":"a"}', {
    'content-type': 'Application/X-NDJSON; charset=utf-8',
  })
  t.equal(spelled.status, 200)
})

t.test(
  'what is no update is refused with the number of its line, and nothing is stored',
  async (t) => {
    const good = '{"topic":"a"}\n\n'
    const cases: [string, string][] = [
      ['{"topic":"a"', 'expected a JSON object'],
      ['["a"]', 'expected a JSON object'],
      ['null', 'expected a JSON object'],
      ['"a"', 'expected a JSON object'],
      ['{"topic":"a"}{"topic":"a"}', 'expected a JSON object'],
      ['{"data":"a"}', 'an update needs at least one "topic" field'],
      ['{"topic":[]}', 'an update needs at least one "topic" field'],
      ['{"topic":null}', 'topic: expected a string or a list of strings'],
      ['{"topic":["a",1]}', 'topic: expected a string or a list of strings'],
      ['{"topic":"a","data":{"x":1}}', 'data: expected a string'],
      ['{"topic":"a","data":"\\ud800"}', 'data: expected a string'],
      ['{"topic":"a","id":7}', 'id: expected a string'],
      ['{"topic":"a","id":"#x"}', 'an id must not start with "#"'],
      ['{"topic":"a","private":"on"}', 'private: expected true or false'],
      ['{"topic":"a","private":null}', 'private: expected true or false'],
      ['{"topic":"a","retry":-1}', 'retry: expected a number of milliseconds such as 3000'],
      ['{"topic":"a","retry":1.5}', 'retry: expected a number of milliseconds such as 3000'],
      [
        '{"topic":"a","Private":true}',
        'unknown member "Private"; expected topic, data, private, id, type or retry',
      ],
      [
        '{"topic":"a","__proto__":{}}',
        'unknown member "__proto__"; expected topic, data, private, id, type or retry',
      ],
      ['{"topic":"*"}', 'the topic "*" is reserved for matchers'],
      ['{"topic":"a","type":"mercure"}', 'the type "mercure" is reserved for the hub'],
    ]

    for (const [line, sentence] of cases)
      t.strictSame(
        await refused(`${good}${line}\n${good}`),
        [400, `Bad Request: line 3: ${sentence}`],
        line,
      )
  },
)

t.test('an empty batch, and one that is not UTF-8, are refused whole', async (t) => {
  t.strictSame(await refused(''), [400, 'Bad Request: the batch has no updates'])
  t.strictSame(await refused('\n \r\n'), [400, 'Bad Request: the batch has no updates'])
  const answer = await hub.publish(Buffer.from('{"topic":"a\xff"}', 'latin1'), { headers: ndjson })
  t.strictSame(
    [answer.status, answer.text],
    [400, 'Bad Request: the body holds bytes that are not UTF-8\n'],
  )
})

t.test('every line is authorised before any is stored', async (t) => {
  const token = hub.token({ publish: ['a', 'b'] })

  t.strictSame(await refused([{ topic: 'a' }, { topic: ['b', 'c'] }, { topic: 'a' }], token), [
    403,
    'Forbidden: line 2: the token does not grant publishing to every topic of the update',
  ])
  t.equal((await post([{ topic: 'a' }, { topic: ['a', 'b'] }], {}, token)).status, 200)
})

t.test('a batch is bounded by the body limit, and each update by its own', async (t) => {
  const line = JSON.stringify({ topic: 'a', data: 'x'.repeat(1000) })
  const fitting = Array.from({ length: 63 }, () => line).join('\n')

  t.equal((await post(fitting)).status, 200)
  t.strictSame(await refused(`${fitting}\n${line}\n${line}`), [
    413,
    'Content Too Large: the body is larger than max_request_body_size',
  ])
  t.match(await refused([{ topic: 'a' }, { topic: 'x'.repeat(4097) }]), [
    413,
    /line 2: topic: at most/,
  ])
})

t.test(
  'a long batch is one step for readers, and others are served while it is checked',
  async (t) => {
    const big = await startHub(t)
    const stream = await big.subscribe('match=a')
    const lines = Array.from({ length: 20_000 }, (_, i) => `{"topic":"a","data":"${i}"}`).join('\n')

    const answers = await Promise.all([
      big.publish(lines, { headers: ndjson }),
      big.publish({ topic: 'a', data: 'other' }),
    ])

    t.strictSame(
      answers.map((answer) => answer.status),
      [200, 200],
    )
    const data = (await stream.until(20_001)).map((event) => event.data)
    const at = data.indexOf('other')
    t.ok(at === 0 || at === 20_000, `the other came as number ${at}`)
    t.strictSame(
      data.filter((one) => one !== 'other').map(Number),
      Array.from({ length: 20_000 }, (_, i) => i),
    )
  },
)
