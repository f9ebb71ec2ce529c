import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import t, { type Test } from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import { HubProcess, temporaryFolder } from '../../fixtures/hub-process.ts'
import { readAll, unlimited, update } from '../../log/contract.ts'
import { run } from '../cinnabar.ts'

const keys = {
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: 'a secret that is long enough for HS256',
  MERCURE_SUBSCRIBER_JWT_KEY: 'a secret that is long enough for HS256',
}
const on = (folder: string) => ({ ...keys, MERCURE_TRANSPORT_URL: `lmdb:${folder}` })

/** A store with the ids e1 to e`count`. */
async function store(t: Test, count: number): Promise<string> {
  const folder = temporaryFolder(t)
  const log = await LmdbLog.open(folder, unlimited)
  for (let i = 1; i <= count; i++)
    await log.append([update(`e${i}`, { data: `needle-${i}.${'x'.repeat(50)}` })])
  await log.close()
  return folder
}

/** Changes bytes of the file wherever `text` stands. */
function spoil(folder: string, text: string): void {
  const file = join(folder, 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) bytes[at] = 0x4e
  writeFileSync(file, bytes)
}

async function idsIn(t: Test, folder: string): Promise<readonly string[]> {
  const log = await LmdbLog.open(folder, unlimited)
  t.teardown(() => log.close())
  return (await readAll(log)).map((entry) => entry.update.id)
}

t.test('a sound configuration and store are told in a line each', async (t) => {
  const folder = await store(t, 3)

  const { code, stdout, stderr } = await run(t, ['check'], { env: on(folder) })

  t.match(stdout, /^ok +configuration: every option is understood$/m)
  t.match(stdout, /^ok +history: 3 entries, 1 to 3; .* sound$/m)
  t.match(stdout, /^(ok|warning) +machine: /m)
  t.notMatch(stdout, /^wrong/m)
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
})

t.test('every problem of the configuration is a line, and the exit code 1', async (t) => {
  const config = join(temporaryFolder(t), 'hub.yaml')
  writeFileSync(config, 'heartbeat: 4O s\nhearbeat: 5s\n')

  const { code, stdout } = await run(t, ['check', '--config', config], {
    env: { ...keys, MERCURE_TRANSPORT_URL: 'memory:', MERCURE_WRITE_TIMEOUT: 'long' },
  })

  t.equal(code, 1)
  t.match(stdout, /^wrong +configuration: heartbeat: expected a duration/m)
  t.match(stdout, /^wrong +configuration: .*hearbeat: unknown key \(did you mean heartbeat\?\)$/m)
  t.match(stdout, /^wrong +configuration: write_timeout: expected a duration/m)
  t.match(stdout, /^ok +history: memory: has no file to check$/m)
})

t.test('an unknown flag is bad usage', async (t) => {
  const { code, stderr, stdout } = await run(t, ['check', '--repiar', 'more'])

  t.equal(code, 2)
  t.match(stderr, /^cinnabar check: --repiar: unknown flag \(did you mean --repair\?\)$/m)
  t.match(stderr, /^cinnabar check: unexpected argument "more"$/m)
  t.equal(stdout, '')
})

t.test('on a terminal it tells how far it is, elsewhere only findings', async (t) => {
  const env = on(await store(t, 3))
  const inTerminal = (...flags: readonly string[]) => {
    const command = [process.execPath, 'dist/src/cli/main.js', 'check', ...flags].join(' ')
    return spawnSync('script', ['-qec', command, '/dev/null'], { env, encoding: 'utf8' }).stdout
  }

  t.match(inTerminal('--compact'), /reading the history: 0 %[^]*writing the history: 100 %/)
  t.notMatch(inTerminal('--quiet'), 'the history: ')
  const { stdout, stderr } = await run(t, ['check', '--json'], { env })
  t.equal(stderr, '')
  const findings = stdout.trimEnd().split('\n')
  t.match(JSON.parse(findings[0] ?? ''), { kind: 'ok', about: 'configuration' })
  t.notMatch((await run(t, ['check', '--quiet'], { env })).stdout, /^ok/m)
})

