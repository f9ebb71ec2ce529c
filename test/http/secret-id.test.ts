import t from 'tap'
import { startAdmin, startHub } from '../fixtures/hub.ts'
import { formOf, formType } from '../fixtures/http.ts'
import { signLegacyToken } from '../fixtures/tokens.ts'

const hubPath = '/.well-known/mercure'
const api = `${hubPath}/subscriptions`
const secretId = 'urn:planted:c0ffee-5ec4e7'
const topic = 'https://example.com/private'

/** Spellings in which an id may stand in a field, a document or a stream. */
const spellings = [secretId, encodeURIComponent(secretId), Buffer.from(secretId).toString('base64')]

const hub = await startHub(t, {
  subscriptions: true,
  protocol_version_compatibility: 8,
  cors_origins: 'https://app.example',
  debugger: true,
  heartbeat: '50ms',
})
const admin = await startAdmin(t, hub)

/** Everybody who may not have the update. */
const strangers = {
  nobody: undefined,
  'a token for another topic': hub.token({ publish: ['x'], subscribe: ['x'] }),
  'a token for the lists': hub.token({ subscribe: [api, `${api}/exact/${escaped(topic)}`] }),
  'a token for all subscriptions': hub.token({
    subscribe: [{ match: `${api}/*`, match_type: 'urlpattern' }, api],
  }),
  'a 0.x token for the lists': signLegacyToken({ subscribe: [api, `${api}{/topic}{/id}`] }),
  'a 0.x token for nothing': signLegacyToken({}),
  'a token of somebody else': hub.token({ secret: 'x' }),
}

function escaped(text: string): string {
  return encodeURIComponent(text)
}

let planted = 0

/** Makes a secret the newest entry, as it is when somebody looks right after it was published. Each id is used once. */
async function plant(): Promise<string> {
  const id = `${secretId}-${++planted}`
  const { status } = await hub.publish({ topic, private: 'on', id, data: 'for few' })
  if (status !== 200) throw new Error(`${status}`)
  return id
}

function requests(subscription: string): readonly (readonly [method: string, path: string])[] {
  const lists = [api, `${api}?topic=${escaped(topic)}`, `${api}?limit=1`, `${api}?limit=1&after=`]
  const reads = [
    ...lists,
    `${api}/exact/${escaped(topic)}`,
    `${api}/${escaped(topic)}`,
    `${api}/urlpattern/*`,
    subscription,
    hubPath,
    `${hubPath}/nothing`,
    '/.well-known/oauth-protected-resource/.well-known/mercure',
    '/health/live',
    '/health/ready',
    '/healthz',
    `${hubPath}/debug/config.json`,
    '/nothing',
  ]
  return [
    ...reads.flatMap((path) => [
      ['GET', path] as const,
      ['HEAD', path] as const,
      ['DELETE', path] as const,
    ]),
    ['OPTIONS', hubPath],
    ['HEAD', `${hubPath}?match=${escaped(topic)}`],
    ['HEAD', `${hubPath}?match=*&last_event_id=`],
    ['HEAD', `${hubPath}?match=*&last_event_id=earliest`],
    ['HEAD', `${hubPath}?topic=*&lastEventID=earliest`],
    ['QUERY', hubPath],
    ['POST', hubPath],
  ]
}

t.test('no answer tells a stranger the id of a private update', async (t) => {
  const stream = await hub.subscribe(`match=${escaped(topic)}`)
  const list = await hub.ask('GET', { path: api, token: hub.token() })
  const subscription = /"id":"([^"]*exact[^"]*)"/.exec(list.text)?.[1] ?? ''
  t.ok(subscription, 'there is a subscription to ask for')
  const leaks: string[] = []
  let answered = 0

  for (const [name, token] of Object.entries(strangers)) {
    const id = await plant()
    for (const [method, path] of requests(subscription))
      for (const condition of [{}, { 'if-none-match': `"${id}"` }, { 'if-none-match': id }]) {
        const headers = { origin: 'https://app.example', ...condition }
        const answer = await hub.ask(method, { path, token, headers })
        if (answer.status === 200) answered++
        if (answer.status === 304 || tells(JSON.stringify(answer)))
          leaks.push(`${name}: ${method} ${path}: ${JSON.stringify(answer)}`)
      }
  }

  t.strictSame(leaks, [])
  t.ok(answered > 100, 'most of them are answered')
  stream.close()
})

t.test('no stream tells it, from wherever it begins, nor does what happens on it', async (t) => {
  await plant()
  const queries = ['match=*', `match=${escaped(topic)}`, `topic=*`, `match=${escaped(`${api}/*`)}`]
  const cursors = ['', '&last_event_id=', '&last_event_id=earliest', '&last_event_id=unknown']

  for (const [name, token] of Object.entries(strangers))
    for (const query of queries.flatMap((one) => cursors.map((cursor) => one + cursor))) {
      const stream = await hub.subscribe(query, { token })
      if (stream.head.status !== 200) continue
      await plant()
      await stream.when(({ comments }) => comments > 1) // a heartbeat, after the update
      t.notOk(tells(stream.head.raw + stream.body), `${name}: ${query}: ${stream.body}`)
      stream.close()
    }
})

t.test('a publisher that may not have it is not told it either', async (t) => {
  await plant()
  const token = hub.token({ publish: ['x'] })

  const answers = [
    await hub.publish({ topic: 'x' }, { token }),
    await hub.publish({ topic }, { token }),
    await hub.publish('{"topic":"x"}\n{"topic":"x"}', {
      token,
      headers: { 'content-type': 'application/x-ndjson' },
    }),
    await hub.publish({ topic: 'x' }, { token, headers: { 'idempotency-key': 'a' } }),
    await hub.ask('POST', { headers: formType, body: formOf({ topic: 'x' }) }),
  ]

  for (const answer of answers) t.notOk(tells(JSON.stringify(answer)), answer.text)
})

t.test('nor are metrics, health and the list of streams', async (t) => {
  await plant()
  await hub.subscribe('match=*&last_event_id=earliest')

  for (const path of [
    '/metrics',
    '/health/live',
    '/health/ready',
    '/debug/subscribers',
    '/debug/registry',
  ])
    t.notOk(tells(await textOf(admin + path)), path)
})

t.test('who may have it gets it, so the secret was there to be found', async (t) => {
  const id = await plant()
  const stream = await hub.subscribe('match=*&last_event_id=earliest', { token: hub.token() })
  await stream.when(({ events }) => events.some((event) => event.id === id))

  t.ok(tells(stream.body))
})

function tells(text: string): boolean {
  return spellings.some((spelling) => text.includes(spelling))
}

async function textOf(url: string): Promise<string> {
  const { headers, text } = await fetch(url).then(async (answer) => ({
    headers: [...answer.headers],
    text: await answer.text(),
  }))
  return JSON.stringify(headers) + text
}
