import t from 'tap'
import { Journal } from '../../src/app/event-log.ts'
import { silent } from '../../src/hub/observer.ts'
import { MemoryLog } from '../../src/log/memory/memory-log.ts'
import type { LogHealth } from '../../src/log/log.ts'
import { HubError } from '../../src/protocol/errors.ts'
import { formOf, formType, ask } from '../fixtures/http.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

type Line = readonly [level: string, fields: unknown, message: string | undefined]

function journal(): { lines: Line[]; journal: Journal } {
  const lines: Line[] = []
  const tell = (level: string) => (fields: unknown, message?: string) =>
    void lines.push([level, fields, message])
  const teller = { info: tell('info'), warn: tell('warn'), error: tell('error'), debug() {} }
  return { lines, journal: new Journal(teller) }
}

t.test('five lines of a kind, then a count of those left out; kinds do not mix', async (t) => {
  const { lines, journal: one } = journal()

  for (let i = 0; i < 1_000; i++) one.refused('subscribe', new HubError('invalid_matcher'))
  one.refused('publish', new HubError('too_large', 'x', { limit: 'topics' }))
  one.close()

  t.strictSame(lines, [
    ...Array.from({ length: 5 }, () => [
      'info',
      { code: 'invalid_matcher' },
      'a stream was refused',
    ]),
    ['warn', { limit: 'topics', kind: 'publish' }, 'a limit was hit'],
    [
      'warn',
      { kind: 'refused invalid_matcher', suppressed: 995 },
      'more lines of this kind were left out',
    ],
  ])
})

t.test(
  'internal errors and failed jobs are told with their cause, faults with a few words',
  async (t) => {
    const { lines, journal: one } = journal()
    const [cause, failure] = [new Error('the cause'), new Error('the failure')]
    const observer = one.beside(silent)

    one.refused('publish', new HubError('internal', undefined, { cause }))
    observer.failed('replay', failure)
    observer.mismatched(['one', 'two', 'three', 'four', 'five', 'six'])
    observer.lost(7)
    one.corrupt(42)

    t.strictSame(lines, [
      ['error', { kind: 'publish', err: cause }, 'a request failed'],
      ['error', { job: 'replay', err: failure }, 'a background job failed; it goes on'],
      [
        'error',
        { count: 6, faults: ['one', 'two', 'three', 'four', 'five'] },
        'the registry disagreed with itself, and was repaired',
      ],
      ['warn', { entries: 7 }, 'entries were trimmed before they could be sent'],
      ['error', { position: 42 }, 'a record of the history is damaged'],
    ])
  },
)

