import t from 'tap'
import { request as httpRequest } from 'node:http'
import { startHub } from '../../fixtures/hub.ts'
import { formOf, formType } from '../../fixtures/http.ts'
import { turns, until } from '../../fixtures/until.ts'

const hubPath = '/.well-known/mercure'

t.test(
  'requests that follow a stream on its connection are not answered, nor acted on',
  async (t) => {
    const hub = await startHub(t)
    const body = formOf({ topic: 'a', data: 'smuggled' })
    const post = `POST ${hubPath} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.token()}\r\nContent-Type: ${formType['content-type']}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const get = hub.requestFor('match=*')

    const together = hub.connect().send(get + get + post + get)
    await together.until(0)
    await together.untilHead()
    await hub.publish({ topic: 'a', data: 'first' })
    await together.until(1)
    together.send(get).send(post)
    await hub.publish({ topic: 'a', data: 'second' })

    t.strictSame(
      (await together.until(2)).map((event) => event.data),
      ['first', 'second'],
    )
    t.equal(together.body.split('retry:').length, 2, 'one stream on the connection')
    t.equal(hub.hub.subscriberCount, 1)
    together.reset()
    await hub.untilSubscribers(0)
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test(
  'a second stream behind one whose token is still being verified opens nothing either',
  async (t) => {
    const hub = await startHub(t, { dispatch_timeout: '0', heartbeat: '0' })
    const get = hub.requestFor('match=*', { token: hub.token() })

    const client = hub.connect().send(get + get + get)
    await client.untilHead()
    await hub.publish({ topic: 'a', data: 'first' })
    await client.until(1)
    await turns()

    t.equal(hub.hub.subscriberCount, 1)
    client.reset()
    await hub.untilSubscribers(0)
  },
)

t.test('requests before a stream on its connection are answered in order', async (t) => {
  const hub = await startHub(t)
  const body = formOf({ topic: 'a', data: 'before' })
  const post = `POST ${hubPath} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.token()}\r\nContent-Type: ${formType['content-type']}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const head = `HEAD ${hubPath}?match=a HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`
  let text = ''
  const client = hub.connect()
  client.socket.removeAllListeners('data')
  client.socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))

  client.send(head + post + hub.requestFor('match=a'))
  await until(() => text.includes('retry:'))
  await hub.publish({ topic: 'a', data: 'live' })
  await until(() => text.includes('data: live'))

  const answers = [...text.matchAll(/HTTP\/1\.1 (\d+)[^]*?content-type: ([^\r;]+)/gi)]
  t.strictSame(
    answers.map(([, status, type]) => [status, type]),
    [
      ['200', 'text/event-stream'],
      ['200', 'text/plain'],
      ['200', 'text/event-stream'],
    ],
  )
  client.reset()
  await hub.untilSubscribers(0)
})

t.test('a GET with a body opens a stream whose end is noticed', async (t) => {
  const hub = await startHub(t, { heartbeat: '0' })
  const client = hub.connect()

  const body = 'x'.repeat(300_000)
  client.send(hub.requestFor('match=a', { lines: [`Content-Length: ${body.length}`] }) + body)
  await client.untilHead()
  await hub.publish({ topic: 'a', data: '1' })
  await client.until(1)
  client.reset()

  await hub.untilSubscribers(0)
  t.strictSame(await hub.closes(), { peer: 1 })
})

t.test('noise that a client sends after its request does not reach the stream', async (t) => {
  const hub = await startHub(t)
  const client = await hub.subscribe('match=a')

  client.send('\0\xff garbage\r\n\r\n').send(Buffer.alloc(200_000, 'y'))
  await hub.publish({ topic: 'a', data: '1' })
  await client.until(1)

  t.notMatch(client.body, 'HTTP/1.1')
  client.reset()
  await hub.untilSubscribers(0)
})

t.test('a client that half-closes has gone', async (t) => {
  const hub = await startHub(t, { heartbeat: '0' })
  const early = hub.connect()
  early.send(hub.requestFor('match=a')).halfClose()
  const late = await hub.subscribe('match=a')

  late.halfClose()

  await Promise.all([early.closed, late.closed])
  await hub.untilSubscribers(0)
  t.equal(await hub.connections(), 0)
})

t.test('an absolute-form target is understood, and its host counts', async (t) => {
  const hub = await startHub(t)
  const token = hub.token()
  const statusOf = async (target: string, host: string) => {
    const request = `GET ${target}?match=a HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`
    return (await hub.connect().send(request).untilHead()).status
  }

  t.equal(await statusOf(hub.url, 'ignored.example'), 200)
  t.equal(await statusOf('http://other.example/.well-known/mercure', `127.0.0.1:${hub.port}`), 401)
})

t.test(
  'HEAD answers the head of a stream at once, registers nobody and keeps the connection',
  async (t) => {
    const hub = await startHub(t)
    const head = `HEAD ${hubPath}?match=a&last_event_id= HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`
    let text = ''
    const client = hub.connect()
    client.socket.removeAllListeners('data')
    client.socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))

    client.send(head)
    await until(() => text.includes('\r\n\r\n'))
    const first = text
    client.send(head)
    await until(() => text.length > first.length && text.endsWith('\r\n\r\n'))

    t.match(first, /^HTTP\/1\.1 200 OK\r\n/)
    t.match(first, /content-type: text\/event-stream\r\n/i)
    t.match(first, /mercure-last-event-id: earliest\r\n/i)
    t.equal(text.split('HTTP/1.1 200 OK').length, 3)
    t.equal(hub.hub.subscriberCount, 0)
  },
)

