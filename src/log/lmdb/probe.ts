import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { storeProblem } from './directory.ts'

/** Another process may hold the write lock for a flush or two, on a busy machine; half a minute of it is a fault. */
const probeTimeoutMs = 30_000

/**
 * Opens the store in a child process before the hub does.
 *
 * LMDB maps its file: a truncated one kills the reader with SIGBUS, broken pages with SIGSEGV, and a
 * full disk the opener [CORNERS 11]. The child takes the blow. It opens the environment, reads
 * samples of every table, and writes and aborts, which also reads the list of free pages; when
 * the file is shorter than its last page says, it reads everything.
 *
 * @throws Error with a sentence for the operator
 */
export async function probeStore(directory: string, timeoutMs = probeTimeoutMs): Promise<void> {
  const { output, signal, code } = await runProbe(directory, timeoutMs)
  if (code === 0) return
  if (signal === 'SIGKILL')
    throw new Error(
      `transport_url: ${directory} did not open within ${timeoutMs / 1000} s; does another process hold its lock?`,
    )
  if (signal !== null)
    throw new Error(
      `transport_url: cannot use ${directory}: the file is damaged or the disk is full (reading it ends with ${signal}); run "cinnabar check --repair"`,
    )
  throw new Error(`transport_url: ${storeProblem(directory, { message: output.trim() })}`)
}

interface Outcome {
  readonly output: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function runProbe(directory: string, timeoutMs: number): Promise<Outcome> {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const child = spawn(process.execPath, ['--eval', probe, '--', lmdb, directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Loaders and inspectors of the parent have no business in it.
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text.slice(0, 4096)))
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ output, code, signal })
    })
  })
}

/** Runs by itself in the child: it may need none of our files, compiled or not. */
const probe = `
const [lmdb, path] = process.argv.slice(1)
const { statSync } = require('node:fs')
const { open, ABORT } = require(lmdb)
try {
  const binary = { encoding: 'binary', keyEncoding: 'binary', create: false }
  const root = open({ path, noSubdir: false, overlappingSync: false, maxReaders: 256, maxDbs: 8, ...binary })
  root.transactionSync(() => { root.put(Buffer.from('probe'), Buffer.alloc(65536)); return ABORT })
  const { lastPageNumber, pageSize } = { pageSize: 4096, ...root.getStats() }
  const isShort = statSync(path + '/data.mdb').size < (lastPageNumber + 1) * pageSize
  const names = { meta: { useVersions: true }, entries: {}, ids: { dupSort: true }, once: {}, expiries: { dupSort: true }, marks: {} }
  for (const [name, options] of Object.entries(names)) {
    const table = root.openDB(name, { ...binary, ...options })
    if (table === undefined) continue
    const limit = isShort ? undefined : 200
    for (const reverse of [false, true]) for (const { value } of table.getRange({ reverse, limit })) value.length
    if (name === 'entries') sample(table)
  }
  process.exit(0)
} catch (error) {
  process.stderr.write('\\n' + error.message)
  process.exit(1)
}
function sample(table) {
  const [first] = table.getKeys({ limit: 1 }).asArray
  const [last] = table.getKeys({ reverse: true, limit: 1 }).asArray
  if (first === undefined) return
  const from = Number(first.readBigUInt64BE()), to = Number(last.readBigUInt64BE())
  for (let step = 0; step < 200; step++) {
    const key = Buffer.alloc(8)
    key.writeBigUInt64BE(BigInt(Math.floor(from + ((to - from) * step) / 200)))
    table.getBinaryFast(key)
  }
}
`