t.test('a history that falls ill is told once, and once more when it is well again', async (t) => {
  const { lines, journal: one } = journal()
  let health: LogHealth = { ok: true }
  const log = new MemoryLog({ maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  log.health = () => health
  one.watch(log)
  t.teardown(() => one.close())

  health = { ok: false, reason: 'out of reach' }
  await until(() => lines.length === 1)
  health = { ok: true }
  await until(() => lines.length === 2)

  t.strictSame(lines, [
    ['error', { problem: 'out of reach' }, 'the history cannot take updates'],
    ['info', 'the history takes updates again', undefined],
  ])
})

t.test(
  'a storm of everything leaves lines for operators, and no token and no payload',
  async (t) => {
    const hub = await HubProcess.start(t, {
      env: {
        MERCURE_TRUSTED_ISSUERS: issuer,
        MERCURE_PUBLISHER_JWT_KEY: secret,
        MERCURE_SUBSCRIBER_JWT_KEY: secret,
        MERCURE_ANONYMOUS: '1',
        MERCURE_LOG_LEVEL: 'trace',
        MERCURE_SUBSCRIBER_BUFFER: '64KiB',
        MERCURE_DISPATCH_TIMEOUT: '1s',
        MERCURE_MAX_SUBSCRIBERS_PER_TOKEN: '2',
        MERCURE_MAX_PUBLISHES_PER_SECOND_PER_TOKEN: '50',
        MERCURE_MAX_HEADER_SIZE: '4KiB',
        MERCURE_MAX_REQUEST_BODY_SIZE: '256KiB',
        MERCURE_ADMIN_TOKEN: 'admin-token-of-mine',
      },
    })
    const port = Number(new URL(hub.origin).port)
    const good = signToken(hub.url, { publish: ['*'], subscribe: ['*'] })
    const bad = signToken(hub.url, { publish: ['*'], secret: 'another secret of thirty-two bytes' })
    const post = (fields: Record<string, string>, token = good) =>
      ask(hub.url, {
        method: 'POST',
        headers: { ...formType, authorization: `Bearer ${token}` },
        body: formOf(fields),
      })
    const open = async (query: string, lines = '') => {
      const client = new SseClient(port)
      t.teardown(() => client.close())
      client.send(
        `GET /.well-known/mercure?${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines}\r\n`,
      )
      await client.untilHead()
      return client
    }
    const bearer = `Authorization: Bearer ${good}\r\n`

    const lazy = await open('match=topic-of-mine', bearer)
    lazy.pause()
    await open(`match=topic-of-mine&authorization=${good}`, bearer)
    await open('match=topic-of-mine', bearer)
    await open(`match=topic-of-mine&authorization=${bad}`, `Authorization: Bearer ${bad}\r\n`)
    await open(`authorization=${good}`)
    await open(`topic=${good}`)
    await post({ topic: 'topic-of-mine', data: 'payload-of-mine' }, bad)
    await post({ topic: '*', data: 'payload-of-mine' })
    await post({ topic: 'topic-of-mine', data: 'payload-of-mine', id: '#payload-of-mine' })
    await post({ topic: 'topic-of-mine', data: 'payload-of-mine'.padEnd(300_000, '.') })
    await ask(hub.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${good}` },
      body: '{"topic":"a","data":"payload-of-mine" payload-of-mine',
    })
    await ask(`${hub.origin}/nothing?authorization=${good}`)
    const large = new SseClient(port).send(
      `GET / HTTP/1.1\r\nX: ${good.padEnd(5_000, 'x')}\r\n\r\n`,
    )
    t.teardown(() => large.close())
    await large.closed
    await ask(`${hub.adminUrl}/debug/heap`, { headers: { authorization: `Bearer ${good}` } })
    for (let i = 0; i < 60; i++)
      await post({ topic: 'topic-of-mine', data: 'payload-of-mine'.repeat(9_000) })
    await until(() =>
      hub.log.some((line) => line['reason'] === 'slow' || line['reason'] === 'stalled'),
    )
    hub.signal('SIGHUP')
    await until(() => hub.log.some((line) => line['msg'] === 'settings reloaded'))
    t.equal(await hub.stop(), 0)

    const text = JSON.stringify(hub.log)
    for (const [what, needle] of Object.entries({
      token: good,
      'a refused token': bad,
      'the claims of a token': good.split('.')[1] ?? '',
      'the admin token': 'admin-token-of-mine',
      payload: 'payload-of-mine',
      'a query string': 'authorization=',
      key: secret,
    }))
      t.notOk(text.includes(needle), what)
    const told = (fields: object) =>
      t.ok(
        hub.log.some((line) => matches(line, fields)),
        JSON.stringify(fields),
      )
    told({ msg: 'hub ready' })
    told({ msg: 'a stream was refused', code: 'invalid_token' })
    told({ msg: 'a publish was refused', code: 'invalid_token' })
    told({ msg: 'a publish was refused', code: 'invalid_update' })
    for (const limit of ['max_subscribers_per_token', 'max_request_body_size', 'max_header_size'])
      told({ msg: 'a limit was hit', limit })
    told({ msg: 'a stream was closed', reason: 'drained' })
    told({ msg: 'hub stopped' })
    t.ok(hub.log.length < 80, `${hub.log.length} lines`)
  },
)

function matches(line: Readonly<Record<string, unknown>>, fields: object): boolean {
  return Object.entries(fields).every(([name, value]) => line[name] === value)
}
