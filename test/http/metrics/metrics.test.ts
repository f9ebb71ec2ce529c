import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { formOf, formType } from '../../fixtures/http.ts'
import { startAdmin, startHub } from '../../fixtures/hub.ts'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { issuer, secret, signToken } from '../../fixtures/tokens.ts'

const documented = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

/** Family → type, as a scrape tells them. */
function familiesOf(scrape: string): Map<string, string> {
  return new Map(
    [...scrape.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  )
}

t.test('every metric of a hub is documented with its type, and nothing else is', async (t) => {
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_ANONYMOUS: '1',
    },
  })
  const authorization = `Bearer ${signToken(hub.url, { publish: ['*'] })}`
  const headers = { ...formType, authorization }
  await fetch(hub.url, { method: 'POST', headers, body: formOf({ topic: 'a' }) })

  const scrape = await (await fetch(`${hub.adminUrl}/metrics`)).text()

  const told = [...documented.matchAll(/^\| (`mercure.*?`) +\| (\w+) +\|/gm)].flatMap(
    ([, names = '', type]) =>
      names.split(', ').map((name) => [name.replace(/[`]|\{.*\}/g, ''), type]),
  )
  const shown = [...familiesOf(scrape)].filter(([name]) => name.startsWith('mercure_'))
  t.strictSame(new Map(told as [string, string][]), new Map(shown))
  t.equal(told.length, shown.length)
  for (const name of ['process_open_fds', 'process_max_fds', 'nodejs_eventloop_lag_p99_seconds'])
    t.ok(familiesOf(scrape).has(name), name)
  const openFiles = Number(/^process_open_fds (\d+)$/m.exec(scrape)?.[1])
  const listed = readdirSync(`/proc/${hub.pid}/fd`).length
  t.ok(Math.abs(openFiles - listed) <= 3, `${openFiles} files are open, ${listed} are listed`)
  t.notOk(scrape.includes('nodejs_active_'), 'nothing that lists all sockets')
  t.match(scrape, /^mercure_publish_duration_seconds_bucket\{le="\+Inf"\} 1$/m)
  t.match(scrape, /^mercure_publish_duration_seconds_count 1$/m)
  t.match(scrape, /^mercure_log_flush_duration_seconds_count [1-9]/m)
  t.match(scrape, /^mercure_log_up 1$/m)
})

t.test('a scrape counts by reason and outcome, and has no series per stream', async (t) => {
  const hub = await startHub(t, {
    max_subscribers_per_token: 3,
    max_publishes_per_second_per_token: 1_000,
    max_subscribers: 7,
  })
  const admin = await startAdmin(t, hub)
  const value = async (series: string) => {
    const text = await (await fetch(`${admin}/metrics`)).text()
    const line = text.split('\n').find((line) => line.startsWith(`${series} `))
    return line === undefined ? undefined : Number(line.split(' ').at(-1))
  }
  const lines = async () => (await (await fetch(`${admin}/metrics`)).text()).split('\n').length
  const before = await lines()
  const token = hub.token()
  const streams = []
  for (let i = 0; i < 4; i++)
    streams.push(await hub.subscribe(`match=a${i}&match_urlpattern=/b/${i}/:x`, { token }))
  await hub.publish({ topic: 'http://localhost/b/1/c' }, { token })
  await hub.publish(
    { topic: 'x' },
    { token: hub.token({ publish: ['*'], secret: 'x'.repeat(32) }) },
  )
  await hub.publish({ topic: 'x' }, { token: hub.token({ publish: ['y'] }) })
  await hub.subscribe('')

  for (const [series, expected] of Object.entries({
    mercure_subscribers_connected: 3,
    mercure_subscribers_total: 3,
    mercure_cohorts: 3,
    mercure_shard_cohorts_max: 3,
    mercure_shard_cohorts_min: 3,
    mercure_url_patterns: 3,
    mercure_pending_bytes: 0,
    mercure_seat_tokens: 1,
    mercure_updates_total: 1,
    'mercure_publish_refusals_total{code="invalid_token"}': 1,
    'mercure_publish_refusals_total{code="insufficient_scope"}': 1,
    'mercure_subscribe_refusals_total{code="too_many_subscribers"}': 1,
    'mercure_subscribe_refusals_total{code="invalid_matcher"}': 1,
    'mercure_limits_hit_total{limit="max_subscribers_per_token"}': 1,
    'mercure_limit{limit="max_subscribers"}': 7,
    mercure_token_cache_entries: 3,
    mercure_log_lag_entries: 0,
    mercure_log_lag_seconds: 0,
  }))
    t.equal(await value(series), expected, series)
  t.ok((await lines()) - before < 30, 'only labels with a fixed set of values came')
})
