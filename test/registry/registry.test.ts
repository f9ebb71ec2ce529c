import { mock } from 'node:test'
import { LRUCache } from 'lru-cache'
import t from 'tap'
import type { Entry } from '../../src/log/log.ts'
import { Grants } from '../../src/protocol/grants.ts'
import { compileMatcher, type Matcher } from '../../src/protocol/matcher.ts'
import type { Batch } from '../../src/registry/batch.ts'
import { Cohort, type Member } from '../../src/registry/cohort.ts'
import { deliverAll } from '../../src/registry/delivery-pass.ts'
import { Interest } from '../../src/registry/interest.ts'
import { Registry } from '../../src/registry/registry.ts'
import { Shard } from '../../src/registry/shard.ts'
import { seeded } from '../fixtures/until.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'
const exact = (topic: string) => compileMatcher('exact', topic, hubUrl)
const pattern = (text: string) => compileMatcher('urlpattern', text, hubUrl)

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const deliver = (cohorts: readonly Cohort[]) =>
  deliverAll(cohorts, turn, (_member, error) => {
    throw error
  })

function interestIn(matchers: readonly Matcher[], granted: readonly string[] = []): Interest {
  const grants = new Grants([
    { actions: new Set(['subscribe'] as const), topics: granted.map(exact) },
  ])
  return new Interest(matchers, grants)
}

function entryAt(position: number, topics: readonly string[], isPrivate = false): Entry {
  const update = { id: `${position}`, topics, data: '', isPrivate, type: '', retry: '' }
  return { position, kind: 'update', timeMs: 0, update }
}

/** A member that remembers the positions it was given. */
class Witness implements Member {
  position: number
  seat = -1
  cohort: Cohort | undefined
  readonly interest: Interest
  readonly got: number[] = []
  onDeliver: () => void = () => {}

  constructor(interest: Interest, position = 0) {
    this.interest = interest
    this.position = position
  }

  deliver(batch: Batch): void {
    for (const [, id] of batch.plain.toString().matchAll(/^id: (\d+)$/gm)) this.got.push(Number(id))
    this.position = batch.to
    this.onDeliver()
  }
}

t.test(
  'a seeded storm of joins, leaves, publishes and demotions keeps both directions agreed',
  async (t) => {
    for (const [seed, shards] of [
      [1, 1],
      [2, 4],
    ] as const) {
      const random = seeded(seed)
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
      const topics = [
        'urn:a',
        '/b',
        '/b/1',
        'https://e.com/x/1',
        'https://e.com/x/2',
        'rel',
        'http://[no',
      ]
      const matchers = [
        ...topics.map(exact),
        ...['*', '/b/:id', 'https://e.com/*', 'https://e.com/x/:id', ':a', '*://*/x/*'].map(
          pattern,
        ),
        exact('*'),
      ]
      const registry = new Registry({ shards, matchCacheEntries: 5 })
      const live = new Set<Witness>()
      const missed: string[] = []
      let position = 0

      for (let step = 0; step < 1500; step++) {
        const dice = random()
        if (dice < 0.35 || live.size === 0) {
          const wanted = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(matchers))
          const granted = random() < 0.5 ? [pick(topics)] : []
          const member = new Witness(interestIn(wanted, granted), position)
          registry.join(member, member.interest)
          live.add(member)
        } else if (dice < 0.6) {
          const member = pick([...live])
          registry.leave(member)
          registry.leave(member) // twice is harmless
          live.delete(member)
        } else {
          const entries = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
            entryAt(++position, [pick(topics), pick(topics)], random() < 0.3),
          )
          const before = [...live]
          const expected = new Map(
            before.map((member) => [
              member,
              entries
                .filter((entry) => member.interest.covers(entry))
                .map((entry) => entry.position),
            ]),
          )
          const demoted = random() < 0.3 ? pick(before) : undefined
          if (demoted !== undefined)
            demoted.onDeliver = () => {
              registry.leave(demoted)
              live.delete(demoted)
            }
          for (const member of before) member.got.length = 0
          await deliver(registry.route(entries))
          for (const [member, positions] of expected)
            if (JSON.stringify(member.got) !== JSON.stringify(positions))
              missed.push(`step ${step}: expected ${positions.join()}, got ${member.got.join()}`)
        }
        const faults = registry.verify()
        if (faults.length > 0) t.fail(`step ${step} of seed ${seed}: ${faults.join('; ')}`)
      }

      t.strictSame(missed, [])
      t.equal(registry.size, live.size)
      for (const member of live) registry.leave(member)
      t.match(registry.stats(), { members: 0, cohorts: 0, topics: 0, patterns: 0 })
      t.strictSame(registry.verify(), [])
    }
  },
)

