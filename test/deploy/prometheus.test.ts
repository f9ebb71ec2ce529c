import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort } from '../fixtures/free-port.ts'
import { HubProcess, type Test, temporaryFolder } from '../fixtures/hub-process.ts'
import { until } from '../fixtures/until.ts'

const file = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const rules = file('deploy/prometheus-alerts.yml')
const skip = withoutPrometheus()

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}

t.test('every query of the dashboard and of the alerts names metrics that exist', async (t) => {
  const hub = await HubProcess.start(t, { env: { MERCURE_ANONYMOUS: '1' } })
  const scrape = await (await fetch(`${hub.adminUrl}/metrics`)).text()
  const known = new Set(
    [...scrape.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
    ),
  )
  const dashboard = JSON.parse(readFileSync(file('deploy/grafana-dashboard.json'), 'utf8')) as {
    readonly panels: readonly Panel[]
  }
  const graphs = dashboard.panels.filter((panel) => panel.type !== 'row')
  const queries = graphs.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => expr))
  const alerts = readFileSync(rules, 'utf8').replace(/annotations:[^]*?(?=- alert|$)/g, '')

  t.ok(graphs.length > 20 && graphs.every((panel) => (panel.targets ?? []).length > 0))
  for (const query of [...queries, alerts]) {
    const named = query.match(/\b(?:mercure|process|nodejs)_\w+/g) ?? []
    t.ok(named.length > 0, query.slice(0, 60))
    t.strictSame(
      named.filter((name) => !known.has(name)),
      [],
    )
  }
})

t.test('the alert rules are valid, and fire when they should', { skip }, async (t) => {
  const cases = join(temporaryFolder(t), 'cases.yml')
  writeFileSync(
    cases,
    readFileSync(file('test/deploy/alert-cases.yml'), 'utf8').replace('RULES', rules),
  )

  t.match(
    execFileSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' }),
    'SUCCESS: 13 rules',
  )
  t.match(execFileSync('promtool', ['test', 'rules', cases], { encoding: 'utf8' }), 'SUCCESS')
})

t.test(
  'Prometheus scrapes a hub as docs/production.md configures it, and loads the rules',
  { skip },
  async (t) => {
    const hub = await HubProcess.start(t, { env: { MERCURE_ANONYMOUS: '1' } })
    const example = /```yaml\n(# prometheus\.yml\n[^]*?)```/.exec(
      readFileSync(file('docs/production.md'), 'utf8'),
    )?.[1]
    const [folder, port] = [temporaryFolder(t), await freePort()]
    const config = String(example)
      .replace('127.0.0.1:3019', new URL(hub.adminUrl).host)
      .replace('/etc/prometheus/prometheus-alerts.yml', rules)
      .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    writeFileSync(join(folder, 'prometheus.yml'), config)
    await run(t, 'prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ])
    const asked = async (path: string) => {
      try {
        return await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).text()
      } catch {
        return '' // it is still starting
      }
    }

    await until(async () => (await asked('query?query=mercure_log_up')).includes('"cinnabar"'))
    t.match(await asked('query?query=up'), /"job":"cinnabar"\},"value":\[[\d.]+,"1"\]/)
    t.match(await asked('rules'), /"name":"CinnabarHistoryDown"/)
    t.notMatch(await asked('rules'), /"health":"err"/)
  },
)

/** Why tests with Prometheus are skipped; on a build machine they are not. */
function withoutPrometheus(): string | false {
  if (existsSync('/usr/bin/prometheus') && existsSync('/usr/bin/promtool')) return false
  const reason = 'prometheus is not installed (Debian: apt-get install prometheus)'
  if (process.env['CI']) throw new Error(reason)
  return reason
}

async function run(t: Test, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: 'ignore' })
  await once(child, 'spawn')
  t.teardown(async () => {
    if (child.exitCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await closed
  })
}
