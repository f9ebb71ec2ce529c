import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'

const each = 500
const topic = (name: string) => `https://example.com/${name}`

t.test('500 subscribers of each protocol share topics, with publishers of each', async (t) => {
  const hub = await startHub(t, { protocol_version_compatibility: 8, anonymous: false })
  const old = signLegacyToken({ publish: ['*'], subscribe: [topic('{name}')] })
  const grant = { match: topic(':name'), match_type: 'urlpattern' }
  const modern = hub.token({ publish: ['*'], subscribe: [grant] })
  const selectors = [`topic=${encodeURIComponent(topic('{name}'))}`, `topic=${topic('a')}`]
  const matchers = [`match_urlpattern=${topic(':name')}`, `match=${topic('a')}`]
  const open = (queries: readonly string[], token: string) =>
    Promise.all(
      Array.from({ length: each }, (_, index) =>
        hub.subscribe(queries[index % queries.length] ?? '', { token }),
      ),
    )
  const olds = await open(selectors, old)
  const moderns = await open(matchers, modern)
  await hub.untilSubscribers(2 * each)

  for (let round = 0; round < 5; round++)
    for (const token of [old, modern]) {
      const by = token === old ? 'old' : 'modern'
      for (const name of ['a', 'b', 'c/d'])
        await hub.publish({ topic: topic(name), data: `${by} ${name} ${round}` }, { token })
      for (const [name, topics, more] of [
        ['secret', [topic('b')], { private: 'on' }],
        ['alternate', [topic('c/d'), topic('b')], { private: 'on' }],
        ['many', [topic('c/d'), topic('b'), topic('a')], {}],
      ] as const)
        await hub.publish({ topic: topics, ...more, data: `${by} ${name} ${round}` }, { token })
    }
  await hub.publish({ topic: topic('a'), data: 'last' }, { token: old })
  await Promise.all([...olds, ...moderns].map((client) => client.untilData('last')))

  const rounds = Array.from({ length: 5 }, (_, round) => round)
  const all = rounds.flatMap((round) =>
    ['old', 'modern'].flatMap((by) =>
      ['a', 'b', 'secret', 'alternate', 'many'].map((what) => `${by} ${what} ${round}`),
    ),
  )
  const wide = JSON.stringify([...all, 'last'])
  const narrow = JSON.stringify([...all.filter((data) => / (a|many) /.test(data)), 'last'])
  const received = (clients: typeof olds) => clients.map(({ data }) => JSON.stringify(data))
  const wanted = Array.from({ length: each }, (_, index) => (index % 2 === 0 ? wide : narrow))
  t.strictSame(received(olds), wanted)
  t.strictSame(received(moderns), wanted)
  t.ok(
    olds.every(({ cursors }) => cursors.length === 0),
    'no cursor lines to 0.x',
  )
  t.ok(
    moderns.every(({ cursors }) => cursors.length > 0),
    'cursor lines to 1.0',
  )
})
