import t from 'tap'
import { LmdbLog } from '../../../src/log/lmdb/lmdb-log.ts'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { until } from '../../fixtures/until.ts'
import { unlimited, update } from '../contract.ts'

const batch = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => update(`e${from + i}`))

t.test('a history that was opened with a smaller limit is trimmed at once', async (t) => {
  const folder = temporaryFolder(t)
  const before = await LmdbLog.open(folder, unlimited)
  for (let i = 0; i < 30; i++) await before.append(batch(i * 1_000, 1_000))
  await before.close()

  const log = await LmdbLog.open(folder, { ...unlimited, maxEntries: 100 })
  t.teardown(() => log.close())
  const opened = performance.now()
  await until(() => log.stats().entries <= 110)

  // One slice of 500 a tick would take 15 s; the bound leaves room for a busy disk.
  t.ok(performance.now() - opened < 7_500, 'not a slice a tick')
  t.equal(log.locate('e0'), undefined)
  t.equal(log.locate('e29999'), 30_000)
})

t.test('large batches are trimmed as fast as they come', async (t) => {
  const log = await LmdbLog.open(temporaryFolder(t), { ...unlimited, maxEntries: 1_000 })
  t.teardown(() => log.close())
  let most = 0

  for (let i = 0; i < 30; i++) {
    await log.append(batch(i * 1_000, 1_000))
    most = Math.max(most, log.stats().entries)
  }

  t.ok(most <= 4_000, `${most} entries at most`)
  await until(() => log.stats().entries <= 1_100)
})

t.test('closing does not wait for a long trim', async (t) => {
  const folder = temporaryFolder(t)
  const before = await LmdbLog.open(folder, unlimited)
  for (let i = 0; i < 20; i++) await before.append(batch(i * 1_000, 1_000))
  await before.close()

  const log = await LmdbLog.open(folder, { ...unlimited, maxEntries: 1 })
  await until(() => log.first > 1)
  await log.close()

  t.ok(log.stats().entries > 1)
})