t.test('orphans in any index are found, counted, repaired and never thrown', async (t) => {
  const cache = new LRUCache<string, boolean>({ max: 10 })
  for (const matcher of [exact('a'), pattern('/a/:b'), exact('*')]) {
    const shard = new Shard(cache)
    const orphan = shard.cohort(interestIn([matcher]))
    const real = shard.cohort(interestIn([matcher], ['x']))
    const member = new Witness(real.interest)
    real.add(member)
    t.match([...shard.faults()], ['an empty cohort was kept'], 'a cohort that nobody dropped')

    shard.repair()

    t.strictSame([...shard.faults()], [])
    t.equal(shard.cohortCount, 1)
    t.equal(real.size, 1)
    shard.dropIfEmpty(orphan)
    t.strictSame([...shard.faults()], [], 'dropping it late changes nothing')
  }
})

t.test('a cohort that was emptied behind the registry’s back is found and repaired', async (t) => {
  const registry = new Registry({ shards: 2, matchCacheEntries: 10 })
  const [gone, stays] = [
    new Witness(interestIn([exact('a')])),
    new Witness(interestIn([exact('b')])),
  ]
  registry.join(gone, gone.interest)
  registry.join(stays, stays.interest)

  gone.cohort?.remove(gone)
  const faults = registry.verify()
  registry.repair()

  t.ok(faults.length > 0)
  t.strictSame(registry.verify(), [])
  t.match(registry.stats(), { members: 1, cohorts: 1, topics: 1 })
  await deliver(registry.route([entryAt(1, ['a', 'b'])]))
  t.strictSame([gone.got, stays.got], [[], [1]])
})

t.test('a late joiner gets nothing twice', async (t) => {
  const interest = interestIn([exact('a')])
  const registry = new Registry({ shards: 1, matchCacheEntries: 10 })
  const early = new Witness(interest)
  registry.join(early, interest)
  const cohorts = registry.route([entryAt(1, ['a']), entryAt(2, ['a'])])
  const late = new Witness(interest, 2)
  const midway = new Witness(interest, 2)

  registry.join(late, interest)
  early.onDeliver = () => registry.join(midway, interest)
  await deliver(cohorts)
  early.onDeliver = () => {}
  await deliver(registry.route([entryAt(3, ['a'])]))

  t.strictSame([early.got, late.got, midway.got], [[1, 2, 3], [3], [3]])
  t.strictSame(registry.verify(), [])
})

t.test('who leaves in the middle of a pass leaves a tombstone and skips nobody', async (t) => {
  const interest = interestIn([exact('a')])
  const cohort = new Cohort(interest)
  const members = Array.from({ length: 10 }, () => new Witness(interest))
  for (const member of members) cohort.add(member)
  const [first, second, , , , , , , , last] = members
  const registry = new Registry({ shards: 1, matchCacheEntries: 1 })
  for (const member of members) {
    cohort.remove(member)
    registry.join(member, interest)
  }

  if (first)
    first.onDeliver = () => [first, second, last].forEach((one) => one && registry.leave(one))
  await deliver(registry.route([entryAt(1, ['a'])]))

  t.strictSame(
    members.map((member) => member.got.length),
    [1, 0, 1, 1, 1, 1, 1, 1, 1, 0],
  )
  t.equal(registry.size, 7)
  t.strictSame(registry.verify(), [])
  if (first) first.onDeliver = () => {}
  await deliver(registry.route([entryAt(2, ['a'])]))
  t.strictSame(
    members.slice(2, 9).map((member) => member.got),
    Array.from({ length: 7 }, () => [1, 2]),
  )
})

