import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import {
  decode,
  type Ended,
  fakeHub,
  type FakeHub,
  lines,
  refuse,
  run,
  start,
  stream,
} from '../cinnabar.ts'

const gone = refuse(204)
const fast = 'retry: 50\n\n'

/** What is told besides that it listens, and that there is nothing more. */
function troubles({ code, stdout, stderr }: Ended): Ended {
  const told = stderr.split('\n').filter((line) => !/: listening to |\(204\): /.test(line))
  return { code, stdout, stderr: told.join('\n') }
}

/** Subscribes to everything at `hub`, without a token, to the end. */
function follow(t: Test, hub: FakeHub, ...args: readonly string[]): Promise<Ended> {
  return run(t, ['subscribe', '--match=*', '--anonymous', '--hub', hub.url, ...args]).then(troubles)
}

const cursorsOf = (hub: FakeHub) => hub.seen.map(({ headers }) => headers['last-event-id'])

t.test('asks for what is wanted, from where it is wanted', async (t) => {
  const hub = await fakeHub(t, gone)
  const wanted = ['--match=a', '--match=b&c', '--urlpattern=/x/:id', '--topic=https://t/{id}']
  const args = ['subscribe', ...wanted, '--last-event-id=5', '--token=abc', '--hub', hub.url]

  t.strictSame(troubles(await run(t, args)), { code: 0, stdout: '', stderr: '' })

  const [request] = hub.seen
  t.match(request, {
    method: 'GET',
    headers: { accept: 'text/event-stream', authorization: 'Bearer abc', 'last-event-id': '5' },
  })
  t.strictSame(
    [...new URL(request?.url ?? '', hub.url).searchParams],
    [
      ['match', 'a'],
      ['match', 'b&c'],
      ['match_urlpattern', '/x/:id'],
      ['topic', 'https://t/{id}'],
      ['cursor_lines', '1'],
    ],
  )
})

t.test('prints events as blocks that can be read again', async (t) => {
  const sent = `${fast}: comment\n\nid: 1\nevent: note\ndata: a\ndata: b\n\ndata: c\n\n`
  const hub = await fakeHub(t, stream([sent]), gone)

  t.strictSame(await follow(t, hub), {
    code: 0,
    stdout: 'event: note\ndata: a\ndata: b\nid: 1\n\ndata: c\nid: 1\n\n',
    stderr: '',
  })
})

t.test('--json prints one object per line, with the type message when there is none', async (t) => {
  const hub = await fakeHub(
    t,
    stream([`${fast}data: no id\n\nid: 1\nevent: note\ndata: a\ndata: "b"\n\n`]),
    gone,
  )

  const { stdout } = await follow(t, hub, '--json')

  t.strictSame(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      { id: '', type: 'message', data: 'no id' },
      { id: '1', type: 'note', data: 'a\n"b"' },
    ],
  )
})

t.test('resumes after the last event when a stream ends', async (t) => {
  const hub = await fakeHub(
    t,
    stream([`${fast}id: 1\ndata: a\n\n`, 'id: 2\ndata: b\n\n']),
    stream(['id: 3\ndata: c\n\n']),
    gone,
  )

  const { code, stdout } = await follow(t, hub)

  t.equal(code, 0)
  t.equal(stdout, 'data: a\nid: 1\n\ndata: b\nid: 2\n\ndata: c\nid: 3\n\n')
  t.strictSame(cursorsOf(hub), [undefined, '2', '3'])
})

t.test('resumes after a cut in the middle of an event, without that event', async (t) => {
  const hub = await fakeHub(
    t,
    stream([`${fast}id: 1\ndata: a\n\n`, 'id: 2\n'], 'cut'),
    stream(['id: 2\ndata: b\n\n']),
    gone,
  )

  const { code, stdout, stderr } = await follow(t, hub)

  t.equal(code, 0)
  t.equal(stdout, 'data: a\nid: 1\n\ndata: b\nid: 2\n\n')
  t.match(stderr, /^cinnabar subscribe: the stream was cut: .*; trying again in 0\.\d s\n$/)
  t.strictSame(cursorsOf(hub), [undefined, '1', '2'])
})

