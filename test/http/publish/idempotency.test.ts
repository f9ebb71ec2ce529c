import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'

const ndjson = { 'content-type': 'application/x-ndjson' }

const once = (key: string, more = {}) => ({ headers: { 'idempotency-key': key, ...more } })

/** Status and answer of a publish. */
async function post(
  hub: TestHub,
  body: Parameters<TestHub['publish']>[0],
  asking: Parameters<TestHub['publish']>[1],
): Promise<[number, string]> {
  const { status, text } = await hub.publish(body, asking)
  return [status, text.trim()]
}

t.test('the same key and body are stored once, and answered with the first id', async (t) => {
  const hub = await startHub(t)
  const stream = await hub.subscribe('match=a')

  const first = await post(hub, { topic: 'a', data: 'x' }, once('"k1"'))
  const again = await post(hub, { topic: 'a', data: 'x' }, once('"k1"'))
  const other = await post(hub, { topic: 'a', data: 'x' }, once('"k2"'))
  const own = await post(hub, { topic: 'a', id: 'own' }, once('"k3"'))
  const ownAgain = await post(hub, { topic: 'a', id: 'own' }, once('"k3"'))

  t.match(first, [200, /^urn:uuid:/])
  t.strictSame(again, first)
  t.not(other[1], first[1])
  t.strictSame(
    [own, ownAgain],
    [
      [200, 'own'],
      [200, 'own'],
    ],
  )
  t.strictSame(
    (await stream.until(3)).map((event) => event.id),
    [first[1], other[1], 'own'],
  )
  t.equal(hub.assembly.log.head, 3)
  t.match(await hub.assembly.metrics.text(), /^mercure_idempotency_keys 3$/m)
  t.match(await hub.assembly.metrics.text(), /^mercure_updates_total 3$/m)
})

t.test('the same key with another body is a conflict', async (t) => {
  const hub = await startHub(t)
  await hub.publish({ topic: 'a' }, once('k'))

  for (const [body, type] of [
    ['topic=a&data=', {}],
    ['topic=b', {}],
    ['{"topic":"a"}', ndjson],
  ] as const) {
    const { status, text } = await hub.publish(
      body,
      once('k', { accept: 'application/json', ...type }),
    )
    t.equal(status, 422)
    t.match(JSON.parse(text), {
      code: 'conflicting_idempotency_key',
      detail: /used with another body/,
    })
  }
  t.equal(hub.assembly.log.head, 1)
})

t.test('a hundred at once with the same key are stored once', async (t) => {
  const hub = await startHub(t, { transport_url: `lmdb:${t.testdir()}` })

  const answers = await Promise.all(
    Array.from({ length: 100 }, () => post(hub, { topic: 'a' }, once('k'))),
  )

  t.match(answers[0], [200, /^urn:uuid:/])
  t.equal(new Set(answers.map(String)).size, 1)
  t.equal(hub.assembly.log.head, 1)
})

t.test('a batch happens once too, and its ids are told again', async (t) => {
  const hub = await startHub(t, { transport_url: `lmdb:${t.testdir()}` })
  const body = '{"topic":"a"}\n{"topic":"a","id":"own"}\n{"topic":"a"}\n'

  const first = await post(hub, body, once('k', ndjson))
  const again = await post(hub, body, once('k', ndjson))

  const ids = JSON.parse(first[1]) as string[]
  t.match(ids, [/^urn:uuid:/, 'own', /^urn:uuid:/])
  t.not(ids[0], ids[2])
  t.strictSame(again, first)
  t.equal(hub.assembly.log.head, 3)
  t.strictSame(await post(hub, `${body}\n`, once('k', ndjson)), [
    422,
    'Unprocessable Content: this Idempotency-Key was used with another body',
  ])
})

t.test(
  'a restart forgets no key, and a renewed token of the same subject has the same keys',
  async (t) => {
    const transport_url = `lmdb:${t.testdir()}`
    const body = '{"topic":"a"}\n{"topic":"a"}'
    const answers: [number, string][] = []

    for (let start = 0; start < 2; start++)
      await t.test(`start ${start}`, async (t) => {
        const hub = await startHub(t, { transport_url })
        const token = hub.token({ publish: ['*'], claims: { jti: String(start) } })
        answers.push(await post(hub, { topic: 'a' }, { token, ...once('k') }))
        answers.push(await post(hub, body, { token, ...once('l', ndjson) }))
        t.equal(hub.assembly.log.head, 3)
      })

    t.match(answers[0], [200, /^urn:uuid:/])
    t.strictSame(answers.slice(2), answers.slice(0, 2))
  },
)

