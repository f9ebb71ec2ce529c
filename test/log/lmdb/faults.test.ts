import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { until } from '../../fixtures/until.ts'
import { readAll, unlimited, update } from '../contract.ts'

const built = new URL('../../../dist/src/log/lmdb/lmdb-log.js', import.meta.url).href
const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0

/**
 * Appends until the file may not grow, tells what it met, appends again once the limit is lifted,
 * and ends. Anything unhandled ends it early, with another exit code.
 */
const fullDisk = (folder: string) => `
  import { LmdbLog } from ${JSON.stringify(built)}
  const tell = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\\n')
  const log = await LmdbLog.open(${JSON.stringify(folder)}, { maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const acknowledged = []
  let n = 0
  const append = async () => {
    const id = 'e' + ++n
    await log.append([{ id, topics: ['t'], data: 'x'.repeat(20_000), isPrivate: false, type: '', retry: '' }])
    acknowledged.push(id)
  }
  tell('open')
  const publish = async () => {
    for (;;) await append()
  }
  const ends = await Promise.allSettled(Array.from({ length: 16 }, publish))
  tell('full', { codes: [...new Set(ends.map((end) => end.reason.code))], health: log.health(), head: log.head, acknowledged: acknowledged.length })
  process.stdin.once('data', async () => {
    while (!log.health().ok) await new Promise((resolve) => setTimeout(resolve, 20))
    await append()
    tell('recovered', { head: log.head, acknowledged })
    await log.close()
    process.exit(0)
  })`

t.test(
  'a disk that is full refuses publishers, keeps what it has, and is used again once there is room',
  { skip: !hasPrlimit && 'prlimit (util-linux) is not installed' },
  async (t) => {
    const folder = temporaryFolder(t)
    // A file size limit fails like a full disk, needs no rights, and can be lifted. 512-byte blocks.
    const command = 'trap "" XFSZ; ulimit -S -f 16000; exec "$0" "$@"'
    const program = ['--input-type=module', '--eval', fullDisk(folder)]
    const child = spawn('sh', ['-c', command, process.execPath, ...program], {
      stdio: ['pipe', 'pipe', 'ignore'], // the library prints each failed commit
      env: { PATH: process.env['PATH'] },
    })
    const closed = once(child, 'close')
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const next = async (): Promise<unknown> => JSON.parse((await lines.next()).value ?? '{}')

    t.match(await next(), { event: 'open' })
    const full = await next()
    spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:'])
    child.stdin.write('\n')
    const recovered = (await next()) as { head: number; acknowledged: string[] }
    const [code] = await closed

    t.match(full, { event: 'full', codes: ['unavailable'], health: { ok: false } })
    t.match(recovered, { event: 'recovered', head: recovered.acknowledged.length })
    t.equal(code, 0, 'nothing was unhandled')
    const log = await LmdbLog.open(folder, unlimited)
    t.teardown(() => log.close())
    const ids = (await readAll(log)).map((entry) => entry.update.id)
    t.strictSame(ids.toSorted(), recovered.acknowledged.toSorted(), 'nothing more, nothing less')
  },
)

/** A reader of 20 entries, of which another has just trimmed 15, and who has not heard of it yet. */
async function overtakenReader(t: Test): Promise<LmdbLog> {
  for (;;) {
    const folder = temporaryFolder(t)
    const reader = await LmdbLog.open(folder, unlimited)
    t.teardown(() => reader.close())
    const writer = await LmdbLog.open(folder, unlimited)
    await writer.append(Array.from({ length: 20 }, (_, i) => update(`e${i + 1}`)))
    await until(() => reader.head === 20)
    await writer.close()

    const trimmer = await LmdbLog.open(folder, { ...unlimited, maxEntries: 5 })
    t.teardown(() => trimmer.close())
    while (trimmer.first === 1) await new Promise((resolve) => setImmediate(resolve))
    if (reader.first === 1) return reader // else it looked just now
  }
}

t.test('what another process trimmed under a reader is a hole, not silence', async (t) => {
  const reader = await overtakenReader(t)

  const page = await reader.read(0, { maxEntries: 100, maxBytes: 1e6, upTo: 20 })

  t.match(page, { upTo: 20, lost: { from: 1, to: 15 } })
  t.equal(page.entries.length, 5)
  t.equal(reader.stats().corrupt, 0)
})

t.test('the directory of a history is its owner’s alone', async (t) => {
  const folder = `${temporaryFolder(t)}/made/below`
  const log = await LmdbLog.open(folder, unlimited)
  t.teardown(() => log.close())

  t.equal(statSync(folder).mode & 0o777, 0o700)
})

/** Descriptors of this process by which LMDB writes its meta pages: those that sync each write. */
function metaDescriptors(folder: string): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        const isStore =
          readlinkSync(`/proc/self/fd/${fd}`) === join(realpathSync(folder), 'data.mdb')
        const [, flags = '0'] =
          /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? []
        return isStore && (Number.parseInt(flags, 8) & constants.O_DSYNC) !== 0
      } catch {
        return false // it was closed meanwhile
      }
    })
}

t.test(
  'a write that the library cannot recover from is recovered from by opening the file anew',
  async (t) => {
    const folder = temporaryFolder(t)
    const problems: (string | undefined)[] = []
    const log = await LmdbLog.open(folder, unlimited, { onProblem: (one) => problems.push(one) })
    t.teardown(() => log.close())
    await log.append([update('before')])

    // The disk refuses a meta page: LMDB gives the environment up for good.
    for (const fd of metaDescriptors(folder)) closeSync(fd)
    await t.rejects(log.append([update('refused')]), { code: 'unavailable' })
    t.match(log.health(), { ok: false })
    await until(() => log.health().ok)

    t.match(await log.append([update('after')]), { outcome: 'stored', position: 2 })
    t.strictSame(
      (await readAll(log)).map((entry) => entry.update.id),
      ['before', 'after'],
    )
    t.match(problems, [/cannot use/, undefined], 'told once, and once that it is over')
    t.equal(log.stats().corrupt, 0)
  },
)

t.test('a place where nothing can be made is refused with a sentence, soon', async (t) => {
  await t.rejects(
    LmdbLog.open('/proc/nowhere', unlimited),
    /transport_url: cannot use \/proc\/nowhere: /,
  )
})
