import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { json } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { startSite } from '../fixtures/client-page.ts'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder, type Test } from '../fixtures/hub-process.ts'
import { without } from '../fixtures/proxy.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const skip = withoutChromium()
const firefox = 'firefox-esr'
const client = pathToFileURL(
  fileURLToPath(new URL('../../dist/src/client/index.js', import.meta.url)),
).href

/**
 * What runs everywhere: three subscriptions, and in Chromium a native one beside them. Reports what they heard.
 * Firefox's own gives up for ever when the connection is refused, so there is nothing to compare with there.
 */
const program = (url: string, site: string, runtime: string, hub: string) => `
import { subscribe } from ${JSON.stringify(url)}
const heard = { talks: [], quiet: [], gap: [], native: [] }
const tell = (what) => fetch(${JSON.stringify(site)} + '/report/${runtime}/' + what, {
  method: 'POST', body: JSON.stringify(heard),
})
const note = (list) => ({ id, type, data }) => {
  list.push([id, type, data])
  if (data === 'end') void tell('end')
}
const hub = ${JSON.stringify(hub)}
const ends = { match: ['talks', 'end'] }
const all = [
  subscribe({ hub, ...ends, onEvent: note(heard.talks) }),
  subscribe({ hub, match: ['quiet', 'end'], onEvent: note(heard.quiet) }),
  subscribe({ hub, match: 'end', lastEventId: 'unknown', onEvent: note(heard.gap),
    onGap: (gap) => heard.gap.push(gap) }),
]
const isLive = () => all.every(({ state }) => state.name === 'live')
if ('${runtime}' === 'chromium') {
  const source = new EventSource(hub + '?match=talks&match=end')
  const on = (event) => note(heard.native)({ id: event.lastEventId, type: event.type, data: event.data })
  for (const type of ['message', 'note']) source.addEventListener(type, on)
  await new Promise((resolve) => (source.onopen = resolve))
}
while (!isLive()) await new Promise((resolve) => setTimeout(resolve, 10))
await tell('ready')
`

/** A Node.js release from the npm registry; undefined when it cannot be had. */
function nodeBinary(version: string): string | undefined {
  const path = ['--', 'node', '-p', 'process.execPath']
  try {
    const args = ['exec', '--yes', `--package=node@${version}`, ...path]
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return execFileSync('npm', args, { encoding: 'utf8', stdio }).trim()
  } catch (error) {
    if (process.env['CI'] !== undefined) throw error
    return undefined
  }
}

