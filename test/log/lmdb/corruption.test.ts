import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import type { Entry } from '../../../src/log/log.ts'
import { checkStore, type StoreFinding } from '../../../src/log/lmdb/repair/check.ts'
import { inspectStore } from '../../../src/log/lmdb/repair/inspect.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { seeded, until } from '../../fixtures/until.ts'
import { readAll, unlimited, update } from '../contract.ts'
import { copyStore, damage, entriesIn, pagesOfEntries } from './damage.ts'

const built = new URL('../../../dist/src/log/lmdb/lmdb-log.js', import.meta.url).href
const once60 = (key: string) => ({ once: { key, fingerprint: 'f', windowMs: 3_600_000 } })

interface History {
  /** What is kept. */
  readonly truth: readonly Entry[]
  /** What was ever stored, by position; the trimmed beginning too. */
  readonly stored: ReadonlyMap<number, string>
}

/** A history with all that a store can hold: small and large entries, one id several times, a trimmed beginning. */
async function history(folder: string): Promise<History> {
  const stored = new Map<number, string>()
  const log = await LmdbLog.open(folder, { ...unlimited, maxEntries: 600, maxNotices: 20 })
  for (let i = 1; i <= 900; i += 3) {
    const large = i % 60 === 1 ? 'x'.repeat(3_000 + 37 * i) : 'x'.repeat(i % 200)
    const updates = [update(`e${i}`, { data: large }), update(`dup-${i % 5}`), update(`e${i + 2}`)]
    for (const [index, one] of updates.entries()) stored.set(i + index, JSON.stringify(one))
    await log.append(
      updates,
      i % 9 === 1 ? once60(`k${i}`) : { marks: [{ name: `m${i}`, from: undefined, to: 'x' }] },
    )
  }
  for (let i = 0; i < 40; i++) {
    const notice = update(`n${i}`)
    stored.set(log.head + 1, JSON.stringify(notice))
    await log.append([notice], { kind: i % 2 === 0 ? 'presence' : 'control' })
  }
  await until(() => log.stats().entries <= 600 && log.stats().notices <= 20)
  const truth = await readAll(log, log.first - 1)
  await log.close()
  return { truth, stored }
}

interface Served {
  /** What a hub answers that opens the store; `refused` when it does not start. */
  readonly refused?: string
  readonly entries: readonly Entry[]
  readonly located: Readonly<Record<string, number>>
}

