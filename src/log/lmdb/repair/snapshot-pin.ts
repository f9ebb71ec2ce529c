import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'

/**
 * Keeps the pages of the newest snapshot of a store from being used again, until the answer is called.
 *
 * A child process reads in LMDB's own way, for that may end it. When it does, or cannot, nothing is
 * pinned: what then looks damaged may only have been in motion.
 */
export async function pinSnapshot(directory: string): Promise<() => void> {
  const lmdb = createRequire(import.meta.url).resolve('lmdb')
  const child = spawn(process.execPath, ['--eval', program, '--', lmdb, directory], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  child.stdin.on('error', () => {}) // it is gone already
  const timer = setTimeout(() => child.kill('SIGKILL'), openTimeoutMs)
  await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  clearTimeout(timer)
  return () => child.stdin.end()
}

const openTimeoutMs = 5_000

/** Runs by itself in the child: it may need none of our files, compiled or not. */
const program = `
const [lmdb, path] = process.argv.slice(1)
const root = require(lmdb).open({ path, noSubdir: false, overlappingSync: false, maxReaders: 256, maxDbs: 8, create: false })
const transaction = root.useReadTransaction()
root.get('', { transaction })
process.stdout.write('pinned')
process.stdin.resume().on('end', () => process.exit(0))
`