t.test('a cohort that empties in its pass is gone afterwards, and may come back', async (t) => {
  const interest = interestIn([exact('a'), pattern('/x/:y')])
  const registry = new Registry({ shards: 3, matchCacheEntries: 10 })
  const member = new Witness(interest)
  const successor = new Witness(interest, 1)
  registry.join(member, interest)
  member.onDeliver = () => {
    registry.leave(member)
    registry.join(successor, interest)
  }

  await deliver(registry.route([entryAt(1, ['a'])]))
  await deliver(registry.route([entryAt(2, ['/x/1'])]))

  t.strictSame([member.got, successor.got], [[1], [2]])
  t.strictSame(registry.verify(), [])
  t.equal(registry.size, 1)
})

t.test('a member that throws costs nobody else an update, now or later', async (t) => {
  const registry = new Registry({ shards: 1, matchCacheEntries: 10 })
  const [bad, same, other] = [
    interestIn([exact('a')]),
    interestIn([exact('a')]),
    interestIn([exact('*')]),
  ].map((interest) => new Witness(interest)) as [Witness, Witness, Witness]
  for (const member of [bad, same, other]) registry.join(member, member.interest)
  bad.onDeliver = () => {
    throw new Error('out of order')
  }

  const failures: [Member, string][] = []
  await deliverAll(registry.route([entryAt(1, ['a'])]), turn, (member, error) => {
    failures.push([member, String(error)])
    registry.leave(member)
  })
  await deliver(registry.route([entryAt(2, ['a'])]))

  t.equal(failures.length, 1)
  t.equal(failures[0]?.[0], bad)
  t.equal(failures[0]?.[1], 'Error: out of order')
  t.strictSame(
    [same.got, other.got],
    [
      [1, 2],
      [1, 2],
    ],
  )
  t.strictSame(registry.verify(), [])
})

t.test('15,000 members yield to the event loop', async (t) => {
  const interest = interestIn([exact('a')])
  const registry = new Registry({ shards: 1, matchCacheEntries: 1 })
  const members = Array.from({ length: 15_000 }, () => new Witness(interest))
  let nowMs = 0
  mock.method(performance, 'now', () => nowMs)
  t.teardown(() => mock.restoreAll())
  for (const member of members) {
    registry.join(member, interest)
    member.onDeliver = () => (nowMs += 0.008) // what a socket write costs
  }
  const pauses: number[] = []

  const pause = () => {
    pauses.push(nowMs)
    return turn()
  }
  await deliverAll(registry.route([entryAt(1, ['a'])]), pause, (_member, error) => {
    throw error
  })

  t.ok(members.every((member) => member.got.length === 1))
  const slices = pauses.map((atMs, i) => atMs - (pauses[i - 1] ?? 0))
  t.ok(slices.length > 10, `${slices.length} times in ${nowMs} ms`)
  t.ok(Math.max(...slices) < 10, `after ${Math.max(...slices)} ms at most`)
})

t.test('100,000 exact topics cost a publish one look-up', async (t) => {
  const registry = new Registry({ shards: 1, matchCacheEntries: 1 })
  const members = Array.from(
    { length: 100_000 },
    (_, i) => new Witness(interestIn([exact(`t${i}`)])),
  )
  for (const member of members) registry.join(member, member.interest)

  const started = process.cpuUsage()
  for (let position = 1; position <= 1000; position++)
    await deliver(registry.route([entryAt(position, [`t${position}`])]))

  const { user } = process.cpuUsage(started)
  t.ok(user < 2_000_000, `${user} µs; a scan would take a hundred times two seconds`)
  t.strictSame(members[7]?.got, [7])
})

t.test(
  'subscribers of the same interest share a cohort; batches of the same entries are one object',
  async (t) => {
    const registry = new Registry({ shards: 4, matchCacheEntries: 10 })
    const batches = new Set<Batch>()
    class Keeper extends Witness {
      override deliver(batch: Batch): void {
        batches.add(batch)
        super.deliver(batch)
      }
    }
    const interests = [
      interestIn([exact('a'), exact('b')]),
      interestIn([exact('b'), exact('a'), exact('a')]),
      interestIn([exact('*')]),
      interestIn([exact('a'), exact('b')], ['own topic']),
    ]
    for (const interest of interests) registry.join(new Keeper(interest), interest)

    t.equal(registry.stats().cohorts, 3)
    await deliver(registry.route([entryAt(1, ['a']), entryAt(2, ['b'])]))
    t.equal(batches.size, 1)
  },
)