t.test('a kill -9 costs nobody an update, wherever the client runs', { skip }, async (t) => {
  const reports = new Map<string, Record<string, unknown[]>>()
  const programs = new Map<string, string>()
  const site = await startSite(t, (request, response) => {
    const [, kind, runtime = '', what = ''] = request.url?.split('/') ?? []
    if (kind === 'run') {
      response.setHeader('content-type', 'text/html')
      response.end(`<!doctype html><script type="module">${programs.get(runtime)}</script>`)
    } else if (kind === 'report') {
      void json(request).then((heard) => {
        const [key, known] = [`${runtime} ${what}`, reports.get(`${runtime} ${what}`)]
        const isNewer = JSON.stringify(heard).length >= JSON.stringify(known ?? {}).length
        if (isNewer) reports.set(key, heard as Record<string, unknown[]>)
        response.end()
      })
    } else return false
    return true
  })
  const env = {
    MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
    MERCURE_TRUSTED_ISSUERS: issuer,
    MERCURE_PUBLISHER_JWT_KEY: secret,
    MERCURE_ANONYMOUS: '1',
    MERCURE_CORS_ORIGINS: site.origin,
  }
  const hub = await HubProcess.start(t, { env })
  const runtimes: string[] = []
  const add = (runtime: string, url: string) => {
    runtimes.push(runtime)
    const text = program(url, site.origin, runtime, hub.url)
    programs.set(runtime, text)
    return text
  }

  for (const version of ['20.19', '22', '24']) {
    const node = nodeBinary(version)
    if (node !== undefined) runScript(t, node, add(`node-${version}`, client))
  }
  add('chromium', '/client/index.js')
  const browser = await startChromium(t)
  await (await browser.newPage()).goto(`${site.origin}/run/chromium`)
  const withoutFirefox = without(firefox)
  if (withoutFirefox === false) {
    add('firefox', '/client/index.js')
    await startFirefox(t, firefox, `${site.origin}/run/firefox`)
  } else t.comment(withoutFirefox)
  await until(() => runtimes.every((runtime) => reports.has(`${runtime} ready`)))

  const sent: string[][] = []
  const publish = async (to: HubProcess, topic: string, data: string, type = 'message') => {
    const fields = { topic, data, ...(type === 'message' ? {} : { type }) }
    const authorization = `Bearer ${signToken(to.url, { publish: ['*'] })}`
    const headers = { ...formType, authorization }
    const { text } = await ask(to.url, { method: 'POST', headers, body: formOf(fields) })
    sent.push([topic, text, type, data])
  }
  await publish(hub, 'talks', 'before')
  const elsewhere = await HubProcess.start(t, { env }) // on the same history: nobody is there for long
  await hub.kill()
  await publish(elsewhere, 'talks', 'missed', 'note')
  await publish(elsewhere, 'quiet', 'missed too')
  await hub.start()
  await publish(hub, 'talks', 'after')
  await publish(hub, 'end', 'end')

  const of = (...topics: string[]) =>
    sent.filter(([topic = '']) => topics.includes(topic)).map(([, ...update]) => update)
  const isComplete = (runtime: string) => {
    const { talks, quiet, gap, native } = reports.get(`${runtime} end`) ?? {}
    const hasNative = runtime === 'chromium'
    const lists = [talks, quiet, gap, ...(hasNative ? [native] : [])]
    return lists.every((list) => JSON.stringify(list ?? []).includes('"end"'))
  }
  await until(() => runtimes.every(isComplete))
  for (const runtime of runtimes) {
    const { talks, quiet, gap, native } = reports.get(`${runtime} end`) ?? {}
    t.strictSame(talks, of('talks', 'end'), runtime)
    t.strictSame(quiet, of('quiet', 'end'), runtime)
    t.strictSame(gap, [{ requested: 'unknown', resumedAfter: 'earliest' }, ...of('end')], runtime)
    if (runtime === 'chromium') t.strictSame(native, talks, 'as its EventSource')
  }
  t.comment(`ran in ${runtimes.join(', ')}`)
})

function runScript(t: Test, node: string, script: string): void {
  const { PATH, HOME } = process.env
  const child = spawn(node, ['--input-type=module', '--eval', script], {
    env: { PATH, HOME },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  t.teardown(() => void child.kill('SIGKILL'))
}

/** Firefox with a new profile and this page: what the page has to say it says by itself. */
async function startFirefox(t: Test, command: string, url: string): Promise<void> {
  const home = temporaryFolder(t)
  const profile = `${home}/profile`
  mkdirSync(profile)
  const preferences = {
    'datareporting.policy.dataSubmissionEnabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'app.update.enabled': false,
    'extensions.update.enabled': false,
    'browser.startup.homepage_override.mstone': 'ignore',
    'services.settings.server': 'http://127.0.0.1:9/',
    'toolkit.telemetry.enabled': false,
  }
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  )
  writeFileSync(`${profile}/user.js`, lines.join('\n'))
  const child = spawn(command, ['--headless', '--no-remote', '--profile', profile, url], {
    env: { PATH: process.env['PATH'], HOME: home, MOZ_DISABLE_CONTENT_SANDBOX: '1' },
    stdio: 'ignore',
    detached: true,
  })
  await once(child, 'spawn')
  t.teardown(async () => {
    if (child.exitCode !== null || child.pid === undefined) return
    const closed = once(child, 'close')
    process.kill(-child.pid, 'SIGKILL') // its content processes too
    await closed
  })
}
