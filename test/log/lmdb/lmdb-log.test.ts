import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { crc32 } from 'node:zlib'
import { open as openEnvironment } from 'lmdb'
import t, { type Test } from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import type { Page, Retention } from '../../../src/log/log.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { seeded, until } from '../../fixtures/until.ts'
import { logContract, readAll, unlimited, update } from '../contract.ts'

const built = new URL('../../../dist/src/log/lmdb/lmdb-log.js', import.meta.url).href

async function open(
  t: Test,
  folder: string,
  retention: Partial<Retention> = {},
  onCorrupt: (position: number) => void = () => {},
) {
  const log = await LmdbLog.open(folder, { ...unlimited, ...retention }, { onCorrupt })
  t.teardown(() => log.close())
  return log
}

logContract(t, (t, retention) => open(t, temporaryFolder(t), retention))

t.test('a history that is opened again is the same history', async (t) => {
  const folder = temporaryFolder(t)
  const before = await open(t, folder)
  await before.append([update('a'), update('b')], {
    once: { key: 'k', fingerprint: 'f', windowMs: 60_000 },
  })
  await before.close()

  const after = await open(t, folder)

  t.equal(after.epoch, before.epoch)
  t.match(after, { head: 2, first: 1, lastId: 'b' })
  t.equal(after.locate('b'), 2)
  t.match(
    await after.append([update('c')], { once: { key: 'k', fingerprint: 'f', windowMs: 1 } }),
    {
      outcome: 'repeated',
      ids: ['a', 'b'],
    },
  )
})

/** A process that appends with 64 publishers and prints each id that was acknowledged. */
function publisher(folder: string, name: string): ChildProcess {
  const program = `
    import { LmdbLog } from ${JSON.stringify(built)}
    const log = await LmdbLog.open(${JSON.stringify(folder)}, { maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
    let n = 0
    const publish = async () => {
      for (;;) {
        const id = ${JSON.stringify(name)} + '-' + ++n
        await log.append([{ id, topics: ['t'], data: 'x'.repeat(n % 500), isPrivate: false, type: '', retry: '' }])
        process.stdout.write(id + '\\n')
      }
    }
    for (let i = 0; i < 64; i++) void publish()`
  return spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  })
}

async function acknowledged(child: ChildProcess, killAfter: number): Promise<string[]> {
  const ids: string[] = []
  const closed = once(child, 'close')
  for await (const id of createInterface({ input: child.stdout ?? process.stdin })) {
    ids.push(String(id))
    if (ids.length === killAfter) child.kill('SIGKILL')
  }
  await closed
  return ids
}

t.test('what was acknowledged is there once after kill -9 at a random moment', async (t) => {
  const random = seeded(Number(process.env['SEED'] ?? 1))
  const rounds = Number(process.env['ROUNDS'] ?? 20)
  const folder = temporaryFolder(t)
  const promised: string[] = []
  for (let round = 0; round < rounds; round++)
    promised.push(
      ...(await acknowledged(publisher(folder, `r${round}`), 1 + Math.floor(random() * 2_000))),
    )

  const log = await open(t, folder)
  const entries = await readAll(log)
  const times = new Map<string, number>()
  for (const { update } of entries) times.set(update.id, (times.get(update.id) ?? 0) + 1)
  const isPromised = new Set(promised)
  const stored = entries.map(({ update }) => update.id).filter((id) => isPromised.has(id))

  t.strictSame(
    entries.map((entry) => entry.position),
    Array.from({ length: log.head }, (_, i) => i + 1),
  )
  t.strictSame(
    promised.filter((id) => times.get(id) !== 1),
    [],
  )
  t.ok(stored.join() === promised.join(), 'in the order in which they were acknowledged')
  t.ok(promised.length > rounds, `${promised.length} were acknowledged`)
})

t.test('two processes on one file have one order, and hear each other', async (t) => {
  const folder = temporaryFolder(t)
  const log = await open(t, folder)
  let woken = 0
  log.onAdvance(() => woken++)
  const other = publisher(folder, 'other')
  const own = (async () => {
    for (let i = 0; i < 300; i++) await log.append([update(`own-${i}`)])
  })()

  const [theirs] = await Promise.all([acknowledged(other, 1_000), own])
  await until(() => theirs.every((id) => log.locate(id) !== undefined))

  const ids = (await readAll(log)).map((entry) => entry.update.id)
  t.equal(new Set(ids).size, ids.length, 'nothing twice')
  t.equal(ids.filter((id) => id.startsWith('own-')).length, 300)
  t.ok(woken > 300, 'woken for entries of the other')
})

async function pages(log: LmdbLog): Promise<readonly Page[]> {
  const read: Page[] = []
  for (let at = 0; at < log.head; at = read.at(-1)?.upTo ?? 0)
    read.push(await log.read(at, { maxEntries: 1_000, maxBytes: 1e9, upTo: log.head }))
  return read
}

