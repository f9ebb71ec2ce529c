import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { EventSource } from 'eventsource'
import type { Browser } from 'playwright-core'
import t from 'tap'
import { subscribe } from '../../src/client/index.ts'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import type { Test } from '../fixtures/hub-process.ts'
import { repositoryFile } from '../fixtures/proxy.ts'
import { until } from '../fixtures/until.ts'

/** A client that runs: what it handed over so far, and whether it has given up. */
interface Running {
  heard(): Promise<readonly string[]> | readonly string[]
  isOver(): Promise<boolean> | boolean
}

type Start = (t: Test, url: string) => Promise<Running>

const skip = withoutChromium()
const hasPython = spawnSync('python3', ['-c', 'import httpx, httpx_sse']).status === 0

/** Sends the same token with each request, as a page that was given one. */
const token = 'token-1'

const clients = (browser: Browser, bundle: string): Readonly<Record<string, Start>> => ({
  '`cinnabar/client`': async (t, url) => {
    const heard: string[] = []
    let asked = 0
    const subscription = subscribe({
      hub: url,
      match: 'a',
      heartbeat: 200,
      token: () => `token-${++asked}`,
      onEvent: ({ data }) => heard.push(data),
      onGap: () => heard.push('onGap'),
    })
    t.teardown(() => subscription.close())
    return { heard: () => heard, isOver: () => subscription.state.name === 'ended' }
  },
  '`EventSource` of Chromium': async (t, url) =>
    inPage(
      t,
      browser,
      url,
      `const source = new EventSource(${JSON.stringify(url)})
      source.onmessage = ({ data }) => heard.push(data)
      source.addEventListener('mercure', () => heard.push('an event'))
      window.isOver = () => source.readyState === 2`,
    ),
  '`eventsource` 4 (npm)': async (t, url) => {
    const heard: string[] = []
    const authorized: typeof fetch = (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } })
    const source = new EventSource(url, { fetch: authorized as never })
    t.teardown(() => source.close())
    source.onmessage = ({ data }) => heard.push(String(data))
    source.addEventListener('mercure', () => heard.push('an event'))
    return { heard: () => heard, isOver: () => source.readyState === 2 }
  },
  '`@microsoft/fetch-event-source` 2': async (t, url) =>
    inPage(
      t,
      browser,
      url,
      `${bundle}
      let hasEnded = false
      fetchEventSource.fetchEventSource(${JSON.stringify(url)}, {
        headers: { authorization: 'Bearer ${token}' },
        onmessage: ({ event, data }) => heard.push(event === 'mercure' ? 'an event' : data),
      }).catch(() => {}).finally(() => (hasEnded = true))
      window.isOver = () => hasEnded`,
    ),
  ...(hasPython && { '`httpx-sse` 0.4 (Python)': inPython }),
})

/** Runs a script in a page of the stream's origin. */
async function inPage(t: Test, browser: Browser, url: string, script: string): Promise<Running> {
  const page = await browser.newPage()
  t.teardown(() => page.close())
  await page.goto(new URL('/page', url).href)
  await page.evaluate(`{ window.heard = []; ${script} }`)
  return {
    heard: () => page.evaluate<string[]>('heard'),
    isOver: () => page.evaluate<boolean>('isOver()'),
  }
}