t.test('a cursor line moves the cursor and prints nothing', async (t) => {
  const hub = await fakeHub(t, stream([`${fast}id: #42\n\n`]), gone)

  t.equal((await follow(t, hub)).stdout, '')
  t.strictSame(cursorsOf(hub), [undefined, '#42'])
})

t.test('ids outside Latin-1 come back as the bytes they were', async (t) => {
  const hub = await fakeHub(t, stream([`${fast}id: é-日\ndata: a\n\n`]), gone)

  await follow(t, hub)

  const cursor = hub.seen[1]?.headers['last-event-id']
  t.equal(Buffer.from(String(cursor), 'latin1').toString('utf8'), 'é-日')
})

t.test('an id that no header can hold comes back as a parameter', async (t) => {
  const hub = await fakeHub(t, stream([`${fast}id: a\u0001b\ndata: a\n\n`]), gone)

  await follow(t, hub)

  t.equal(cursorsOf(hub)[1], undefined)
  t.equal(new URL(hub.seen[1]?.url ?? '', hub.url).searchParams.get('last_event_id'), 'a\u0001b')
})

t.test('comes back after 503, 502, 429 and a connection that is refused', async (t) => {
  const hub = await fakeHub(
    t,
    stream([`${fast}id: 1\ndata: a\n\n`]),
    refuse(503, 'Service Unavailable: draining\n'),
    refuse(502),
    refuse(429, 'Too Many Requests\n'),
    (response) => response.destroy(),
    gone,
  )

  const { code, stderr } = await follow(t, hub)

  t.equal(code, 0)
  t.strictSame(
    stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/; trying again in \d+\.\d s$/, '')),
    [
      'cinnabar subscribe: 503 Service Unavailable: draining',
      'cinnabar subscribe: 502 Bad Gateway',
      'cinnabar subscribe: 429 Too Many Requests',
      'cinnabar subscribe: cannot reach the hub: UND_ERR_SOCKET other side closed',
    ],
  )
  t.strictSame(cursorsOf(hub), [undefined, '1', '1', '1', '1', '1'])
})

t.test('waits at least as long as Retry-After says', async (t) => {
  const times: number[] = []
  const hub = await fakeHub(
    t,
    stream([fast]),
    (response) => {
      times.push(performance.now())
      response.writeHead(503, { 'retry-after': '1' }).end()
    },
    (response) => {
      times.push(performance.now())
      response.writeHead(204).end()
    },
  )

  await follow(t, hub)

  const [refused = 0, again = 0] = times
  t.ok(again - refused >= 990, `${again - refused} ms`)
})

t.test('a refusal that will not change ends it with the reason', async (t) => {
  const hub = await fakeHub(
    t,
    refuse(400, 'Bad Request: no matcher\n'),
    refuse(401, 'Unauthorized\n'),
    refuse(403, ''),
    refuse(404, 'nothing here\n'),
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  )
  const reasons = []
  for (let index = 0; index < 5; index++) {
    const { code, stderr } = await follow(t, hub)
    reasons.push([code, stderr.replace(`cinnabar subscribe: ${hub.url} refused: `, '').trimEnd()])
  }

  t.strictSame(reasons, [
    [1, '400 Bad Request: no matcher'],
    [1, '401 Unauthorized'],
    [1, '403 Forbidden'],
    [1, '404 Not Found: nothing here'],
    [1, 'expected text/event-stream, got text/html'],
  ])
})

