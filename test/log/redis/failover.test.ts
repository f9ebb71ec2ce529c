import t, { type Test } from 'tap'
import type { Retention } from '../../../src/log/log.ts'
import { RedisLog, type RedisOptions } from '../../../src/log/redis/redis-log.ts'
import {
  type RedisServer,
  moveSlot,
  replicaInCluster,
  startCluster,
  startSentinels,
} from '../../fixtures/redis.ts'
import { until } from '../../fixtures/until.ts'
import { logContract, readAll, unlimited, update } from '../contract.ts'

t.jobs = 3

const [nodes, pair] = await Promise.all([startCluster(t), startSentinels(t, 1)])
const sentinelUrl = (sentinel: RedisServer | undefined) =>
  `redis+sentinel://127.0.0.1:${sentinel?.port}/0?name=mymaster`
let prefixes = 0

async function open(
  t: Test,
  url: string,
  retention: Partial<Retention> = {},
  options: RedisOptions = {},
) {
  const log = await RedisLog.open(url, { ...unlimited, ...retention }, options)
  t.teardown(() => log.close())
  return log
}

const opener = (base: string) => (t: Test, retention?: Partial<Retention>) =>
  open(t, `${base}&prefix=p${++prefixes}`, retention)

/** The node of a Cluster that serves a key. */
async function nodeOf(key: string, cluster = nodes): Promise<RedisServer> {
  for (const node of cluster)
    if ((await node.client.exists(key).catch(() => -1)) !== -1) return node
  throw new Error('no node serves it')
}

const ids = async (log: RedisLog) => (await readAll(log)).map((entry) => entry.update.id)

/** Writers, each with one update after the other, that go on until they are told; what was acknowledged. */
function writing(t: Test, log: RedisLog, writers = 8) {
  const acknowledged: string[] = []
  let isOver = false
  t.teardown(() => {
    isOver = true
  })
  const running = Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let n = 0; !isOver; n++) {
        const id = `${writer}:${n}`
        const appended = await log.append([update(id)]).catch(() => undefined)
        if (appended?.outcome === 'stored') acknowledged.push(id)
        else await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }),
  )
  return {
    acknowledged,
    more: async (count: number) => {
      const enough = acknowledged.length + count
      await until(() => acknowledged.length >= enough)
    },
    end: async () => {
      isOver = true
      await running
      return acknowledged
    },
  }
}

/** Sentinel refuses while it has not heard of the replica for a while. */
async function isAccepted(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked
    return true
  } catch (error) {
    if (String(error).includes('NOGOODSLAVE')) return false
    throw error
  }
}

/** Everything acknowledged is in the history once, in its writer's order. */
async function holdsAll(t: Test, log: RedisLog, acknowledged: readonly string[]): Promise<void> {
  await until(() => log.health().ok)
  const found = await ids(log)
  t.strictSame(
    acknowledged.filter((id) => !found.includes(id)),
    [],
    'nothing acknowledged is missing',
  )
  t.equal(new Set(found).size, found.length, 'nothing twice')
  for (const writer of new Set(found.map((id) => id.split(':')[0]))) {
    const its = found.filter((id) => id.startsWith(`${writer}:`)).map((id) => Number(id.split(':')[1])) // prettier-ignore
    t.strictSame(
      its,
      its.toSorted((a, b) => a - b),
      'in the order of its writer',
    )
  }
}

t.test('a Cluster of three nodes', { buffered: true }, async (t) => {
  const [first, ...others] = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const more = others.map((node) => `node=${node}`).join('&')
  logContract(t, opener(`redis+cluster://${first}?${more}`))

  t.test('whose node with the history is killed: its replica takes its place', async (t) => {
    const primary = await nodeOf('{mercure}')
    const replica = await replicaInCluster(t, primary)
    const seed = nodes.find((node) => node !== primary) as RedisServer // the others are found
    const log = await open(t, `redis+cluster://127.0.0.1:${seed.port}`)
    const follower = await open(t, `redis+cluster://127.0.0.1:${primary.port}`)
    const writer = writing(t, log)
    await writer.more(100)

    await primary.kill()
    await until(async () => (await replica.client.info('replication')).includes('role:master'))
    await writer.more(100)
    await holdsAll(t, log, await writer.end())
    await until(() => follower.head === log.head)
    t.strictSame(await ids(follower), await ids(log))
  })
})

t.test(
  'the slot of the history moves to another node of a Cluster, under writes',
  { buffered: true },
  async (t) => {
    const cluster = await startCluster(t)
    const from = await nodeOf('{mercure}', cluster)
    const to = cluster.find((node) => node !== from) as RedisServer
    const log = await open(t, `redis+cluster://127.0.0.1:${from.port}`)
    const follower = await open(t, `redis+cluster://127.0.0.1:${to.port}`)
    const writer = writing(t, log)
    await writer.more(100)

    await moveSlot('{mercure}', from, to, cluster)
    await writer.more(100)

    await holdsAll(t, log, await writer.end())
    await until(() => follower.head === log.head)
    t.strictSame(await ids(follower), await ids(log))
    t.equal(log.stats().resets, 0)
    t.strictSame(await from.client.keys('*'), [])
  },
)

t.test('a primary that Sentinel names, with a replica', { buffered: true }, async (t) => {
  logContract(t, opener(sentinelUrl(pair.sentinels[0])))
})

t.test(
  'SENTINEL FAILOVER takes nothing back, and writing goes on by itself',
  { buffered: true },
  async (t) => {
    const {
      replica,
      sentinels: [sentinel],
    } = await startSentinels(t, 1)
    const log = await open(t, `${sentinelUrl(sentinel)}&prefix=planned`)
    const follower = await open(t, `${sentinelUrl(sentinel)}&prefix=planned`)
    const writer = writing(t, log)
    await writer.more(100)

    await until(() =>
      isAccepted((sentinel as RedisServer).client.call('SENTINEL', 'FAILOVER', 'mymaster')),
    )
    await until(async () => (await replica.client.info('replication')).includes('role:master'))
    await writer.more(300)
    await holdsAll(t, log, await writer.end())

    await until(() => follower.head === log.head)
    t.strictSame(await ids(follower), await ids(log))
    t.ok(
      (log.stats().resets ?? 0) <= 1,
      'what the old primary took alone was taken back once, at most',
    )
  },
)

t.test(
  'a primary is killed, and the Sentinel that was named: the others are found, and writing goes on',
  { buffered: true },
  async (t) => {
    const { primary, sentinels, replica } = await startSentinels(t, 3)
    const [named] = sentinels
    const log = await open(t, sentinelUrl(named))
    const writer = writing(t, log)
    await writer.more(100)

    await named?.kill()
    await primary.kill()
    await until(async () => (await replica.client.info('replication')).includes('role:master'))
    await writer.more(100)
    await primary.start() // as its service manager would; Sentinel makes it a replica
    await writer.more(100)
    await holdsAll(t, log, await writer.end())
  },
)