t.test('a damaged record is found, and repair keeps all others in their places', async (t) => {
  const folder = await store(t, 30)
  spoil(folder, 'needle-7.')

  const before = await run(t, ['check'], { env: on(folder) })
  const repair = await run(t, ['check', '--repair'], { env: on(folder) })
  const after = await run(t, ['check'], { env: on(folder) })

  t.equal(before.code, 1)
  t.match(before.stdout, /^wrong +history: entry 7: the record is damaged$/m)
  t.equal(repair.code, 0)
  t.match(repair.stdout, /^repaired history: entry 7: dropped, its record is damaged or lost$/m)
  t.match(repair.stdout, /^repaired history: the damaged file is kept as data\.damaged-.*\.mdb$/m)
  t.equal(readdirSync(folder).filter((name) => name.startsWith('data.damaged-')).length, 1)
  t.equal(after.code, 0)
  t.match(after.stdout, /^warning +history: entry 7: lost earlier/m)
  t.strictSame(
    await idsIn(t, folder),
    Array.from({ length: 30 }, (_, i) => `e${i + 1}`).filter((id) => id !== 'e7'),
  )
})

t.test('a store that a hub has open is checked, and never repaired', async (t) => {
  const folder = temporaryFolder(t)
  const env = on(folder)
  const hub = await HubProcess.start(t, { env })

  const check = await run(t, ['check'], { env })
  const repair = await run(t, ['check', '--compact'], { env })

  t.equal(check.code, 0)
  t.equal(repair.code, 1)
  t.match(
    repair.stdout,
    new RegExp(
      `^wrong +history: not compacted: process ${hub.pid} has the store open; stop it first$`,
      'm',
    ),
  )
})

t.test('compacting returns room to the disk, and keeps everything', async (t) => {
  const folder = temporaryFolder(t)
  const log = await LmdbLog.open(folder, { ...unlimited, maxEntries: 100 })
  for (let i = 0; i < 20; i++)
    await log.append(
      Array.from({ length: 100 }, (_, n) => update(`e${i * 100 + n}`, { data: 'x'.repeat(1_000) })),
    )
  while (log.stats().entries > 100) await new Promise((resolve) => setTimeout(resolve, 20))
  await log.close()
  const before = statSync(join(folder, 'data.mdb')).size

  const { code, stdout } = await run(t, ['check', '--compact'], { env: on(folder) })

  t.equal(code, 0)
  t.match(stdout, /^ok +history: compacted: 100 entries, 1901 to 2000; /m)
  t.ok(statSync(join(folder, 'data.mdb')).size < before / 2)
  t.notOk(readdirSync(folder).some((name) => name.startsWith('data.damaged')))
  t.equal((await idsIn(t, folder)).length, 100)
})

t.test('a store of a version that counted no owners is sound, and is opened', async (t) => {
  const folder = await store(t, 3)
  const root = open({ path: folder, noSubdir: false, maxDbs: 8 })
  await root.openDB('owners', { dupSort: true, encoding: 'binary' }).drop()
  await root.close()

  const { code, stdout } = await run(t, ['check'], { env: on(folder) })

  t.match(stdout, /^ok +history: 3 entries, 1 to 3; .* sound$/m)
  t.equal(code, 0)
  t.strictSame(await idsIn(t, folder), ['e1', 'e2', 'e3'])
})

t.test('a store that is written anew knows whose its idempotency keys are', async (t) => {
  const folder = temporaryFolder(t)
  const append = (log: LmdbLog, key: string) =>
    log.append([], { once: { key, owner: 'a', fingerprint: 'f', windowMs: 600_000, most: 4 } })
  const before = await LmdbLog.open(folder, unlimited)
  await append(before, '1')
  await append(before, '2')
  await before.close()

  t.match(await run(t, ['check', '--compact'], { env: on(folder) }), { code: 0 })

  const after = await LmdbLog.open(folder, unlimited)
  t.teardown(() => after.close())
  await t.rejects(append(after, '3'), { code: 'unavailable', message: /of this publisher/ })
  t.match(await append(after, '1'), { outcome: 'repeated' })
})

