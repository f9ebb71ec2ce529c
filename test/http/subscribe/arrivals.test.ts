import t, { type Test } from 'tap'
import { startAdmin, startHub, type TestHub } from '../../fixtures/hub.ts'
import { ask } from '../../fixtures/http.ts'
import { api, everything } from '../../fixtures/presence.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

const transports = { memory: () => 'memory:', lmdb: (t: Test) => `lmdb:${t.testdir()}` }
const everyLegacy = `topic=${encodeURIComponent(`${api}/{topic}/{subscriber}`)}`
const newcomers = 20

interface Told {
  readonly match?: string
  readonly topic?: string
  readonly active?: boolean
}

/** What a stream got, in order: arrivals as `+who`, ends as `-who`, updates by their data. */
function story({ data }: SseClient): string[] {
  return data.map((text) => {
    if (!text.startsWith('{')) return text
    const { match, topic, active } = JSON.parse(text) as Told
    return `${active === true ? '+' : '-'}${match ?? topic}`
  })
}

async function listed(hub: TestHub, token: string): Promise<string[]> {
  const { text } = await hub.ask('GET', { path: api, token })
  const { subscriptions } = JSON.parse(text) as { subscriptions: Told[] }
  return subscriptions.map(({ match, topic }) => match ?? topic ?? '')
}

/** Both protocols: who watches, how a newcomer asks for a topic, and the token of either. */
const dialects = [
  {
    name: '1.0',
    watching: `${everything}&match=news`,
    ask: (topic: string) => `match=${topic}`,
    tokenOf: (hub: TestHub) => hub.token(),
  },
  {
    name: '0.x',
    watching: `${everyLegacy}&topic=news`,
    ask: (topic: string) => `topic=${topic}`,
    tokenOf: () => signLegacyToken({ publish: ['*'], subscribe: ['*'] }),
  },
]

for (const [transport, urlOf] of Object.entries(transports))
  for (const { name, watching, ask: asking, tokenOf } of dialects) {
    const open = (t: Test) =>
      startHub(t, {
        subscriptions: true,
        protocol_version_compatibility: 8,
        transport_url: urlOf(t),
      })

    t.test(
      `${transport}, ${name}: an arrival is told, and listed, before the newcomer has its 200`,
      async (t) => {
        const hub = await open(t)
        const token = tokenOf(hub)
        const watcher = await hub.subscribe(watching, { token })
        await until(() => watcher.events.length === 2)

        for (let i = 0; i < newcomers; i++) {
          const newcomer = await hub.subscribe(asking(`t${i}`), { token })
          const published = hub.publish({ topic: 'news', data: `u${i}` })
          t.ok((await listed(hub, token)).includes(`t${i}`), `the list knows t${i}`)
          await published
          if (i % 2 === 0) newcomer.close()
        }

        await watcher.untilData(`u${newcomers - 1}`)
        t.strictSame(
          story(watcher).filter((one) => /^[+u]/.test(one) && !/subscriptions|news/.test(one)),
          Array.from({ length: newcomers }, (_, i) => [`+t${i}`, `u${i}`]).flat(),
        )
      },
    )

    t.test(`${transport}, ${name}: a newcomer that may, hears of itself first`, async (t) => {
      const hub = await open(t)
      const token = tokenOf(hub)
      await hub.publish({ topic: 'news', data: 'old' })

      const watchers = await Promise.all(
        Array.from({ length: newcomers }, async (_, i) => {
          const watcher = await hub.subscribe(`${watching}&${asking(`w${i}`)}`, { token })
          await hub.publish({ topic: 'news', data: `u${i}` })
          return watcher
        }),
      )

      for (const [i, watcher] of watchers.entries()) {
        await watcher.untilData(`u${i}`)
        const own = story(watcher)
        t.ok(own.slice(0, 3).includes(`+w${i}`), 'its own three come first')
        t.ok(own.indexOf(`+w${i}`) < own.indexOf(`u${i}`))
        t.equal(own.filter((one) => one === `+w${i}`).length, 1)
        t.notOk(own.includes('old'))
      }
    })

    t.test(
      `${transport}, ${name}: who comes back with a cursor gets what is before it first`,
      async (t) => {
        const hub = await open(t)
        const token = tokenOf(hub)
        await hub.publish({ topic: 'news', data: 'one', id: 'one' })
        await hub.publish({ topic: 'news', data: 'two' })

        const watcher = await hub.subscribe(watching, { token, lastEventId: 'one' })
        await hub.publish({ topic: 'news', data: 'three' })

        await watcher.untilData('three')
        const told = story(watcher).map((one) => (one.startsWith('+/') ? '+watching' : one))
        t.strictSame(told.slice(1, 3).toSorted(), ['+news', '+watching'])
        t.strictSame([told.at(0), told.at(3), told.length], ['two', 'three', 4])
      },
    )
  }

t.test('a crowd shares its appends, and each of it is listed when it has its 200', async (t) => {
  const hub = await startHub(t, { subscriptions: true, transport_url: `lmdb:${t.testdir()}` })
  const { log } = hub.assembly
  const append = log.append.bind(log)
  let appends = 0
  log.append = (...args) => {
    if (args[1]?.kind === 'presence') appends++
    return append(...args)
  }

  await Promise.all(
    Array.from({ length: 400 }, async (_, i) => {
      await hub.subscribe(`match=t${i}`)
      t.ok((await hub.hub.presence?.page({ type: 'exact', match: `t${i}` }, '', 2))?.kept.length)
    }),
  )

  t.ok(appends < 200, `${appends} appends`)
})

t.test(
  'an answer waits for its stream’s arrival only: who leaves meanwhile leaves nothing',
  async (t) => {
    const hub = await startHub(t, { subscriptions: true })
    const admin = await startAdmin(t, hub)
    const { log } = hub.assembly
    const append = log.append.bind(log)
    const held: (() => void)[] = []
    log.append = async (...args) => {
      if (args[1]?.kind === 'presence') await new Promise<void>((resolve) => held.push(resolve))
      return append(...args)
    }
    const bob = hub.token({ subscribe: ['*'], claims: { sub: 'bob' } })
    const leaver = hub.connect().send(hub.requestFor('match=leaver'))
    const kicked = hub.connect().send(hub.requestFor('match=kicked', { token: bob }))
    const stays = hub.connect().send(hub.requestFor('match=stays'))
    await hub.untilSubscribers(3)

    leaver.reset()
    await hub.untilSubscribers(2)
    const body = JSON.stringify({ sub: 'bob' })
    const headers = { 'content-type': 'application/json' }
    const answer = await ask(`${admin}/kick`, { method: 'POST', headers, body })
    t.match(JSON.parse(answer.text), { closed: 1 })
    await kicked.closed
    t.strictSame(
      [kicked.head.status, kicked.events],
      [200, []],
      'an EventSource comes back for its 204',
    )
    t.equal(stays.hasHead, false, 'nothing is said before the log knows')
    log.append = append
    for (const release of held) release()

    await stays.untilHead()
    t.strictSame(await listed(hub, hub.token()), ['stays'])
    t.strictSame(hub.hub.verify(), [])
  },
)
