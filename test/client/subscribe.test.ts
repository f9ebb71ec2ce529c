import t from 'tap'
import { subscribe, type Subscription, type SubscriptionState } from '../../src/client/index.ts'
import type { Test } from '../fixtures/hub-process.ts'
import { startHub } from '../fixtures/hub.ts'
import { signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

/** What a subscription tells, as it tells it; closed with the test. */
function follow(t: Test, options: Parameters<typeof subscribe>[0]) {
  const data: string[] = []
  const states: SubscriptionState[] = []
  const gaps: unknown[] = []
  const subscription = subscribe({
    onEvent: (update) => data.push(update.data),
    onState: (state) => states.push(state),
    onGap: (gap) => gaps.push(gap),
    ...options,
  })
  t.teardown(() => subscription.close())
  return { subscription, data, states, gaps, names: () => states.map(({ name }) => name) }
}

const live = ({ subscription }: { subscription: Subscription }) =>
  until(() => subscription.state.name === 'live')

t.test('on a hub', async (t) => {
  const hub = await startHub(t)
  const both = { hub: hub.url, match: ['a', 'b'] }

  t.test('a loop gets updates with id, type, data and JSON, and ends it by leaving', async (t) => {
    const got: unknown[] = []
    const subscription = subscribe(both)
    const looped = (async () => {
      for await (const update of subscription) {
        got.push([update.id, update.type, update.json()])
        if (got.length === 2) break
      }
    })()
    await live({ subscription })

    await hub.publish({ topic: 'a', data: '{"n":1}', id: 'one' })
    await hub.publish({ topic: 'b', data: '[2]', id: 'two', type: 'note' })
    await looped

    t.strictSame(got, [
      ['one', 'message', { n: 1 }],
      ['two', 'note', [2]],
    ])
    t.strictSame(await subscription.ended, { name: 'ended' })
    await hub.untilSubscribers(0)
  })

  t.test('it dispatches them by type too, as EventSource does', async (t) => {
    const { subscription } = follow(t, both)
    const got: unknown[] = []
    for (const type of ['message', 'note'])
      subscription.addEventListener(type, (event) =>
        got.push([event.type, event.lastEventId, event.data]),
      )
    await live({ subscription })

    await hub.publish({ topic: 'a', data: 'x', id: '3' })
    await hub.publish({ topic: 'a', data: 'y', id: '4', type: 'note' })
    await until(() => got.length === 2)

    t.strictSame(got, [
      ['message', '3', 'x'],
      ['note', '4', 'y'],
    ])
    t.equal(subscription.lastEventId, '4')
  })

  t.test('an aborted signal ends it without an error', async (t) => {
    const stop = new AbortController()
    const subscription = subscribe({ ...both, signal: stop.signal })
    const looped = drain(subscription)
    await live({ subscription })
    stop.abort()

    t.equal(await looped, 0)
    await hub.untilSubscribers(0)
  })

  t.test('topics are added and removed without a gap or a double', async (t) => {
    const { subscription, data } = follow(t, { hub: hub.url, match: 'a' })
    await live({ subscription })
    let sent = 0
    let isPublishing = true
    const publishing = (async () => {
      for (; isPublishing; sent++) await hub.publish({ topic: ['a', 'also'], data: String(sent) })
    })()

    for (let i = 0; i < 5; i++) {
      await subscription.add({ match: `more-${i}` })
      await hub.publish({ topic: `more-${i}`, data: `new ${i}` })
      await until(() => data.includes(`new ${i}`))
      await subscription.remove({ match: `more-${i}` })
      await hub.publish({ topic: `more-${i}`, data: `removed ${i}` })
    }
    isPublishing = false
    await publishing
    await until(() => data.includes(String(sent - 1)))

    const numbers = data.filter((text) => !text.startsWith('new'))
    t.strictSame(
      numbers,
      Array.from({ length: sent }, (_, n) => String(n)),
    )
    t.strictSame(
      data.filter((text) => text.startsWith('new')),
      [0, 1, 2, 3, 4].map((i) => `new ${i}`),
    )
  })

  t.test('topics that the hub refuses leave the subscription as it was', async (t) => {
    const { subscription, data } = follow(t, { hub: hub.url, match: 'a' })
    await live({ subscription })

    await t.rejects(subscription.add({ urlPattern: '/(unclosed' }), {
      name: 'HubRefusal',
      status: 400,
      message: /^400 Bad Request: the matcher is not a valid URL Pattern: /,
    })
    await subscription.add({ match: 'c' })
    await hub.publish({ topic: 'c', data: 'c' })
    await until(() => data.includes('c'))
  })

  t.test('a refusal ends it with the hub’s sentence, and is thrown to a loop', async (t) => {
    const subscription = subscribe({ ...both, token: 'nonsense'.repeat(10) })

    await t.rejects(drain(subscription), { name: 'HubRefusal', status: 401, message: /^401 / })
    t.match(await subscription.ended, { name: 'ended', status: 401, reason: /^401 / })
    t.match(subscription.state, { name: 'ended' })
  })

  t.test('a slow loop slows the stream, and loses nothing', async (t) => {
    const subscription = subscribe({ hub: hub.url, match: 'slow' })
    const iterator = subscription[Symbol.asyncIterator]()
    await live({ subscription })
    const lines = Array.from({ length: 2000 }, (_, n) =>
      JSON.stringify({ topic: 'slow', data: `${n}` }),
    )
    await hub.publish(lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } })

    const data: (string | undefined)[] = []
    while (data.length < 2000) data.push((await iterator.next()).value?.data)
    await iterator.return?.()

    t.strictSame(
      data,
      Array.from({ length: 2000 }, (_, n) => String(n)),
    )
  })

  t.test(
    'a token function is asked before exp; private updates flow on without a double',
    async (t) => {
      let asked = 0
      const token = () => {
        asked++
        const exp = Math.floor(Date.now() / 1000) + 2
        return signToken(hub.url, { subscribe: ['*'], claims: { exp, jti: String(asked) } })
      }
      const { data, states } = follow(t, { hub: hub.url, match: 'p', token })
      await until(() => states.length === 2)

      let sent = 0
      while (asked < 4) await hub.publish({ topic: 'p', private: 'on', data: String(sent++) })
      await until(() => data.length >= sent)

      t.strictSame(
        data,
        Array.from({ length: sent }, (_, n) => String(n)),
      )
      t.strictSame(states, [{ name: 'connecting' }, { name: 'live' }])
    },
  )
})

/** Takes all there is; resolves with how much that was. */
async function drain(subscription: Subscription): Promise<number> {
  let count = 0
  for await (const _update of subscription) count++
  return count
}
