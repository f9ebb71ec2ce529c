import t from 'tap'
import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HotPublish } from '../../src/http/hot-publish.ts'
import { HubUrlResolver } from '../../src/http/request/hub-urls.ts'
import { startHub, type TestHub } from '../fixtures/hub.ts'
import { until } from '../fixtures/until.ts'

const topic = 'https://example.com/books/1'
const formType = 'application/x-www-form-urlencoded'

interface Sent {
  readonly token: string
  readonly lines?: readonly string[]
  readonly body: string | Buffer
  readonly type?: string
}

/** A POST as bytes, on a connection that stays open. */
function postOf(hub: TestHub, { token, lines = [], body, type = formType }: Sent): Buffer {
  const head = [
    'POST /.well-known/mercure HTTP/1.1',
    `Host: 127.0.0.1:${hub.port}`,
    `Authorization: Bearer ${token}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...lines,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)])
}

/** Sends bytes and collects what comes until `answers` answers are whole. */
async function exchange(hub: TestHub, bytes: Buffer, answers = 1): Promise<string> {
  const { socket } = hub.connect()
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.write(bytes)
  await until(() => wholeAnswers(text) >= answers || socket.destroyed)
  socket.destroy()
  return text
}

function wholeAnswers(text: string): number {
  let count = 0
  for (let rest = text; ; count++) {
    const end = rest.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(rest)?.[1])
    if (end < 0 || rest.length < end + 4 + length) return count
    rest = rest.slice(end + 4 + length)
  }
}

const withoutChance = (text: string) =>
  text
    .replace(/date: .*/gi, 'date: …')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'some-uuid')

t.test('the short way and the framework’s answer with the same bytes', async (t) => {
  const hub = await startHub(t, {
    cors_origins: 'https://app.example',
    max_request_body_size: '64KiB',
  })
  const token = hub.token({ publish: [topic, 'https://example.com/é'] })
  await hub.publish({ topic }, { token }) // verified from now on
  const json = ['Accept: application/json']
  const cases: readonly (Omit<Sent, 'token'> & { readonly status: number })[] = [
    { status: 200, body: `topic=${encodeURIComponent(topic)}&data=a+%26+b%0Ac` },
    { status: 200, body: `topic=${topic}&id=urn:x:1&type=t&retry=007&private` },
    { status: 200, body: Buffer.from(`topic=https://example.com/é&data=%€;a=b`) },
    { status: 200, body: `topic=${topic}`, type: `${formType}; charset=utf-8` },
    { status: 400, body: '' },
    { status: 400, body: 'data=no+topic', lines: json },
    { status: 400, body: `topic=${topic}&data=%ff` },
    { status: 400, body: `topic=${topic}&retry=soon` },
    { status: 400, body: 'topic=/.well-known/mercure/x' },
    { status: 403, body: 'topic=https://example.com/not-mine' },
    { status: 403, body: 'topic=https://example.com/not-mine', lines: json },
    { status: 413, body: `${`topic=${topic}&`.repeat(1001)}` },
    { status: 413, body: `topic=${topic}&data=${'x'.repeat(70_000)}` },
  ]

  for (const { status, lines = [], ...sent } of cases) {
    const short = await exchange(hub, postOf(hub, { ...sent, token, lines }))
    const long = await exchange(
      hub,
      postOf(hub, { ...sent, token, lines: [...lines, 'X-Other: 1'] }),
    )

    t.match(short, new RegExp(`^HTTP/1.1 ${status} `), String(sent.body).slice(0, 60))
    t.equal(withoutChance(short), withoutChance(long))
  }
})

t.test('publishes that were sent in one packet are answered in their order', async (t) => {
  const hub = await startHub(t)
  const token = hub.token()
  await hub.publish({ topic }, { token })
  const posts = Array.from({ length: 20 }, (_, n) =>
    postOf(hub, {
      token,
      body: `topic=${topic}&id=urn:n:${n}`,
      lines: n % 3 === 2 ? ['X-Other: 1'] : [], // some through the framework
    }),
  )

  const text = await exchange(hub, Buffer.concat(posts), posts.length)

  t.strictSame(
    [...text.matchAll(/urn:n:(\d+)/g)].map(([, n]) => Number(n)),
    posts.map((_, n) => n),
  )
})

t.test(
  'a token counts until it expires or its keys change, on a connection that knows it too',
  async (t) => {
    const hub = await startHub(t)
    const token = hub.token()
    await hub.publish({ topic }, { token })
    const { socket } = hub.connect()
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    const post = postOf(hub, { token, body: `topic=${topic}` })
    socket.write(post)
    await until(() => wholeAnswers(text) === 1)

    await hub.assembly.renew({ ...hub.settings, issuers: [] })
    socket.write(post)
    await until(() => wholeAnswers(text) === 2)

    t.strictSame(
      [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status),
      ['200', '401'],
    )
  },
)

t.test('takes the usual publishes, and leaves every other request to the framework', async (t) => {
  const hub = await startHub(t, { max_request_body_size: '1KiB' })
  const options = { ...hub.assembly.plugin }
  const hot = new HotPublish(options, new HubUrlResolver(options))
  const server = createServer((asked, response) => {
    if (!hot.take(asked, response)) response.writeHead(299).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const token = hub.token()
  await hub.publish({ topic }, { token })
  const body = `topic=${topic}`
  const usual = {
    host: `127.0.0.1:${hub.port}`,
    authorization: `Bearer ${token}`,
    'content-type': formType,
    'content-length': body.length,
  }
  const statusOf = (
    headers: IncomingHttpHeaders | Record<string, unknown>,
    { method = 'POST', path = '/.well-known/mercure', sent = body } = {},
  ) =>
    new Promise<number | undefined>((resolve, reject) => {
      const { port } = server.address() as AddressInfo
      const asking = request(
        { port, host: '127.0.0.1', method, path, headers: headers as IncomingHttpHeaders },
        (response) => {
          resolve(response.statusCode)
          response.resume()
        },
      )
      asking.on('error', reject)
      asking.end(sent)
    })
  const left = 299

  t.equal(await statusOf(usual), 200)
  t.equal(await statusOf({ ...usual, 'user-agent': 'x', 'x-forwarded-for': '1.2.3.4' }), 200)
  for (const [name, value] of [
    ['idempotency-key', '"k"'],
    ['origin', 'https://app.example'],
    ['cookie', 'a=b'],
    ['connection', 'close'],
    ['content-type', 'application/x-ndjson'],
    ['content-length', '1025'],
    ['authorization', `Bearer ${hub.token({ publish: ['never verified'] })}`],
    ['authorization', 'Basic abc'],
    ['host', 'elsewhere.example'],
  ] as const)
    t.equal(
      await statusOf(
        { ...usual, [name]: value },
        { sent: name === 'content-length' ? 'x'.repeat(1025) : body },
      ),
      left,
      name,
    )
  t.equal(await statusOf(usual, { path: '/.well-known/mercure?' }), left)
  t.equal(await statusOf(usual, { method: 'PUT' }), left)
  hot.close()
  t.equal(await statusOf(usual), left)
})