/** As its documentation shows it. */
async function inPython(t: Test, url: string): Promise<Running> {
  const program = `
import sys, httpx
from httpx_sse import connect_sse
timeout = httpx.Timeout(5, read=None)
with httpx.Client(timeout=timeout, trust_env=False, headers={"Authorization": "Bearer ${token}"}) as client:
    with connect_sse(client, "GET", sys.argv[1]) as source:
        source.response.raise_for_status()
        for sse in source.iter_sse():
            print("an event" if sse.event == "mercure" else sse.data, flush=True)
`
  const { PATH, HOME, PYENV_ROOT = '' } = process.env
  const child = spawn('python3', ['-c', program, url], {
    env: { PATH, HOME, PYENV_ROOT },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.teardown(() => void child.kill())
  const heard: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => heard.push(line))
  let hasEnded = false
  child.once('close', () => (hasEnded = true))
  return { heard: () => heard, isOver: () => hasEnded }
}

type Answer = (response: ServerResponse) => void

/** A hub that answers by the number of the request; its page is empty. */
async function scripted(t: Test, answer: (count: number, bearer: string) => Answer) {
  const bearers: string[] = []
  const cursors: unknown[] = []
  const server = createServer((request: IncomingMessage, response) => {
    if (request.url === '/page') return void response.setHeader('content-type', 'text/html').end()
    if (!request.url?.startsWith('/events')) return void response.writeHead(404).end()
    const bearer = String(request.headers.authorization)
    bearers.push(bearer)
    cursors.push(request.headers['last-event-id'])
    answer(bearers.length, bearer)(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/events`, port, server, bearers, cursors }
}

function send(text: string, then: 'end' | 'cut' | 'open' = 'open'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(text, () => {
      if (then === 'end') response.end()
      if (then === 'cut') response.destroy()
    })
  }
}

const refuse =
  (status: number): Answer =>
  (response) =>
    void response.writeHead(status).end()

const before = ':\nretry: 50\nid: 1\ndata: before\n\n'
const after = ':\nid: 2\ndata: after\n\n'

/** Comes back with what came meanwhile, or has given up. */
async function comesBack(running: Running): Promise<string> {
  const hasIt = async () => (await running.heard()).includes('after')
  await until(async () => (await hasIt()) || running.isOver())
  return (await hasIt()) ? 'comes back' : 'gives up'
}

/** What is done about a token that the hub does not take (any more). */
async function renews(
  t: Test,
  start: Start,
  first: (count: number) => Answer | undefined,
): Promise<string> {
  const hub = await scripted(
    t,
    (count, bearer) => first(count) ?? (/token-[2-9]/.test(bearer) ? send(after) : refuse(401)),
  )
  const running = await start(t, hub.url)
  const isStubborn = () => hub.bearers.length >= 4
  await until(
    async () => isStubborn() || (await running.heard()).includes('after') || running.isOver(),
  )
  if ((await running.heard()).includes('after')) return 'asks for another'
  return isStubborn() ? 'sends it for ever' : 'gives up'
}

/** Each column of the table: how a client fares. */
const events: Readonly<Record<string, (t: Test, start: Start) => Promise<string>>> = {
  'the hub ends a stream': async (t, start) => {
    const hub = await scripted(t, (count) => (count === 1 ? send(before, 'end') : send(after)))
    return comesBack(await start(t, hub.url))
  },
  502: async (t, start) => {
    const hub = await scripted(t, (count) => (count === 1 ? refuse(502) : send(after)))
    return comesBack(await start(t, hub.url))
  },
  'a token is refused (401)': (t, start) => renews(t, start, () => undefined),
  'a token expires': (t, start) =>
    renews(t, start, (count) => (count === 1 ? send(before, 'cut') : undefined)),
  'a gap': async (t, start) => {
    const gap = '{"type":"gap","requested":"0","resumed_after":"earliest"}'
    const hub = await scripted(t, () => send(`:\nevent: mercure\ndata: ${gap}\n\n`))
    const running = await start(t, hub.url)
    await until(async () => (await running.heard()).length > 0)
    return String((await running.heard())[0])
  },
  'a restart': async (t, start) => {
    const hub = await scripted(t, (count) => (count === 1 ? send(before) : send(after)))
    const running = await start(t, hub.url)
    await until(async () => (await running.heard()).includes('before'))
    const closed = once(hub.server, 'close')
    hub.server.close()
    hub.server.closeAllConnections()
    await closed
    await new Promise((resolve) => setTimeout(resolve, 150)) // so long nobody is there
    hub.server.listen(hub.port, '127.0.0.1')
    const fate = await comesBack(running)
    return fate === 'comes back' && !hub.cursors.includes('1') ? 'starts anew' : fate
  },
  'a block without data': async (t, start) => {
    const hub = await scripted(t, () => send(`:\nid: #1\n\n${before}`))
    const running = await start(t, hub.url)
    await until(async () => (await running.heard()).includes('before'))
    return (await running.heard()).includes('') ? 'is a message' : 'is none'
  },
}

const silence = 'a silent connection'

t.test('what clients do is what docs/clients.md says', { skip, jobs: 4 }, async (t) => {
  const browser = await startChromium(t)
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve('@microsoft/fetch-event-source'))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'fetchEventSource',
  })
  const all = clients(browser, outputFiles[0]?.text ?? '')
  const table = documented()

  for (const [event, measure] of Object.entries(events))
    t.test(event, async (t) => {
      await Promise.all(
        Object.entries(all).map(async ([client, start]) => {
          const measured = await measure(t as never, start)
          t.equal(measured, table[client]?.[event], client)
        }),
      )
    })

  t.test(silence, async (t) => {
    const hubs = await Promise.all(
      Object.entries(all).map(async ([client, start]) => {
        const hub = await scripted(t, (count) => (count === 1 ? send(before) : send(after)))
        const running = await start(t, hub.url)
        await until(async () => (await running.heard()).includes('before'))
        return { client, hub, beganAt: Date.now() }
      }),
    )
    const ours = hubs[0]
    await until(() => (ours?.hub.bearers.length ?? 0) > 1)
    const patience = 2 * (Date.now() - (ours?.beganAt ?? 0)) // twice what ours took, for the others
    await new Promise((resolve) => setTimeout(resolve, patience))

    for (const { client, hub } of hubs)
      t.equal(hub.bearers.length > 1 ? 'leaves it' : 'waits on', table[client]?.[silence], client)
  })
})

/** The table of docs/clients.md: client → event → what it does. */
function documented(): Record<string, Record<string, string>> {
  const lines = repositoryFile('docs/clients.md').split('\n')
  const rows = lines.filter((line) => line.startsWith('|')).map(cellsOf)
  const head = rows.findIndex(([first]) => first === 'what happens')
  const names = rows[head] ?? []
  const table: Record<string, Record<string, string>> = {}
  for (const [event = '', ...cells] of rows.slice(head + 2))
    for (const [index, cell] of cells.entries())
      (table[names[index + 1] ?? ''] ??= {})[event] ??= cell
  return table
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}
