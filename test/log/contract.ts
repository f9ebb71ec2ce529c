import type { Test } from 'tap'
import type { Entry, Log, Retention } from '../../src/log/log.ts'
import { HubError } from '../../src/protocol/errors.ts'
import type { Update } from '../../src/protocol/update.ts'
import { until } from '../fixtures/until.ts'

/** The clock as it is: suites that run side by side must not take each other's for it. */
const { now } = Date
export const unlimited: Retention = { maxEntries: 0, maxAgeMs: 0, maxBytes: 0 }
const all = { maxEntries: 1e9, maxBytes: 1e9, upTo: 1e9 }

export function update(id: string, more: Partial<Update> = {}): Update {
  return {
    id,
    topics: ['https://example.com/1'],
    data: '',
    isPrivate: false,
    type: '',
    retry: '',
    ...more,
  }
}

export async function readAll(log: Log, after = 0): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let at = after; at < log.head;) {
    const page = await log.read(at, { ...all, maxEntries: 1_000 })
    entries.push(...page.entries)
    at = page.upTo
  }
  return entries
}

const ids = (entries: readonly Entry[]) => entries.map((entry) => entry.update.id)
const positions = (entries: readonly Entry[]) => entries.map((entry) => entry.position)

/** What every log promises (src/log/log.ts). `open` gives an empty one, closed with the test. */
export function logContract(
  t: Test,
  open: (t: Test, retention?: Partial<Retention>) => Promise<Log>,
): void {
  t.test('an empty log has nothing to read and says so', async (t) => {
    const log = await open(t)

    t.match(log, { head: 0, first: 1, lastId: undefined })
    t.strictSame(await log.read(0, all), { entries: [], upTo: 0 })
    t.equal(await log.locate('nobody'), undefined)
    t.match(log.health(), { ok: true })
    t.match(log.epoch, /^[0-9a-f-]{36}$/)
  })

  t.test('entries come back whole, in order, at contiguous positions from 1', async (t) => {
    const log = await open(t)
    const updates = [
      update('a', { data: 'line\nline\r\n\0', type: 'type', retry: '5', isPrivate: true }),
      update('ünï-🚲', {
        topics: ['x', 'é', 'https://example.com/{id}'],
        data: '🚲'.repeat(5_000),
      }),
      update('c', { topics: Array.from({ length: 1_000 }, (_, i) => `t${i}`) }),
      update('x'.repeat(4_096), { data: 'x'.repeat(1_048_576) }),
    ]

    for (const one of updates)
      t.match(await log.append([one]), { outcome: 'stored', ids: [one.id] })

    const entries = await readAll(log)
    t.strictSame(
      entries.map((entry) => entry.update),
      updates,
    )
    t.strictSame(positions(entries), [1, 2, 3, 4])
    t.match(log, { head: 4, first: 1, lastId: 'x'.repeat(4_096) })
    t.ok(entries.every((entry, i) => i === 0 || entry.timeMs >= (entries[i - 1]?.timeMs ?? 0)))
  })

  t.test('an append of several is one step', async (t) => {
    const log = await open(t)

    const appended = await log.append(['a', 'b', 'c'].map((id) => update(id)))

    t.strictSame(appended, { outcome: 'stored', ids: ['a', 'b', 'c'], position: 3 })
    t.strictSame(ids(await readAll(log)), ['a', 'b', 'c'])
  })

  t.test('reading keeps to its bounds, and hands over one entry at least', async (t) => {
    const log = await open(t)
    await log.append(
      Array.from({ length: 10 }, (_, i) => update(`e${i + 1}`, { data: 'x'.repeat(100) })),
    )

    const page = async (after: number, bounds: Partial<typeof all>) => {
      const { entries, upTo } = await log.read(after, { ...all, ...bounds })
      return [...positions(entries), `upTo ${upTo}`]
    }
    t.strictSame(await page(0, { maxEntries: 3 }), [1, 2, 3, 'upTo 3'])
    t.strictSame(await page(7, { maxEntries: 5 }), [8, 9, 10, 'upTo 10'])
    t.strictSame(await page(2, { upTo: 4 }), [3, 4, 'upTo 4'])
    t.strictSame(await page(0, { maxBytes: 200 }), [1, 2, 'upTo 2'])
    t.strictSame(await page(0, { maxBytes: 1 }), [1, 'upTo 1'])
    t.strictSame(await page(10, {}), ['upTo 10'])
    t.strictSame(await page(5, { upTo: 5 }), ['upTo 5'])
  })

  t.test('an id is found at its first position that is kept', async (t) => {
    const log = await open(t, { maxEntries: 3 })
    await log.append(['dup', 'a', 'dup', 'b'].map((id) => update(id)))
    await until(() => log.first === 2)

    t.equal(await log.locate('dup'), 3, 'the oldest is trimmed')
    t.equal(await log.locate('b'), 4)
    t.equal(await log.locate('du'), undefined)
    await log.append([update('dup'), update('c'), update('d')])
    await until(() => log.first === 5)
    t.equal(await log.locate('dup'), 5)
    t.equal(await log.locate('a'), undefined)
  })

  t.test('a hole is reported, never skipped in silence', async (t) => {
    const log = await open(t, { maxEntries: 5 })
    await log.append(Array.from({ length: 20 }, (_, i) => update(`e${i + 1}`)))
    await until(() => log.first === 16)

    t.match(await log.read(3, all), { lost: { from: 4, to: 15 }, upTo: 20 })
    t.strictSame(positions((await log.read(3, all)).entries), [16, 17, 18, 19, 20])
    t.match(await log.read(3, { ...all, upTo: 10 }), {
      entries: [],
      upTo: 10,
      lost: { from: 4, to: 10 },
    })
    t.equal((await log.read(15, all)).lost, undefined)
  })

  t.test('a key may remember an answer in place of the ids', async (t) => {
    const log = await open(t)
    const once = { key: 'k', fingerprint: 'f', windowMs: 60_000, answer: 'seed' }

    const first = await log.append([update('a'), update('b')], { once })
    const again = await log.append([update('c'), update('d')], { once: { ...once, answer: 'new' } })

    t.strictSame(first, { outcome: 'stored', ids: ['a', 'b'], position: 2 })
    t.strictSame(again, { outcome: 'repeated', ids: ['seed'], position: 2 })
    t.strictSame(ids(await readAll(log)), ['a', 'b'])
  })

  t.test('a key makes an append happen once', async (t) => {
    const log = await open(t)
    const once = { key: 'k', fingerprint: 'f', windowMs: 60_000 }

    const [first, again] = await Promise.all([
      log.append([update('a')], { once }),
      log.append([update('b')], { once }),
    ])
    const later = await log.append([update('c')], { once })
    const other = await log.append([update('d')], { once: { ...once, fingerprint: 'g' } })

    t.strictSame(first, { outcome: 'stored', ids: ['a'], position: 1 })
    t.strictSame(again, { outcome: 'repeated', ids: ['a'], position: 1 })
    t.strictSame(later, { outcome: 'repeated', ids: ['a'], position: 1 })
    t.strictSame(other, { outcome: 'conflict' })
    t.strictSame(ids(await readAll(log)), ['a'])
    t.equal(log.stats().onceKeys, 1)
  })

  t.test('a key is forgotten when its window is over', async (t) => {
    const log = await open(t)
    const once = { key: 'k', fingerprint: 'f', windowMs: 50 }

    await log.append([update('a')], { once })
    await new Promise((resolve) => setTimeout(resolve, 60))

    t.match(await log.append([update('b')], { once }), { outcome: 'stored', ids: ['b'] })
  })

  t.test('an owner has no more keys than are left for all others', async (t) => {
    const log = await open(t)
    const once = (owner: string, key: number, windowMs = 60_000) => ({
      once: { key: `${owner} ${key}`, owner, fingerprint: 'f', windowMs, most: 10 },
    })
    const endOf = async (owner: string, key: number, windowMs?: number) => {
      try {
        return (await log.append([], once(owner, key, windowMs))).outcome
      } catch (error) {
        return (error as HubError).limit
      }
    }
    const counted = async (owner: string) => {
      const ends = await Promise.all(Array.from({ length: 12 }, (_, key) => endOf(owner, key)))
      const stored = ends.filter((end) => end === 'stored').length
      t.strictSame(
        ends.slice(stored),
        Array.from({ length: 12 - stored }, () =>
          log.stats().onceKeys < 10 ? 'idempotency_keys_per_publisher' : 'idempotency_keys',
        ),
      )
      return stored
    }

    t.equal(await endOf('short', 0, 300), 'stored')
    t.equal(await counted('a'), 5)
    t.equal(await counted('b'), 2)
    t.equal(await endOf('a', 0), 'repeated', 'nobody’s key is forgotten early')
    t.equal(await counted('c'), 1)
    await until(async () => (await endOf('short', 0, 600_000)) === 'stored')
    t.equal(
      await endOf('short', 1),
      'idempotency_keys_per_publisher',
      'one is left, and one is its own',
    )
    t.equal(await counted('d'), 1)
    t.equal(await endOf('e', 0), 'idempotency_keys', 'the table is full')
  })

  t.test('what is forgotten gives its owner room again', async (t) => {
    const log = await open(t)
    const stores = async (key: number) => {
      const once = { key: `${key}`, owner: 'a', fingerprint: 'f', windowMs: 400, most: 4 }
      const appended = await log.append([], { once }).catch(() => undefined)
      return appended?.outcome === 'stored'
    }

    t.strictSame([await stores(0), await stores(1), await stores(2)], [true, true, false])
    await until(() => stores(3))
    await until(() => stores(4))
  })

  t.test('a mark is compared and set with the append', async (t) => {
    const log = await open(t)
    const mark = (from: string | undefined, to: string | undefined) => ({
      marks: [{ name: 'm', from, to }],
    })

    t.match(await log.append([update('a')], mark(undefined, '1')), { outcome: 'stored' })
    t.strictSame(await log.append([update('b')], mark(undefined, '2')), { outcome: 'refused' })
    t.match(await log.append([update('c')], mark('1', '2')), { outcome: 'stored' })
    t.match(await log.append([], mark('2', undefined)), { outcome: 'stored', position: 2 })
    t.match(await log.append([update('d')], mark(undefined, '3')), { outcome: 'stored' })
    t.strictSame(ids(await readAll(log)), ['a', 'c', 'd'])
    t.equal(log.stats().marks, 1)
  })

  t.test('several marks change together, or none of them', async (t) => {
    const log = await open(t)
    const set = (name: string, from: string | undefined, to: string | undefined) => ({
      name,
      from,
      to,
    })

    t.match(await log.append([], { marks: [set('a', undefined, '1'), set('b', undefined, '1')] }), {
      outcome: 'stored',
      position: 0,
    })
    t.strictSame(
      await log.append([update('x')], { marks: [set('a', '1', '2'), set('b', '2', '3')] }),
      { outcome: 'refused' },
    )
    await log.append([], {
      marks: [set('a', '1', undefined), set('a', undefined, 'again'), set('c', undefined, '1')],
    })

    t.strictSame((await log.marks('', '', 10)).marks, [
      { name: 'a', value: 'again' },
      { name: 'b', value: '1' },
      { name: 'c', value: '1' },
    ])
    t.equal(log.head, 0)
    t.equal(log.stats().marks, 3)
  })

  t.test('two that claim a mark at once: one gets it', async (t) => {
    const log = await open(t)
    const claim = (to: string) =>
      log.append([update(to)], { marks: [{ name: 'm', from: undefined, to }] })

    const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map(claim))

    t.strictSame(outcomes.map(({ outcome }) => outcome).sort(), [
      'refused',
      'refused',
      'refused',
      'stored',
    ])
    t.equal(log.head, 1)
  })

  t.test('marks are listed by prefix, in byte order, page by page', async (t) => {
    const log = await open(t)
    const names = [
      's/b',
      's/a',
      's/a/1',
      's',
      'r/z',
      's/é',
      's/ﬀ',
      's/🚲',
      't/a',
      `s/${'x'.repeat(510)}`,
    ]
    const marks = names.map((name) => ({ name, from: undefined, to: `of ${name}` }))
    await log.append([update('a'), update('b')], { marks })

    const listed = async (prefix: string, after: string, limit: number) =>
      (await log.marks(prefix, after, limit)).marks.map(({ name }) => name)
    const inOrder = ['s/a', 's/a/1', 's/b', `s/${'x'.repeat(510)}`, 's/é', 's/ﬀ', 's/🚲']
    t.strictSame(await listed('s/', '', 100), inOrder)
    t.strictSame(await listed('s/', '', 2), inOrder.slice(0, 2))
    t.strictSame(await listed('s/', 's/a/1', 3), inOrder.slice(2, 5))
    t.strictSame(await listed('s/', 's/a/0', 1), ['s/a/1'])
    t.strictSame(await listed('s/', 'a', 1), ['s/a'], 'a start before the prefix')
    t.strictSame(await listed('s/', 's/🚲', 5), [])
    t.strictSame(await listed('s/', 'z', 5), [])
    t.strictSame(await listed('', '', 2), ['r/z', 's'])
    t.strictSame(await log.marks('t/', '', 1), {
      marks: [{ name: 't/a', value: 'of t/a' }],
      position: 2,
    })
    await t.rejects(
      log.append([], { marks: [{ name: 'x'.repeat(513), from: undefined, to: '' }] }),
      RangeError,
    )
  })

  t.test('an entry keeps its kind', async (t) => {
    const log = await open(t)

    await log.append([update('u', { isPrivate: true })])
    await log.append([update('p', { isPrivate: true })], { kind: 'presence' })
    await log.append([update('c')], { kind: 'control' })

    t.strictSame(
      (await readAll(log)).map((entry) => [entry.update.id, entry.kind, entry.update.isPrivate]),
      [
        ['u', 'update', true],
        ['p', 'presence', true],
        ['c', 'control', false],
      ],
    )
    t.match(log.stats(), { entries: 1, notices: 2 })
    t.equal(await log.locate('p'), 2)
  })

  t.test('subscribers that come and go push no update out of a counted history', async (t) => {
    const log = await open(t, { maxEntries: 5 })
    await log.append(['a', 'b', 'c', 'd', 'e'].map((id) => update(id)))
    for (let i = 0; i < 20; i++)
      await log.append(
        Array.from({ length: 10 }, (_, n) => update(`p${i * 10 + n}`)),
        { kind: 'presence' },
      )
    await log.append([update('f')])
    await until(() => log.first === 2)

    const kept = ids(await readAll(log, 1))
    t.strictSame(kept.slice(0, 4), ['b', 'c', 'd', 'e'])
    t.equal(kept.length, 205)
    t.equal((await log.read(1, all)).lostNotices, undefined)
    t.match(log.stats(), { entries: 5, notices: 200 })
  })

  t.test(
    'notices beyond their own bound go from among the updates, which is no hole',
    async (t) => {
      const log = await open(t, { maxNotices: 50 })
      for (let i = 0; i < 10; i++) {
        await log.append([update(`u${i}`)])
        await log.append(
          Array.from({ length: 20 }, (_, n) => update(`p${i * 20 + n}`)),
          { kind: i % 2 === 0 ? 'presence' : 'control' },
        )
      }
      await until(() => log.stats().notices <= 55)

      const page = await log.read(0, { ...all, maxEntries: 3 })
      t.strictSame(ids(page.entries), ['u0', 'u1', 'u2'])
      t.strictSame([page.lost, page.lostNotices], [undefined, true])
      const kept = await readAll(log)
      t.strictSame(
        kept.filter(({ kind }) => kind === 'update').map(({ update }) => update.id),
        Array.from({ length: 10 }, (_, i) => `u${i}`),
      )
      const notices = kept.filter(({ kind }) => kind !== 'update').map(({ update }) => update.id)
      t.strictSame(
        notices,
        Array.from({ length: notices.length }, (_, i) => `p${200 - notices.length + i}`),
        'the newest are kept',
      )
      t.equal(log.first, 1)
      t.match(log.stats(), { entries: 10, notices: notices.length, corrupt: 0 })
      t.equal((await log.read(log.head - 10, all)).lostNotices, undefined)
      t.equal(await log.locate('p0'), undefined)
      t.equal(
        (await log.read(1, { ...all, upTo: 21 })).upTo,
        21,
        'a page of nothing but what is gone',
      )
    },
  )

  t.test('who asked is woken when the head moved, until they had enough', async (t) => {
    const log = await open(t)
    let woken = 0
    const end = log.onAdvance(() => woken++)

    await log.append([update('a')])
    await until(() => woken === 1)
    end()
    await log.append([update('b')])

    t.equal(woken, 1)
  })

  t.test('history is trimmed by count, soon, and not in the request', async (t) => {
    const log = await open(t, { maxEntries: 100 })
    for (let i = 0; i < 20; i++)
      await log.append(Array.from({ length: 50 }, (_, n) => update(`e${i * 50 + n + 1}`)))

    await until(() => log.stats().entries <= 110)
    t.match(log, { head: 1_000 })
    t.strictSame(positions(await readAll(log, log.first - 1)).at(-1), 1_000)
  })

  t.test('history is trimmed by bytes', async (t) => {
    const log = await open(t, { maxBytes: 1_000_000 })
    for (let i = 0; i < 50; i++) await log.append([update(`e${i}`, { data: 'x'.repeat(100_000) })])

    await until(() => log.stats().bytes <= 1_100_000)
    t.ok(log.stats().entries >= 5, 'and no more than that')
  })

  t.test('history is trimmed by age', async (t) => {
    const log = await open(t, { maxAgeMs: 2_000 })
    await log.append([update('old')])
    t.equal(log.stats().entries, 1)

    await until(() => log.first === 2)
    await log.append([update('new')])

    t.strictSame(ids(await readAll(log, log.first - 1)), ['new'])
  })

  t.test('a wall clock that jumps forward makes no entry older', async (t) => {
    const log = await open(t, { maxAgeMs: 600_000 })
    t.teardown(() => (Date.now = now))
    await log.append([update('a')])
    await new Promise((resolve) => setTimeout(resolve, 600)) // retention has looked at both clocks

    Date.now = () => now() + 3_600_000
    await log.append([update('b')])
    await new Promise((resolve) => setTimeout(resolve, 1_200)) // and again, after the step

    t.strictSame(ids(await readAll(log)), ['a', 'b'])
  })

  t.test('entry times never go back, though the wall clock does', async (t) => {
    const log = await open(t)
    t.teardown(() => (Date.now = now))
    await log.append([update('a')])

    Date.now = () => now() - 3_600_000
    await log.append([update('b')])

    const [a, b] = await readAll(log)
    t.ok(a !== undefined && b !== undefined && b.timeMs >= a.timeMs)
  })

  t.test('an update that cannot be stored costs only its publisher', async (t) => {
    const log = await open(t)
    const tooLong = [update('c'), update('d', { topics: ['x'.repeat(70_000)] })]

    const [a, , b] = await Promise.allSettled([
      log.append([update('a')]),
      log.append(tooLong),
      log.append([update('b')]),
    ])

    t.match([a, b], [{ status: 'fulfilled' }, { status: 'fulfilled' }])
    t.match(log.health(), { ok: true })
    t.strictSame(
      ids(await readAll(log)).filter((id) => id === 'a' || id === 'b'),
      ['a', 'b'],
    )
    t.strictSame(positions(await readAll(log)).at(-1), log.head)
  })

  t.test('a reader that runs beside 16 writers sees one contiguous sequence', async (t) => {
    const log = await open(t)
    const seen: Entry[] = []
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let i = 0; i < 50; i++) await log.append([update(`w${writer}-${i}`)])
    })
    const reading = until(async () => {
      seen.push(...(await readAll(log, seen.length)))
      return seen.length === 800
    })

    await Promise.all([...writers, reading])

    t.strictSame(
      positions(seen),
      Array.from({ length: 800 }, (_, i) => i + 1),
    )
    for (let writer = 0; writer < 16; writer++)
      t.strictSame(
        ids(seen).filter((id) => id.startsWith(`w${writer}-`)),
        Array.from({ length: 50 }, (_, i) => `w${writer}-${i}`),
      )
  })

  t.test('a closed log refuses', async (t) => {
    const log = await open(t)
    await log.append([update('a')])

    await log.close()
    await log.close()

    await t.rejects(
      log.append([update('b')]),
      new HubError('unavailable', 'the hub is shutting down'),
    )
    t.match(log.health(), { ok: false })
  })
}
