import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadSettings } from '../../src/config/load.ts'
import { LmdbLog } from '../../src/log/lmdb/lmdb-log.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'
import { run } from '../cli/cinnabar.ts'
import { unlimited, update } from '../log/contract.ts'

const page = readFileSync(new URL('../../docs/history.md', import.meta.url), 'utf8')

/** The first block of a language after a heading of the page. */
function example(heading: string, language: string): string {
  const after = page.slice(page.indexOf(`## ${heading}`))
  return new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(after)?.[1] ?? ''
}

/** A store of five updates, the third of which is damaged. */
async function damagedStore(folder: string): Promise<void> {
  const log = await LmdbLog.open(folder, unlimited)
  for (let i = 1; i <= 5; i++) await log.append([update(`e${i}`, { data: `needle-${i}` })])
  await log.close()
  const file = join(folder, 'data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf('needle-3'); at >= 0; at = bytes.indexOf('needle-3', at + 1))
    bytes[at] = 0x4e
  writeFileSync(file, bytes)
}

t.test('the page shows what check prints', async (t) => {
  const folder = temporaryFolder(t)
  const log = await LmdbLog.open(folder, unlimited)
  await log.append(Array.from({ length: 1_000 }, (_, i) => update(`e${i}`)))
  await log.close()
  const env = { MERCURE_ANONYMOUS: '1', MERCURE_TRANSPORT_URL: `lmdb:${folder}` }

  const { stdout } = await run(
    t,
    example('Check, repair, compact', 'sh').trim().split(' ').slice(1),
    { env },
  )

  const [shown, printed] = [example('Check, repair, compact', 'text'), stdout].map((text) =>
    text
      .replace(/[\d.]+ MB/, 'N MB')
      .split('\n')
      .filter((line) => /^ok +(conf|hist)/.test(line)),
  )
  t.equal(shown?.length, 2)
  t.strictSame(printed, shown)
})

t.test('the page sizes a history with options that there are', (t) => {
  const lines = example('How much is kept', 'sh').trim().split('\n')
  const env = Object.fromEntries(lines.map((line) => line.split('=')))

  const { settings } = loadSettings({ argv: [], env: { ...env, MERCURE_ANONYMOUS: '1' } })

  t.match(settings, { historySize: 0, historyMaxAgeMs: 86_400_000, historyMaxBytes: 10 * 2 ** 30 })
  t.end()
})

t.test(
  'a running hub skips a damaged record, counts it, logs it once, and serves on',
  async (t) => {
    const folder = temporaryFolder(t)
    await damagedStore(folder)
    const hub = await HubProcess.start(t, {
      env: { MERCURE_ANONYMOUS: '1', MERCURE_TRANSPORT_URL: `lmdb:${folder}` },
    })
    const port = Number(new URL(hub.origin).port)
    const replay = () =>
      new SseClient(port).send(
        `GET /.well-known/mercure?match=*&last_event_id=earliest HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
      )

    const [first, second] = [await replay().until(5), await replay().until(5)]

    const gap = { type: 'mercure', data: /"type":"gap"/ }
    t.match(first, [{ id: 'e1' }, { id: 'e2' }, gap, { id: 'e4' }, { id: 'e5' }])
    t.equal(second.length, 5)
    const metrics = await (await fetch(`${hub.adminUrl}/metrics`)).text()
    t.match(metrics, /^mercure_log_corrupt_records_total 1$/m)
    const told = () => hub.log.filter(({ msg }) => msg === 'a record of the history is damaged')
    await until(() => told().length > 0)
    t.match(told(), [{ position: 3 }])
    t.equal((await fetch(`${hub.origin}/health/ready`)).status, 200)
  },
)

t.test('a hub that cannot use its history says in one line what to do, and ends', async (t) => {
  const folder = temporaryFolder(t)
  await damagedStore(folder)
  const file = join(folder, 'data.mdb')
  writeFileSync(file, readFileSync(file).subarray(0, 5 * 4096))

  await t.rejects(
    HubProcess.start(t, {
      env: { MERCURE_ANONYMOUS: '1', MERCURE_TRANSPORT_URL: `lmdb:${folder}` },
    }),
    /the hub ended with 1 before it was ready[\s\S]*cinnabar check --repair/,
  )
})