t.test('a damaged record costs that record', async (t) => {
  const folder = temporaryFolder(t)
  const before = await open(t, folder)
  await before.append(['a', 'b', 'c'].map((id) => update(id, { data: `needle-${id}` })))
  await before.close()
  const file = join(folder, 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf('needle-b'); at >= 0; at = bytes.indexOf('needle-b', at + 1))
    bytes[at] = 0x4e
  writeFileSync(file, bytes)

  const told: number[] = []
  const log = await open(t, folder, {}, (position) => told.push(position))
  const entries = await readAll(log)
  await readAll(log)

  t.strictSame(
    entries.map((entry) => entry.update.id),
    ['a', 'c'],
  )
  t.strictSame(told, [2], 'told once')
  t.strictSame(
    (await pages(log)).map(({ entries, lost, upTo }) => [entries.length, lost, upTo]),
    [
      [1, undefined, 1],
      [1, { from: 2, to: 2 }, 3],
    ],
    'readers learn of the hole in its place',
  )
  t.equal(log.stats().corrupt, 1)
  t.match(await log.append([update('d')]), { outcome: 'stored', position: 4 })
})

t.test(
  'a truncated file is refused with a sentence, and does not take the process along',
  async (t) => {
    const folder = temporaryFolder(t)
    const before = await open(t, folder)
    for (let i = 0; i < 50; i++)
      await before.append([update(`e${i}`, { data: 'x'.repeat(20_000) })])
    await before.close()
    const file = join(folder, 'data.mdb')
    truncateSync(file, Math.floor(statSync(file).size / 3 / 4096) * 4096)

    await t.rejects(LmdbLog.open(folder, unlimited), /transport_url: .*(damaged|disk is full)/)
  },
)

t.test('a file that is no history is refused with a sentence', async (t) => {
  const folder = temporaryFolder(t)
  const fd = openSync(join(folder, 'data.mdb'), 'w')
  writeSync(fd, Buffer.alloc(65_536, 'this is no database '))
  closeSync(fd)

  await t.rejects(LmdbLog.open(folder, unlimited), /transport_url: cannot use/)
})

t.test('a path that cannot be a directory is refused with a sentence', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, '')

  await t.rejects(
    LmdbLog.open(file, unlimited),
    /transport_url: cannot use .*: it is not a directory/,
  )
  await t.rejects(
    LmdbLog.open(join(file, 'below'), unlimited),
    /transport_url: cannot use .*: it is not a directory/,
  )
})

t.test('the file does not grow under steady publishing', async (t) => {
  const folder = temporaryFolder(t)
  const log = await open(t, folder, { maxBytes: 2_000_000 })
  const fill = async (bytes: number) => {
    for (let written = 0; written < bytes; written += 50 * 2_000) {
      await log.append(
        Array.from({ length: 50 }, (_, i) =>
          update(`${written}-${i}`, { data: 'x'.repeat(1_900) }),
        ),
      )
      await until(() => log.stats().bytes <= 2_400_000)
    }
  }
  await fill(6_000_000)
  const early = statSync(join(folder, 'data.mdb')).size
  await fill(14_000_000)

  t.ok(statSync(join(folder, 'data.mdb')).size <= early * 1.5, 'ten times the limit later')
})

t.test('a history from before notices were counted opens and is written on', async (t) => {
  const folder = temporaryFolder(t)
  const before = await LmdbLog.open(folder, unlimited)
  await before.append([update('a'), update('b'), update('c')])
  await before.close()
  await writeStateAsVersion1(folder)

  const log = await LmdbLog.open(folder, { ...unlimited, maxEntries: 3 })
  t.teardown(() => log.close())
  t.match(log.stats(), { entries: 3, notices: 0 })
  await log.append([update('p')], { kind: 'presence' })
  await log.append([update('d')])
  await until(() => log.first === 2)

  t.match(log.stats(), { entries: 3, notices: 1, corrupt: 0 })
  t.strictSame(
    (await readAll(log, 1)).map((entry) => `${entry.kind} ${entry.update.id}`),
    ['update b', 'update c', 'presence p', 'update d'],
  )
})

/** Spells the state row as it was: seven doubles, then the newest id. */
async function writeStateAsVersion1(folder: string): Promise<void> {
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
  const root = openEnvironment<Buffer, Buffer>({
    path: folder,
    noSubdir: false,
    maxDbs: 8,
    ...binary,
  })
  const meta = root.openDB<Buffer, Buffer>('meta', { ...binary, useVersions: true })
  const key = Buffer.from('state')
  const row = meta.getEntry(key)
  if (row === undefined) throw new Error('there is no state row')
  const old = Buffer.concat([row.value.subarray(0, 61), row.value.subarray(93)])
  old[0] = 1
  old.writeUInt32BE(crc32(old.subarray(5)), 1)
  await meta.put(key, old, row.version ?? 0)
  await root.close()
}
