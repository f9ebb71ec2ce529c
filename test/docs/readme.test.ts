import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort } from '../fixtures/free-port.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const run = promisify(execFile)

/** The first block of this language after a heading. */
function example(heading: string, language: string): string {
  const after = readme.slice(readme.indexOf(`## ${heading}`))
  const block = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(after)?.[1]
  if (block === undefined) throw new Error(`the README has no ${language} block under "${heading}"`)
  return block
}

function subscribeTo(port: number, topic: string): SseClient {
  const path = `/.well-known/mercure?match=${encodeURIComponent(topic)}`
  return new SseClient(port).send(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
}

t.test('the README embeds a hub in a program of fifteen lines', async (t) => {
  const port = await freePort()
  const program = example('Embed it', 'js').replace('8080', String(port))
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env['PATH'] },
  })
  const closed = once(child, 'close')
  t.teardown(() => child.kill('SIGKILL'))
  await until(() =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  )

  const client = subscribeTo(port, 'https://example.com/books/1')
  t.equal((await client.untilHead()).status, 200)
  const sold = await fetch(`http://127.0.0.1:${port}/books/1/sold`, { method: 'POST' })
  const { id } = (await sold.json()) as { id: string }

  t.match(await client.until(1), [{ id, data: 'sold' }])
  t.match(id, /^urn:uuid:/)
  t.ok(program.trim().split('\n').length <= 15)

  child.kill('SIGTERM')
  t.strictSame(await closed, [0, null], 'and ends by itself when it is told to')
})

t.test('the README publishes with curl', async (t) => {
  const hub = await HubProcess.start(t, { args: ['--playground'] })
  const port = Number(new URL(hub.origin).port)
  const client = subscribeTo(port, 'https://example.com/books/1')
  await client.untilHead()

  const lines = example('Publish and subscribe in ten lines', 'sh')
    .replace('http://127.0.0.1:3000', hub.origin)
    .replace('npx cinnabar', `"${process.execPath}" "${command}"`)
  const env = { PATH: process.env['PATH'], MERCURE_PORT: String(port), MERCURE_PLAYGROUND: '1' }
  const { stdout } = await run('sh', ['-c', lines], { env })

  t.match(await client.until(1), [{ id: stdout, data: '{"stock": 3}' }])
})

t.test('the README runs a hub for others', async (t) => {
  const settings = Object.fromEntries(
    [...example('Run it for others', 'sh').matchAll(/^(MERCURE_\w+)=(?:'([^']*)'|(\S+))/gm)].map(
      ([, name, quoted, plain]) => [name, quoted ?? plain ?? ''],
    ),
  )

  const hub = await HubProcess.start(t, { env: settings })

  t.equal((await fetch(`${hub.origin}/health/ready`)).status, 200)
  t.equal((await fetch(`${hub.url}?match=x`)).status, 421, 'it answers for its public URL only')
})
