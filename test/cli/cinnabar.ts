import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** The built command: `npm test` builds it before the tests run. */
const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))

export type Env = Readonly<Record<string, string>>

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts `cinnabar` with nothing in its environment but `env`; it ends with the test. */
export function start(t: Test, args: readonly string[], env: Env = {}): Child {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** Runs `cinnabar` to its end. */
export async function run(
  t: Test,
  args: readonly string[],
  { env = {}, input = '' }: { readonly env?: Env; readonly input?: string } = {},
): Promise<Ended> {
  const child = start(t, args, env)
  child.stdin.end(input)
  return ended(child)
}

export async function ended(child: Child): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** The next lines of `stream`, as many as asked for. */
export async function lines(stream: Readable, count: number): Promise<readonly string[]> {
  const read: string[] = []
  for await (const line of createInterface({ input: stream })) {
    read.push(line)
    if (read.length === count) break
  }
  return read
}

export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface FakeHub {
  /** The hub's URL, `…/.well-known/mercure`. */
  readonly url: string
  readonly port: number
  /** The requests so far. */
  readonly seen: readonly Seen[]
}

export type Answer = (response: ServerResponse, request: Seen) => void

/** A server that gives its answers in turn, and the last one again and again. */
export async function fakeHub(t: Test, ...answers: readonly Answer[]): Promise<FakeHub> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method, url, headers } = request
      const entry = { method, url, headers, body }
      seen.push(entry)
      answers[Math.min(seen.length, answers.length) - 1]?.(response, entry)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/.well-known/mercure`, port, seen }
}

/** Answers with a status, a sentence and headers. */
export function refuse(status: number, body = '', headers: Env = {}): Answer {
  return (response) => response.writeHead(status, headers).end(body)
}

/** Answers with a stream of these texts, then ends it, unless it shall stay open. */
export function stream(texts: readonly string[], end: 'end' | 'cut' | 'open' = 'end'): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const one of texts) response.write(one)
    if (end === 'end') response.end()
    if (end === 'cut') response.write('data: never finished', () => response.destroy())
  }
}

/** The parts of a token, without looking at its signature. */
export function decode(token: string): {
  header: Record<string, unknown>
  claims: Record<string, unknown>
} {
  const [header, claims] = token
    .trim()
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('utf8'))
  return {
    header: JSON.parse(header ?? '') as Record<string, unknown>,
    claims: JSON.parse(claims ?? '') as Record<string, unknown>,
  }
}