t.test('a publisher that expects 100-continue is told to go on, or why not', async (t) => {
  const hub = await startHub(t)
  const publish = (token: string) =>
    new Promise<{ continued: boolean; status: number }>((resolve, reject) => {
      let continued = false
      const body = formOf({ topic: 'a', data: 'patient' })
      const request = httpRequest(
        hub.url,
        {
          method: 'POST',
          agent: false,
          headers: {
            ...formType,
            authorization: `Bearer ${token}`,
            'content-length': body.length,
            expect: '100-continue',
          },
        },
        (response) => {
          response.resume()
          resolve({ continued, status: response.statusCode ?? 0 })
        },
      )
      request.on('continue', () => {
        continued = true
        request.end(body)
      })
      request.on('error', reject)
      request.flushHeaders()
    })

  t.strictSame(await publish(hub.token()), { continued: true, status: 200 })
  t.equal(hub.assembly.log.head, 1)
})

t.test('a body in chunks is a body, for POST and for QUERY', async (t) => {
  const hub = await startHub(t)
  const chunked = (method: string, chunks: readonly string[]) =>
    `${method} ${hubPath} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.token()}\r\nContent-Type: ${formType['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.map((chunk) => `${chunk.length.toString(16)};ext=1\r\n${chunk}\r\n`).join('')}0\r\nTrailer: x\r\n\r\n`

  const stream = hub.connect().send(chunked('QUERY', ['ma', 'tch', '=a']))
  await stream.untilHead()
  const post = hub.connect().send(chunked('POST', ['topic=', 'a&dat', 'a=pieces']))

  t.equal((await post.untilHead()).status, 200)
  t.strictSame(
    (await stream.until(1)).map((event) => event.data),
    ['pieces'],
  )
})

t.test('QUERY needs no content type, which is not looked at', async (t) => {
  const hub = await startHub(t)
  const query = (lines: readonly string[], body: string) =>
    hub
      .connect()
      .send(
        `QUERY ${hubPath} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n${lines.map((line) => `${line}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`,
      )
      .untilHead()

  t.equal((await query([], 'match=a')).status, 200)
  t.equal((await query(['Content-Type: text/plain'], 'match=a')).status, 200)
  t.equal((await query([], '')).status, 400, 'no matcher anywhere')
})

t.test('a percent-encoded path is the same path; another one is 404', async (t) => {
  const hub = await startHub(t)
  const status = async (path: string) => (await hub.ask('HEAD', { path })).status

  t.equal(await status('/.well-known/%6Dercure?match=a'), 200)
  for (const path of [
    '/',
    `${hubPath}/`,
    `${hubPath}XYZ`,
    `/${hubPath}`,
    `${hubPath}%2F`,
    '/.WELL-KNOWN/mercure',
  ])
    t.equal(await status(`${path}?match=a`), 404, path)
})

t.test('a path that cannot be decoded is 400, with a sentence', async (t) => {
  const hub = await startHub(t)

  const answer = await hub.ask('GET', { path: '/.well-known/%zz' })

  t.equal(answer.status, 400)
  t.equal(answer.text, 'Bad Request: the request is malformed\n')
})

t.test('every method that HTTP knows and the hub does not serve is 405 with Allow', async (t) => {
  const hub = await startHub(t)

  for (const method of [
    'PUT',
    'DELETE',
    'PATCH',
    'TRACE',
    'PROPFIND',
    'PURGE',
    'MKCOL',
    'OPTIONS',
  ]) {
    const answer = await hub.ask(method, { path: `${hubPath}?match=a` })
    t.equal(answer.status, 405, method)
    t.equal(answer.headers.allow, 'GET, HEAD, QUERY, POST', method)
    t.match(answer.text, /answers GET, HEAD, QUERY, POST/)
  }
})

t.test('what is no HTTP gets 400 or 431 and a closed connection', async (t) => {
  const hub = await startHub(t, { max_header_size: '4KiB' })
  const answerTo = async (bytes: string) => {
    const client = hub.connect().send(bytes)
    await client.closed
    return [client.head.status, client.body]
  }

  t.strictSame(await answerTo('nonsense\r\n\r\n'), [400, 'the request is no valid HTTP\n'])
  t.strictSame(await answerTo(`GET ${hubPath} HTTP/1.1\r\n\r\n`).then(([status]) => status), 400)
  t.strictSame(await answerTo(`GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(5000)}\r\n\r\n`), [
    431,
    'the header is larger than max_header_size\n',
  ])
  t.equal(await hub.connections(), 0)
})

t.test('two Host fields are refused: nobody can tell which one the token is for', async (t) => {
  const hub = await startHub(t)

  const client = await hub.subscribe('match=a', { lines: ['Host: other.example'] })

  t.equal(client.head.status, 400)
  t.equal(hub.hub.subscriberCount, 0)
})
