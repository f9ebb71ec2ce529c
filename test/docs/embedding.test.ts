import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { nodeBinary, nodeVersions } from '../fixtures/node-binary.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(new URL('../../docs/embedding.md', import.meta.url), 'utf8')
const run = promisify(execFile)

/** The first program after a heading. */
function program(heading: string): string {
  const after = page.slice(page.indexOf(`## ${heading}`))
  return /```js\n([\s\S]*?)```/.exec(after)?.[1] ?? ''
}

for (const version of nodeVersions)
  t.test(
    `one process subscribes, publishes, kicks and reads its health on Node ${version}`,
    async (t) => {
      const node = nodeBinary(version)
      if (node === undefined) return t.plan(0, `node@${version} cannot be had`)

      const args = ['--input-type=module', '--eval', program('In the same process')]
      const { stdout } = await run(node, args, { cwd: root, timeout: 60_000 })

      t.strictSame(stdout.trim().split('\n'), [
        'message paid',
        'stock {"stock":3}',
        'stock {"stock":0}',
        'true true',
        'true',
        '{ closed: 0, unanswered: [] }',
      ])
    },
  )

t.test('the programs compile for a strict consumer, declarations included', async (t) => {
  const folder = `${root}.tap/consumer`
  mkdirSync(folder, { recursive: true })
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(`${folder}/same-process.ts`, program('In the same process'))
  writeFileSync(
    `${folder}/refused.ts`,
    `import { createHub, HubError } from 'cinnabar'
const hub = await createHub({ issuers: [{ id: 'https://app.example', publisher: { key: 'k' } }], heartbeat: '7s' })
// @ts-expect-error: the server that embeds the hub listens
await createHub({ port: 80 })
// @ts-expect-error: an update has a topic
await hub.publish({ data: 'x' })
try { await hub.publishBatch([{ topic: ['a', 'b'] }]) } catch (error) {
  if (error instanceof HubError && error.code === 'too_large') console.log(error.status)
}
`,
  )

  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext']
  const more = ['--target', 'es2023', '--types', 'node', '--skipLibCheck', '--ignoreConfig']
  const { status, stdout } = spawnSync(
    process.execPath,
    [tsc, ...options, ...more, 'same-process.ts', 'refused.ts'],
    { cwd: folder, encoding: 'utf8' },
  )

  t.equal(stdout, '')
  t.equal(status, 0)
})