t.test('keys belong to their publisher', async (t) => {
  const hub = await startHub(t)
  const of = (claims: Record<string, unknown>) => hub.token({ publish: ['*'], claims })
  const tokens = [
    of({ sub: 'a' }),
    of({ sub: 'b' }),
    of({ sub: '', jti: '1' }),
    of({ sub: undefined, jti: '2' }),
    of({ sub: undefined, jti: '3' }),
  ]

  const ids: string[] = []
  for (const token of tokens) {
    const [status, id] = await post(hub, { topic: 'a' }, { token, ...once('k') })
    t.equal(status, 200)
    t.strictSame(await post(hub, { topic: 'a' }, { token, ...once('k') }), [200, id])
    ids.push(id)
  }
  t.equal(new Set(ids).size, tokens.length)

  const poor = hub.token({ publish: ['b'], claims: { sub: 'a' } })
  t.match(await post(hub, { topic: 'a' }, { token: poor, ...once('k') }), [403, /not grant/])
})

t.test('a key is a string of structured fields, or the same without quotes', async (t) => {
  const hub = await startHub(t)
  const [, id] = await post(hub, { topic: 'a' }, once('8e03978e-40d5-43dd-bc93-6894a57f9324'))

  for (const key of [
    '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
    '  "8e03978e-40d5-43dd-bc93-6894a57f9324"  ',
    '"8e03978e-40d5-43dd-bc93-6894a57f9324";p=1',
  ])
    t.strictSame(await post(hub, { topic: 'a' }, once(key)), [200, id], key)
  for (const key of [
    'x'.repeat(255),
    `"${'y'.repeat(255)}"`,
    '"a \\"b\\" \\\\"',
    '"a, b"',
    'a:b/c+d==',
  ])
    t.equal((await post(hub, { topic: 'a' }, once(key)))[0], 200, key)
  const { head } = hub.assembly.log
  for (const key of [
    '',
    '""',
    '"',
    '"a',
    'a"',
    'a b',
    'a,b',
    '"a" "b"',
    '"a", "b"',
    '"a\\x"',
    'é',
    '"é"',
  ])
    t.match(await post(hub, { topic: 'a' }, once(key)), [400, /Idempotency-Key: expected one/], key)
  for (const key of ['x'.repeat(256), `"${'y'.repeat(256)}"`])
    t.match(await post(hub, { topic: 'a' }, once(key)), [400, /Idempotency-Key: at most 255/])
  const twice = await post(hub, { topic: 'a' }, { headers: { 'idempotency-key': ['a', 'b'] } })
  t.match(twice, [400, /expected one string/])
  t.equal(hub.assembly.log.head, head, 'nothing was stored')
})

t.test('a key is forgotten after the window, and without a window there are none', async (t) => {
  const short = await startHub(t, { idempotency_window: '50ms' })
  const off = await startHub(t, { idempotency_window: '0' })

  const [, first] = await post(short, { topic: 'a' }, once('k'))
  let again = first
  while (again === first) [, again] = await post(short, { topic: 'a' }, once('k'))
  t.equal(short.assembly.log.head, 2)

  await post(off, { topic: 'a' }, once('k'))
  await post(off, { topic: 'b' }, once('not valid'))
  t.equal(off.assembly.log.head, 2)
  t.equal(off.assembly.log.stats().onceKeys, 0)
})

t.test('a full table refuses new keys and forgets none early', async (t) => {
  const hub = await startHub(t)
  const [, first] = await post(hub, { topic: 'a' }, once('k'))
  const { log } = hub.assembly
  const refusedAt = async () => {
    for (let i = 0; ; i++)
      await log.append([], { once: { key: String(i), fingerprint: '', windowMs: 600_000 } })
  }
  await t.rejects(refusedAt(), { code: 'unavailable' })

  const { status, headers, text } = await hub.publish({ topic: 'a' }, once('new'))

  t.strictSame([status, headers['retry-after']], [503, '5'])
  t.match(text, /too many idempotency keys/)
  t.strictSame(await post(hub, { topic: 'a' }, once('k')), [200, first])
  t.equal((await post(hub, { topic: 'a' }, {}))[0], 200, 'without a key there is room')
  t.equal(log.head, 2)
})

t.test('a refused publish uses no key up', async (t) => {
  const hub = await startHub(t)

  t.equal((await post(hub, { topic: '*' }, once('k')))[0], 400)
  t.equal((await post(hub, { topic: 'a' }, once('k')))[0], 200)
})

t.test('pages of other origins may send a key', async (t) => {
  const origin = 'https://app.example'
  const hub = await startHub(t, { cors_origins: origin })

  const { status, headers } = await hub.ask('OPTIONS', {
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    },
  })

  t.equal(status, 204)
  t.match(headers['access-control-allow-headers'], /idempotency-key/)
})
