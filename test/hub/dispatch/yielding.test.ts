import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t from 'tap'
import type { Entry } from '../../../src/log/log.ts'
import { Grants } from '../../../src/protocol/grants.ts'
import { compileMatcher } from '../../../src/protocol/matcher.ts'
import { Cohort, type Member } from '../../../src/registry/cohort.ts'
import { deliverAll } from '../../../src/registry/delivery-pass.ts'
import { Interest } from '../../../src/registry/interest.ts'
import { Intermission } from '../../../src/hub/dispatch/yielding.ts'
import { Registry } from '../../../src/registry/registry.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'
const update = { id: 'x', type: '', topics: ['a'], data: '', isPrivate: false, retry: '' }
const entry: Entry = { position: 1, kind: 'update', timeMs: 0, update }

/** Each member keeps the event loop busy for some time, which makes a slice of 64 of them. */
class Slow implements Member {
  position = 0
  seat = -1
  cohort: Cohort | undefined = undefined

  deliver(): void {
    this.position = 1
    const end = performance.now() + 0.15
    while (performance.now() < end);
  }
}

/** Delivers to members who take 240 ms together, while 200 connect; how many got in for each slice? */
t.test('a long delivery takes in newcomers by the dozen between its slices', async (t) => {
  const registry = new Registry({ shards: 1, matchCacheEntries: 10 })
  const interest = new Interest([compileMatcher('exact', 'a', hubUrl)], Grants.none)
  for (let i = 0; i < 1_600; i++) registry.join(new Slow(), interest)
  const intermission = new Intermission()
  let [accepted, slices] = [0, 0]
  const server = createServer((socket) => {
    accepted++
    intermission.arrived()
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pause = () => {
    slices++
    return intermission.turn()
  }

  const sockets = Array.from({ length: 200 }, () => connect(port, '127.0.0.1'))
  await deliverAll(registry.route([entry]), pause, (_member, error) => {
    throw error
  })
  const share = accepted / slices

  for (const socket of sockets) socket.destroy()
  server.close()
  t.ok(slices >= 20, `${slices} slices`)
  t.ok(share > 3, `${share.toFixed(1)} connections for each slice`)
})

t.test('an intermission ends although somebody arrives in every turn', async (t) => {
  const intermission = new Intermission()
  let isOver = false
  const arrive = () => {
    if (isOver) return
    intermission.arrived()
    setImmediate(arrive)
  }
  arrive()

  await intermission.turn()

  isOver = true
  t.pass('it ended')
})

t.test('nobody arriving, an intermission is one turn of the event loop', async (t) => {
  const intermission = new Intermission()
  const order: string[] = []

  intermission.call(() => order.push('resumed'))
  await new Promise<void>((resolve) =>
    setImmediate(() =>
      setImmediate(() => {
        order.push('two turns later')
        resolve()
      }),
    ),
  )

  t.strictSame(order, ['resumed', 'two turns later'])
})
