import t from 'tap'
import { startAdmin, startHub, type TestHub } from '../../fixtures/hub.ts'
import { ask } from '../../fixtures/http.ts'
import { turns, until } from '../../fixtures/until.ts'
import type { ReadBounds } from '../../../src/log/log.ts'
import { compileMatcher } from '../../../src/protocol/matcher.ts'
import { mayWatchSubscriptions } from '../../../src/protocol/watching.ts'
import { Grants } from '../../../src/protocol/grants.ts'

const api = '/.well-known/mercure/subscriptions'
const everything = `match_urlpattern=${api}/:type/:match/:subscriber`

/** More subscription events than a history keeps, in one go. */
async function churn({ assembly: { log } }: TestHub): Promise<void> {
  const event = { topics: [`${api}/exact/x/y`], isPrivate: true, type: 'mercure', retry: '' }
  for (let i = 0; i < 60; i++)
    await log.append(
      Array.from({ length: 1_000 }, (_, n) => ({ ...event, id: `${i}-${n}`, data: '{}' })),
      { kind: 'presence' },
    )
  await until(() => log.stats().notices <= 55_000)
}

/** While it holds, the hub falls behind its history. */
function holdReads({ assembly: { log } }: TestHub): () => void {
  const read = log.read.bind(log)
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  log.read = async (after: number, bounds: ReadBounds) => {
    await held
    return read(after, bounds)
  }
  return release
}

const gapsOf = (events: readonly { type: string; data: string }[]) =>
  events
    .filter(({ type, data }) => type === 'mercure' && data.startsWith('{"type":"gap"'))
    .map(({ data }) => JSON.parse(data) as Record<string, string>)

t.test(
  'a hub behind what is kept of presence tells those who watch it, and only them',
  async (t) => {
    const hub = await startHub(t, { subscriptions: true })
    const watcher = await hub.subscribe(everything, { token: hub.token() })
    const reader = await hub.subscribe('match=news', { token: hub.token() })
    await until(() => watcher.events.length === 2)
    const release = holdReads(hub)
    await hub.publish({ topic: 'news', data: 'before' })
    await churn(hub)
    await hub.publish({ topic: 'news', data: 'after' })

    release()
    await reader.untilData('after')

    t.strictSame(reader.data, ['before', 'after'])
    await until(() => watcher.events.length > 40_000)
    const gaps = gapsOf(watcher.events)
    t.equal(gaps.length, 1)
    t.match(gaps[0], { type: 'gap', requested: /^#/, resumed_after: 'earliest' })
    t.equal(
      watcher.events.indexOf(watcher.events.filter(({ data }) => data.includes('gap'))[0] as never),
      2,
    )
    t.match(await hub.assembly.metrics.text(), /mercure_lost_entries_total [1-9]/)
  },
)

t.test(
  'a cursor before presence that is not kept starts with a gap, once, for those who watch it',
  async (t) => {
    const hub = await startHub(t, { subscriptions: true })
    await hub.publish({ topic: 'news', id: 'start' })
    await churn(hub)
    await hub.publish({ topic: 'news', id: 'end' })
    const token = hub.token()

    const watcher = await hub.subscribe(everything, { token, lastEventId: 'start' })
    const reader = await hub.subscribe('match=news', { token, lastEventId: 'start' })
    const whole = await hub.subscribe(everything, { token, lastEventId: 'earliest' })
    await until(() => watcher.events.length > 40_000 && whole.events.length > 40_000)
    await until(() => reader.events.length === 1)
    await turns()

    t.equal(gapsOf(watcher.events).length, 1)
    t.equal(gapsOf(watcher.events.slice(0, 1)).length, 1, 'before what is left')
    t.strictSame(
      reader.events.map(({ id }) => id),
      ['end'],
    )
    t.strictSame(gapsOf(whole.events), [], 'who asks for what is left misses nothing')
  },
)

t.test(
  'a kick that was lost on the way is obeyed all the same, and whom it denies stays out',
  async (t) => {
    const hub = await startHub(t)
    const admin = await startAdmin(t, hub)
    const token = hub.token({ subscribe: ['*'], claims: { sub: 'bob' } })
    const bob = await hub.subscribe('match=a', { token })
    const alice = await hub.subscribe('match=a', { token: hub.token() })
    const release = holdReads(hub)
    const body = JSON.stringify({ sub: 'bob' })
    const headers = { 'content-type': 'application/json' }
    const answer = ask(`${admin}/kick`, { method: 'POST', headers, body })
    await until(() => hub.assembly.log.stats().notices === 1)
    await churn(hub)
    t.equal(bob.isClosed, false)

    release()

    await bob.closed
    t.equal((await answer).status, 200)
    t.strictSame(await hub.closes(), { kicked: 1 })
    t.equal(alice.isClosed, false)
    t.equal((await hub.subscribe('match=a', { token })).head.status, 204)
  },
)

t.test('who may watch subscriptions, and who cannot', (t) => {
  const base = 'http://hub.example/.well-known/mercure'
  const grants = (...topics: string[]) =>
    new Grants([
      {
        actions: new Set(['subscribe'] as const),
        topics: topics.map((topic) => compileMatcher('exact', topic, base)),
      },
    ])
  const may = (pattern: string, type: 'exact' | 'urlpattern' = 'urlpattern', granted = '*') =>
    mayWatchSubscriptions([compileMatcher(type, pattern, base)], grants(granted))

  for (const pattern of [
    `${api}/:type/:match/:subscriber`,
    `${api}/*`,
    `${api}/exact/chat/:subscriber`,
    '/*',
    '/:a/:b/:c/:d/:e/:f',
    '*://*/*',
    '*://hub.example/*',
    `http://hub.example${api}{/:type}?/:match/:subscriber`,
    '*',
  ])
    t.equal(may(pattern), true, pattern)
  for (const pattern of ['https://shop.example/*', '/books/:id', '/:a/:b', '/.well-known/other/*'])
    t.equal(may(pattern), false, pattern)
  t.equal(may(`${api}/exact/a/b`, 'exact'), true)
  t.equal(may('news', 'exact'), false)
  t.equal(may('*', 'exact', 'news'), false, 'without a grant nothing private comes')
  t.equal(mayWatchSubscriptions([compileMatcher('exact', '*', base)], Grants.none), false)
  t.end()
})
