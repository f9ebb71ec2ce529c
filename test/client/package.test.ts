import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { temporaryFolder } from '../fixtures/hub-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

t.test('the subscriber costs a page 6 KB at most', async (t) => {
  const { sizes } = (await import(`${root}scripts/size.mjs`)) as {
    readonly sizes: () => Promise<Record<string, number>>
  }
  const { subscriber = Infinity, publisher = Infinity } = await sizes()

  t.ok(subscriber <= 6 * 1024, `${subscriber} bytes`)
  t.ok(publisher < subscriber, 'whoever only publishes does not load the subscriber')
})

const program = `
import { HubRefusal, publish, publishBatch, subscribe, subscriptions } from 'cinnabar/client'
import type { Gap, SubscribeOptions, Subscription, SubscriptionState, Update } from 'cinnabar/client'

const options: SubscribeOptions = {
  hub: new URL('https://hub.example/.well-known/mercure'),
  match: ['a', 'b'],
  urlPattern: '/users/:id',
  token: async () => undefined,
  persist: { load: () => null, save: (id: string) => void id },
  onGap: ({ requested }: Gap) => void requested,
  onState: (state: SubscriptionState) => {
    if (state.name === 'waiting') state.nextAttemptAt?.toFixed()
    if (state.name === 'ended') state.status?.toFixed()
  },
}
const subscription: Subscription = subscribe(options)
subscription.addEventListener('message', (event) => event.data.concat(event.lastEventId))
for await (const update of subscription) {
  const { id, type, data, json }: Update = update
  const book = json<{ title: string }>()
  ;[id, type, data, book.title].join()
}
const id: string = await publish({ hub: 'https://hub.example/', topic: 'a', private: true })
const ids: readonly string[] = await publishBatch({ hub: id, updates: [{ topic: ['a'] }] })
await subscription.add({ match: ids })
for (const { match } of subscriptions({ hub: id }).active.values()) match.concat()
const refusal: unknown = undefined
if (refusal instanceof HubRefusal) refusal.status.toFixed()
// @ts-expect-error a topic is text
void subscribe({ hub: '', match: 1 })
// @ts-expect-error there is no option of this name
void subscribe({ hub: '', matches: 'a' })
// @ts-expect-error the hub is named
void publish({ topic: 'a' })
`

for (const [name, compilerOptions] of Object.entries({
  'a page': { lib: ['es2023', 'dom', 'dom.iterable'], types: [] },
  'Node.js': { lib: ['es2023'], types: ['node'] },
}))
  t.test(`the types serve a strict NodeNext program for ${name}`, async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'node_modules/@types'), { recursive: true })
    symlinkSync(root, join(folder, 'node_modules/cinnabar'))
    symlinkSync(join(root, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node'))
    symlinkSync(join(root, 'node_modules/undici-types'), join(folder, 'node_modules/undici-types'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(folder, 'program.ts'), program)
    const strict = {
      module: 'nodenext',
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      skipLibCheck: false,
      preserveSymlinks: false,
      noEmit: true,
    }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions }, files: ['program.ts'] }),
    )

    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })

    t.equal(stdout, '')
  })
