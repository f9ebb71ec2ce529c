import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { formType } from '../../fixtures/http.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'

const target = '/.well-known/mercure?match=a'
const form = formType['content-type']

async function statusOf(hub: TestHub, accept: string | undefined, query = 'match=a') {
  const lines = accept === undefined ? [] : [`Accept: ${accept}`]
  const client = await hub.subscribe(query, { lines })
  client.close()
  return client.head.status
}

t.test('who excludes an event stream is answered 406, and nobody else', async (t) => {
  const hub = await startHub(t)

  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/*',
    'text/event-stream',
    'TEXT/Event-Stream; charset=utf-8',
    'application/json, text/plain, */*',
    'text/html,application/xml;q=0.9,*/*;q=0.8',
    'text/*;q=0, text/event-stream;q=0.1',
    'application/json;q=0, text/event-stream',
  ])
    t.equal(await statusOf(hub, accept), 200, String(accept))
  for (const accept of [
    'application/json',
    'text/html, text/plain',
    'text/event-stream;q=0',
    'text/event-stream; q=0.000, */*',
    '*/*, text/*;q=0',
    'text/event-streams',
    `${'a/b,'.repeat(10_000)}x/y`,
  ])
    t.equal(await statusOf(hub, accept), 406, accept.slice(0, 40))
  t.equal(hub.hub.subscriberCount, 0)
})

t.test('every method that asks for a stream is answered 406, and told what to do', async (t) => {
  const hub = await startHub(t)
  const headers = { ...formType, accept: 'application/json' }

  for (const method of ['GET', 'QUERY']) {
    const { status, text } = await hub.ask(method, { path: target, headers })
    t.match([status, JSON.parse(text)], [406, { code: 'not_acceptable', title: 'Not Acceptable' }])
  }
  t.equal((await hub.ask('HEAD', { path: target, headers })).status, 406)
  t.equal((await hub.ask('HEAD', { headers })).status, 400, 'what is asked for counts first')
  t.equal((await hub.publish({ topic: 'a' }, { headers })).status, 200)
})

t.test('a QUERY says that it is a form: 400 without a type, 415 with another', async (t) => {
  const hub = await startHub(t)
  const query = (headers: Record<string, string>, body: string) =>
    hub.ask('QUERY', { path: '/.well-known/mercure?match=a', headers, body })
  const fine = async (type: string) => {
    const client = hub.connect()
    client.send(
      `QUERY ${target} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nContent-Type: ${type}\r\nContent-Length: 7\r\n\r\nmatch=b`,
    )
    const { status } = await client.untilHead()
    client.close()
    return status
  }

  for (const type of [form, `${form}; charset=utf-8`, 'Application/X-WWW-Form-Urlencoded'])
    t.equal(await fine(type), 200, type)
  for (const body of ['match=b', '']) {
    const { status, headers, text } = await query({}, body)
    t.match([status, headers['accept-query'], text], [400, form, /Content-Type/])
  }
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x']) {
    const { status, headers } = await query({ 'content-type': type }, '{"match":"%ff"}')
    t.strictSame([status, headers['accept-query']], [415, form], type)
  }
  t.equal((await query({ authorization: 'Bearer x' }, 'match=b')).status, 400)
  t.equal(hub.hub.subscriberCount, 0)
})

t.test('a request of 0.x is taken whatever it accepts, and whatever type it has', async (t) => {
  const hub = await startHub(t, { protocol_version_compatibility: 8 })
  const token = signLegacyToken({ subscribe: ['*'] })
  const by = async (query: string, lines: string[], more = {}) => {
    const client = await hub.subscribe(query, { lines, ...more })
    client.close()
    return client.head.status
  }
  const json = ['Accept: application/json']

  t.equal(await by('topic=a', json), 200)
  t.equal(await by('match=a', json, { token }), 200)
  t.equal(await by('match=a', json), 406)
  t.equal(await by('match=a', json, { token: hub.token() }), 406)
  const query = async (headers: Record<string, string>, body: string, accessToken?: string) => {
    const client = hub.connect()
    const fields = Object.entries({
      host: `127.0.0.1:${hub.port}`,
      'content-length': String(body.length),
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    client.send(`QUERY /.well-known/mercure HTTP/1.1\r\n${fields.join('')}\r\n${body}`)
    const { status } = await client.untilHead()
    client.close()
    return status
  }
  t.equal(await query({}, 'topic=a'), 200)
  t.equal(await query({ 'content-type': 'text/plain' }, 'match=a', token), 200)
  t.equal(await query({}, 'match=a'), 400)
  t.equal(await query({ 'content-type': 'text/plain' }, 'match=a', hub.token()), 415)
})

t.test('ids that a field would trim are refused, so each id can be resumed from', async (t) => {
  const hub = await startHub(t)
  const statusOf = async (id: string) => (await hub.publish({ topic: 'a', id })).status
  const inBatch = (id: string) =>
    hub.publish(JSON.stringify({ topic: 'a', id }), {
      headers: { 'content-type': 'application/x-ndjson' },
    })

  for (const id of [' x', 'x ', ' earliest', ' #x', '\u3000x', 'x\u00a0', '  x  ']) {
    t.equal(await statusOf(id), 400, JSON.stringify(id))
    t.equal((await inBatch(id)).status, 400, JSON.stringify(id))
  }
  t.equal(await statusOf('an id with spaces'), 200)
  await hub.publish({ topic: 'a', id: 'next' })
  const stream = await hub.subscribe('match=a', { lastEventId: 'an id with spaces' })
  await stream.until(1)
  t.strictSame(
    stream.events.map(({ id }) => id),
    ['next'],
  )
})