t.test('what cannot be a store is said, and what is none yet is fine', async (t) => {
  const parent = temporaryFolder(t)
  const [file, empty, garbage] = ['file', 'empty', 'garbage'].map((name) => join(parent, name))
  writeFileSync(file ?? '', '')
  for (const folder of [empty, garbage]) mkdirSync(folder ?? '')
  writeFileSync(join(garbage ?? '', 'data.mdb'), Buffer.alloc(65_536, 'this is no database '))
  const checked = (folder: string | undefined, ...args: string[]) =>
    run(t, ['check', ...args], { env: on(folder ?? '') })

  t.match(await checked(file), { code: 1, stdout: /wrong +history: .*it is not a directory/ })
  t.match(await checked(join(file ?? '', 'below')), { code: 1, stdout: /it is not a directory/ })
  t.match(await checked(empty), { code: 0, stdout: /ok +history: .* holds no history yet/ })
  t.match(await checked(join(parent, 'absent')), { code: 0, stdout: /holds no history yet/ })
  t.notOk(existsSync(join(parent, 'absent')), 'and nothing was made')
  t.match(await checked(garbage), { code: 1, stdout: /wrong +history: .*head of the file/ })
  t.match(await checked(garbage, '--repair'), {
    code: 0,
    stdout:
      /repaired +history: nothing of a history was found in the file: all its updates are lost/,
  })
  t.match(await checked(garbage), { code: 0, stdout: /no entries/ })
  t.ok(readdirSync(garbage ?? '').some((name) => name.startsWith('data.damaged-')))
})

t.test('whatever the hub finds damaged, a repair lets it start', async (t) => {
  const whole = await store(t, 30)
  const bytes = readFileSync(join(whole, 'data.mdb'))
  const damages: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
    'cut to 5,000 bytes': (from) => from.subarray(0, 5_000),
    'cut to 10 bytes': (from) => from.subarray(0, 10),
    'full of noise': (from) => Buffer.from(from.map((_, at) => (at * 7919 + 13) % 251)),
    'all zero': (from) => Buffer.alloc(from.length),
    'noise behind its head': (from) => Buffer.concat([from.subarray(0, 8_192), from.subarray(8_192).map((_, at) => (at * 31) % 253)]), // prettier-ignore
  }
  for (const [name, spoiled] of Object.entries(damages)) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'data.mdb'), spoiled(bytes))
    await t.rejects(LmdbLog.open(folder, unlimited), { message: /cinnabar check --repair/ }, name)

    t.match(await run(t, ['check', '--repair'], { env: on(folder) }), { code: 0 }, name)

    t.ok((await idsIn(t, folder)).length <= 30, `${name}: it opens`)
    t.ok(
      readdirSync(folder).some((file) => file.startsWith('data.damaged-')),
      name,
    )
  }
})

t.test('what serve refuses, check finds wrong; a repair only warns of it', async (t) => {
  const env = { MERCURE_TRANSPORT_URL: `lmdb:${await store(t, 1)}` }

  t.match(await run(t, ['serve'], { env }), { code: 2, stderr: /expected a key/ })
  t.match(await run(t, ['check'], { env }), { code: 1, stdout: /^wrong .*expected a key/m })
  t.match(await run(t, ['check', '--repair'], { env }), {
    code: 0,
    stdout: /^warning .*expected a key/m,
  })
})

t.test('more subscribers than open files are wrong', async (t) => {
  const { code, stdout } = await run(t, ['check'], {
    env: { ...keys, MERCURE_TRANSPORT_URL: 'memory:', MERCURE_MAX_SUBSCRIBERS: '1e7' },
  })

  t.equal(code, 1)
  t.match(
    stdout,
    /^wrong +machine: max_subscribers: 10000000 need 10000064 open files, and the limit is/m,
  )
})
