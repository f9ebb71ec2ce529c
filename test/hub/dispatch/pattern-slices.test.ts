import t from 'tap'
import { Slice } from '../../../src/protocol/slice.ts'
import { PatternWork } from '../../../src/hub/dispatch/pattern-work.ts'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import { seeded, turns, until } from '../../fixtures/until.ts'

const noLimits = {
  max_pattern_cost_per_subscriber: 0,
  max_pattern_cost_per_address: 0,
  max_pattern_steps_per_request: 0,
}
const dear = Array.from({ length: 20 }, (_, n) => `*://*/(${'.*'.repeat(340)}.{0,${9 + n}}z{0,1}q)`)
const dearQuery = dear.map((one) => `match_urlpattern=${encodeURIComponent(one)}`).join('&')
const long = Array.from({ length: 4 }, (_, n) => `https://example.com/${n}${'a'.repeat(2000)}`)

function update(id: string, topics: readonly string[]) {
  return { id, topics, data: id, isPrivate: false, type: '', retry: '' }
}

/** Turns of the event loop until something holds. */
async function turnsUntil(holds: () => boolean): Promise<number> {
  let count = 0
  for (; !holds(); count++) await turns(1)
  return count
}

t.test('the event loop turns while a page is routed to patterns that take long', async (t) => {
  const hub = await startHub(t, noLimits)
  await hub.subscribe('', { method: 'QUERY', body: dearQuery })
  const other = await hub.subscribe('match=b')
  await until(() => hub.hub.stats().members === 2)

  const appended = hub.assembly.log.append([update('1', [...long, 'b'])])
  const count = await turnsUntil(() => hub.hub.lag.entries === 0)
  await appended

  t.ok(count > 20, `${count} turns`)
  await other.when(({ events }) => events.length === 1)
})

t.test(
  'the event loop turns while a replay, or a publisher, is compared with such patterns',
  async (t) => {
    const hub = await startHub(t, noLimits)
    await hub.assembly.log.append([update('1', long), update('2', ['z:1'])])
    await until(() => hub.hub.lag.entries === 0) // else the stream would be live at once
    const body = `${dearQuery}&match=z:1&last_event_id=earliest`

    const opening = hub.subscribe('', { method: 'QUERY', body })
    await turnsUntil(() => hub.hub.subscriberCount === 1)
    const replaying = await turnsUntil(() => hub.hub.stats().replaying === 0)
    t.ok(replaying > 20, `${replaying} turns`)
    const stream = await opening
    await stream.when(({ events }) => events.length === 1)

    const topics = dear.map((match) => ({ match, match_type: 'urlpattern' }))
    const token = hub.token({ publish: topics })
    let status = 0
    void hub
      .publish({ topic: long, data: 'x' }, { token })
      .then((answer) => (status = answer.status))
    const publishing = await turnsUntil(() => status !== 0)
    t.equal(status, 403)
    t.ok(publishing > 20, `${publishing} turns`)
  },
)

t.test(
  'streams that come, go and return while pages are routed in slices get each update once, in order',
  async (t) => {
    const hub = await startHub(t, { ...noLimits, subscriber_buffer: '8MiB' })
    const random = seeded(3)
    await hub.subscribe('', { method: 'QUERY', body: dearQuery })
    await hub.assembly.log.append([update('0', ['a'])])
    const streams: { after: number; stream: Awaited<ReturnType<TestHub['subscribe']>> }[] = []
    const total = 60
    let published = 0

    const publish = async () => {
      while (published < total) {
        const id = ++published
        await hub.assembly.log.append([update(String(id), ['a', ...long.slice(0, 1)])])
        await turns(1 + Math.floor(random() * 20))
      }
    }
    const join = async () => {
      while (published < total - 5) {
        const after = Math.floor(random() * published)
        const stream = await hub.subscribe('match=a', { lastEventId: String(after) })
        streams.push({ after, stream })
        const gone = random() < 0.2 ? streams.shift() : undefined
        gone?.stream.close()
        await turns(Math.floor(random() * 5))
      }
    }
    await Promise.all([publish(), join()])

    for (const { after, stream } of streams) {
      await stream.when(({ events }) => events.at(-1)?.id === String(total))
      const expected = Array.from({ length: total - after }, (_, i) => String(after + 1 + i))
      const got = stream.events.map(({ id }) => id)
      if (got.join() !== expected.join()) t.strictSame(got, expected)
    }
    t.ok(streams.length > 5, `${streams.length} streams`)
    t.strictSame(hub.hub.verify(), [])
  },
)

t.test('pieces of work take turns by owner, and one that takes too much is refused', async (t) => {
  const work = new PatternWork()
  const done: string[] = []
  const portions = (count: number) =>
    function* (slice: Slice): Generator<undefined, number> {
      for (let n = 0; n < count; n++) {
        slice.spend(100_000)
        yield
      }
      return count
    }
  const run = (owner: string, count: number) =>
    Promise.resolve(work.run(owner, portions(count))).then(() => done.push(`${owner}${count}`))

  await Promise.all([run('a', 90), run('a', 91), run('b', 30)])
  t.strictSame(done, ['b30', 'a90', 'a91'])
  t.equal(work.waiting, 0)

  const tooLong = (most: number) => new RangeError(String(most)) as never
  await t.rejects(Promise.resolve(work.run('a', portions(9), 800_000, tooLong)), {
    message: '800000',
  })
  t.equal(await work.run('a', portions(8), 800_000, tooLong), 8, 'at the limit')
  t.equal(work.waiting, 0)
})

t.test('the event loop turns while the patterns of a stream are compiled', async (t) => {
  const hub = await startHub(t)
  const names = Array.from({ length: 45 }, (_, n) => `https://${'{é}'.repeat(900)}${n}/`)
  const body = names.map((one) => `match_urlpattern=${encodeURIComponent(one)}`).join('&')

  let waited = 0
  const opening = hub.subscribe('', { method: 'QUERY', body })
  await turnsUntil(() => {
    if (hub.hub.patternWork.waiting > 0) waited++
    return hub.hub.subscriberCount === 1
  })

  t.equal((await opening).head.status, 200)
  t.ok(waited > 10, `${waited} turns`)
})