/** Opens a store as a hub does, in a process that may die of it. Undefined when it does. */
async function served(folder: string): Promise<Served | undefined> {
  const program = `
    import { LmdbLog } from ${JSON.stringify(built)}
    const unlimited = { maxEntries: 0, maxAgeMs: 0, maxBytes: 0 }
    const all = { maxEntries: 1e9, maxBytes: 1e9 }
    const answer = (value) => process.stdout.write(JSON.stringify(value), () => process.exit(0))
    let log
    try {
      log = await LmdbLog.open(${JSON.stringify(folder)}, unlimited)
    } catch (error) {
      answer({ refused: error.message })
      await new Promise(() => {})
    }
    const entries = []
    for (let at = log.first - 1; at < log.head;) {
      const page = await log.read(at, { ...all, upTo: log.head })
      entries.push(...page.entries)
      at = page.upTo
    }
    const located = {}
    for (const { update } of entries) located[update.id] = log.locate(update.id)
    await log.append([{ id: 'new', topics: ['t'], data: '', isPrivate: false, type: '', retry: '' }]).catch(() => {})
    answer({ entries, located })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] },
  })
  const closed = once(child, 'close')
  const answer = await json(child.stdout).catch(() => undefined)
  await closed
  return answer as Served | undefined
}

const wrong = (findings: readonly StoreFinding[]) =>
  findings.filter(({ kind }) => kind === 'wrong').map(({ what }) => what)

/** What stays the same however long it is told: a deep comparison of a thousand entries takes longer than the rest. */
const asText = (entries: Iterable<Entry>) => [...entries].map((entry) => JSON.stringify(entry))

t.test('check finds what matters of any damage, and repair keeps what is whole', async (t) => {
  const seed = Number(process.env['SEED'] ?? 1)
  const rounds = Number(process.env['DAMAGES'] ?? 12)
  /** The processes are what takes time: the long form starts some for each tenth damage. */
  const servedEvery = rounds > 100 ? 10 : 1
  const whole = temporaryFolder(t)
  const { truth, stored } = await history(whole)
  const pages = pagesOfEntries(whole)
  const newest = inspectStore(whole).state?.revision
  const firstOf = new Map<string, number>()
  for (const { position, update } of truth)
    if (!firstOf.has(update.id)) firstOf.set(update.id, position)
  const known = new Set(truth.map(({ position }) => position))
  const everything = JSON.stringify({ entries: truth, located: Object.fromEntries(firstOf) })
  const folder = join(temporaryFolder(t), 'store')
  const tally = {
    harmless: 0,
    found: 0,
    died: 0,
    refused: 0,
    nothingLeft: 0,
    lost: 0,
    kept: 0,
    back: 0,
  }

  for (let round = 0; round < rounds; round++) {
    rmSync(folder, { recursive: true, force: true })
    copyStore(whole, folder)
    const done = await damage(folder, seeded(seed * 100_003 + round))
    const name = `round ${round} of seed ${seed}, ${done.what}`
    const isTouched = ({ position }: Entry) =>
      pages.get(position)?.some((page) => done.pages.has(page)) === true

    const before = inspectStore(folder)
    const found = before.wrong
    const isServed = round % servedEvery === 0
    const copy = copyStore(folder, `${folder}-served`)
    const hub = isServed ? await served(copy) : { entries: truth, located: {} }
    if (hub === undefined) {
      tally.died++
      // Whoever starts it again is told what to do; it does not die once more.
      t.match((await served(copy))?.refused, /cinnabar check --repair/, `${name}: no crash loop`)
    } else if (hub.refused !== undefined) {
      tally.refused++
      t.match(hub.refused, /^transport_url: /, `${name}: a sentence`)
    }
    rmSync(copy, { recursive: true, force: true })
    if (found.length === 0) {
      tally.harmless++
      const all = isServed ? JSON.stringify(hub) : JSON.stringify({ entries: entriesIn(folder) })
      const expected = isServed ? everything : JSON.stringify({ entries: truth })
      t.ok(all === expected, `${name}: nothing is wrong, so all is there`)
      continue
    }

    tally.found++
    const told = await checkStore(folder, { repair: true, compact: false })
    const mended = wrong(told)
    if (told.some(({ what }) => what.includes('nothing of a history was found'))) {
      tally.nothingLeft++
      t.ok(truth.every(isTouched), `${name}: nothing was left`)
      continue
    }
    t.strictSame(mended, [], `${name}: repaired`)
    t.strictSame(inspectStore(folder).wrong, [], `${name}: sound`)
    const kept = new Map(entriesIn(folder).map((entry) => [entry.position, entry]))
    const missing = truth.filter((entry) => !isTouched(entry) && !kept.has(entry.position))
    const removed = done.what.endsWith('rows of entries') ? 5 : 0
    t.ok(missing.length <= removed, `${name}: ${missing.length} whole entries are missing`)
    const back = [...kept.values()].filter(({ position }) => !known.has(position))
    t.ok(
      back.every(({ position, update }) => stored.get(position) === JSON.stringify(update)),
      `${name}: what is back is what was there`,
    )
    // Nobody knows any more what was trimmed; else nothing of it comes back.
    if (back.length > 0) t.not(before.state?.revision, newest, `${name}: ${back.length} are back`)
    tally.back += back.length
    const same = truth.filter(({ position }) => kept.has(position))
    const asKept = same.map(({ position }) => kept.get(position) as Entry)
    t.ok(asText(asKept).join() === asText(same).join(), `${name}: none is another`)
    tally.kept += same.length
    tally.lost += truth.length - same.length
    if (!isServed) continue
    const log = await LmdbLog.open(folder, unlimited)
    const read = await readAll(log, log.first - 1)
    t.ok(asText(read).join() === asText(kept.values()).join(), `${name}: all of it is served`)
    const { head } = log
    t.match(await log.append([update('new')]), { outcome: 'stored', position: head + 1 }, name)
    t.equal(await log.locate('new'), head + 1, name)
    await log.close()
  }

  t.equal(tally.harmless + tally.found, rounds)
  t.comment(JSON.stringify({ damages: rounds, entries: truth.length, ...tally }))
})
