import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadCore, type Server } from './server.ts'

/** What was measured, by name. */
export type Figures = Readonly<Record<string, number>>

/** One load: who listens, who publishes, how much. */
export interface Load {
  readonly subscribers: number
  /** Updates a second; 0 for as fast as answers come. */
  readonly rate: number
  readonly seconds: number
  readonly publishers?: number
  readonly payloadBytes?: number
  /** Topics that updates take in turn; subscriber i listens to topic i of them. */
  readonly topics?: number
  /** Subscribers that stop reading. */
  readonly stalled?: number
  /** Another body for so many of a hundred updates. */
  readonly other?: { readonly body: string; readonly percent: number }
  /** A header field of its own for each subscriber. */
  readonly headers?: readonly string[]
}

const source = fileURLToPath(new URL('../load/sseload.c', import.meta.url))
const binary = fileURLToPath(new URL('../results/.sseload', import.meta.url))
const maxMs = 180_000

/** Compiles the load generator when its source is newer. */
function sseload(): string {
  const changedAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (changedAt(binary) < changedAt(source)) {
    mkdirSync(fileURLToPath(new URL('../results', import.meta.url)), { recursive: true })
    execFileSync('cc', ['-O2', '-pthread', '-o', binary, source])
  }
  return binary
}

/** Puts a load on a server and resolves with what the load generator saw. */
export async function load(server: Server, options: Load): Promise<Figures> {
  const { dialect } = server
  const folder = mkdtempSync(join(tmpdir(), 'cinnabar-load-'))
  const headerFile = join(folder, 'headers')
  if (options.headers !== undefined) writeFileSync(headerFile, options.headers.join('\n'))
  const args = [
    ...['--port', String(server.port)],
    ...['--path', dialect.path],
    ...['--pub-path', dialect.publishPath],
    ...['--body', dialect.body],
    ...['--ctype', dialect.contentType],
    ...dialect.publishHeaders.flatMap((field) => ['--pub-header', field]),
    ...dialect.subscribeHeaders.flatMap((field) => ['--header', field]),
    ...server.pids.flatMap((pid) => ['--pid', String(pid)]),
    ...['--conns', String(options.subscribers)],
    ...['--rate', String(options.rate)],
    ...['--duration', String(options.seconds)],
    ...['--pub-conns', String(options.publishers ?? 1)],
    ...['--payload', String(options.payloadBytes ?? 64)],
    ...['--topics', String(options.topics ?? 1)],
    ...['--stall', String(options.stalled ?? 0)],
    ...(options.other === undefined
      ? []
      : ['--alt-body', options.other.body, '--alt-share', String(options.other.percent)]),
    ...(options.headers === undefined ? [] : ['--header-file', headerFile]),
  ]
  try {
    return await runLoad(args)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function runLoad(args: readonly string[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-c', String(loadCore), sseload(), ...args])
    const timer = setTimeout(() => child.kill('SIGKILL'), maxMs)
    let [output, complaint] = ['', '']
    child.stdout.on('data', (text: Buffer) => (output += text.toString()))
    child.stderr.on('data', (text: Buffer) => (complaint += text.toString()))
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      if (complaint !== '') console.error(`  load generator: ${complaint.slice(0, 300)}`)
      try {
        resolve(JSON.parse(output) as Figures)
      } catch (cause) {
        reject(new Error(`the load generator said ${JSON.stringify(output)}`, { cause }))
      }
    })
  })
}