t.test('makes a token for what is wanted, and keeps it while it lasts', async (t) => {
  const hub = await fakeHub(t, stream([fast]), gone)
  const env = {
    MERCURE_TRUSTED_ISSUERS: 'https://app.example',
    MERCURE_SUBSCRIBER_JWT_KEY: 'a secret that is long enough for HS256',
  }

  const args = ['subscribe', '--match=a', '--urlpattern=/x/:id', '--hub', hub.url]
  const { stderr } = await run(t, [...args, '--quiet'], { env })

  t.equal(stderr, '')
  const tokens = hub.seen.map(({ headers }) => headers.authorization?.replace('Bearer ', '') ?? '')
  t.strictSame([tokens.length, new Set(tokens).size], [2, 1])
  t.match(decode(tokens[0] ?? ''), {
    header: { typ: 'at+jwt' },
    claims: {
      aud: hub.url,
      authorization_details: [
        {
          actions: ['subscribe'],
          topics: [{ match: 'a' }, { match: '/x/:id', match_type: 'urlpattern' }],
        },
      ],
    },
  })
})

t.test('a subscription of 0.x selectors has a 0.x token', async (t) => {
  const hub = await fakeHub(t, gone)

  await run(t, ['subscribe', '--topic=https://t/{id}', '--hub', hub.url])

  const token = hub.seen[0]?.headers.authorization?.replace('Bearer ', '') ?? ''
  t.match(decode(token), {
    header: { typ: 'JWT' },
    claims: { mercure: { subscribe: ['https://t/{id}'] } },
  })
})

t.test('without a key that can sign it goes without a token, and says so', async (t) => {
  const hub = await fakeHub(t, gone)
  const env = {
    MERCURE_TRUSTED_ISSUERS: 'https://app.example',
    MERCURE_SUBSCRIBER_JWKS_URI: 'file:///etc/jwks.json',
  }

  const args = ['subscribe', '--match=a', '--hub', hub.url]
  const { code, stderr } = troubles(await run(t, args, { env }))

  t.strictSame(
    [code, stderr, hub.seen[0]?.headers.authorization],
    [
      0,
      "cinnabar subscribe: without a token: expected the private key, because the hub's settings only have a JWK Set\n",
      undefined,
    ],
  )
})

t.test('a signal ends it with 0, waiting or reading', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const hub = await fakeHub(t, stream(['data: a\n\n'], 'open'))
    const child = start(t, ['subscribe', '--match=*', '--anonymous', '--json', '--hub', hub.url])
    await lines(child.stdout, 1)
    child.kill(signal)
    t.strictSame(await once(child, 'exit'), [0, null], `reading, ${signal}`)

    const waiting = start(t, ['subscribe', '--match=*', '--hub=http://127.0.0.1:1/x'])
    await lines(waiting.stderr, 2)
    waiting.kill(signal)
    t.strictSame(await once(waiting, 'exit'), [0, null], `waiting, ${signal}`)
  }
})

t.test('a reader that goes away ends it quietly', async (t) => {
  const hub = await fakeHub(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write('data: a\n\n'), 10)
    response.on('close', () => clearInterval(timer))
  })
  const child = start(t, ['subscribe', '--match=*', '--anonymous', '--quiet', '--hub', hub.url])

  await once(child.stdout, 'data')
  child.stdout.destroy()

  const [stderr, exit] = await Promise.all([text(child.stderr), once(child, 'exit')])
  t.strictSame([stderr, exit], ['', [0, null]])
})

t.test('mistakes are told at once', async (t) => {
  const args = ['subscribe', 'topic', '--hub=ftp://hub', '--json=x', '--last-event-id']

  t.strictSame(await run(t, args), {
    code: 2,
    stdout: '',
    stderr: `cinnabar subscribe: --last-event-id: expected a value, got nothing
cinnabar subscribe: --json: expected 1 or 0, got "x"
cinnabar subscribe: unexpected argument "topic"
cinnabar subscribe: --hub: expected the hub's whole URL such as "http://127.0.0.1:3000/.well-known/mercure", got "ftp://hub"
cinnabar subscribe: expected a matcher: --match, --urlpattern or --topic, got none
"cinnabar subscribe --help" tells more
`,
  })
})
