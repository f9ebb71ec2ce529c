import type { FastifyInstance } from 'fastify'
import type { Hub } from '../../../hub/hub.ts'
import type { Entry, Log } from '../../../log/log.ts'
import { HubError } from '../../../protocol/errors.ts'
import { Grants } from '../../../protocol/grants.ts'
import { compileMatcher } from '../../../protocol/matcher.ts'
import { hubPath } from '../../../protocol/reserved.ts'
import { parameter, wholeNumber } from './query.ts'

const mostEntries = 200
/** Payload bytes that one page may read. */
const mostBytes = 16 * 1024 * 1024

const hubUrl = `http://localhost${hubPath}`
const everything = new Grants([
  {
    actions: new Set(['publish'] as const),
    topics: [compileMatcher('exact', '*', hubUrl)],
  },
])

/**
 * The history for operators: pages of positions, a payload when it is asked for, and one update again.
 *
 * A page is `?before=` or `?after=` a position, `?id=` or `?time=` (milliseconds since 1970); without, the newest.
 */
export function history(app: FastifyInstance, hub: Hub, log: Log): void {
  app.get('/debug/history', async ({ query }) => {
    const most = wholeNumber(query, 'limit', 20, mostEntries)
    const from = await startOf(log, query, most)
    const bounds = { maxEntries: most, maxBytes: mostBytes, isPassing: true }
    const upTo = Math.min(log.head, from + most)
    const page =
      upTo <= from ? { entries: [] } : await log.read(from, { ...bounds, upTo: Math.max(1, upTo) })
    const entries = page.entries.filter(({ kind }) => kind !== 'control').map(described)
    return {
      first: log.first,
      head: log.head,
      entries: entries.reverse(),
      // Where the pages before and after this one are, also when everything on it is gone.
      older: from + 1,
      newer: Math.max(from, upTo),
      cursor: await hub.cursorFor(Math.max(from, 0)),
    }
  })

  app.get('/debug/history/:position', async ({ params }) => {
    const entry = await entryAt(log, params)
    return { ...described(entry), data: entry.update.data }
  })

  app.post('/debug/history/:position/republish', async ({ params }) => {
    const { kind, update } = await entryAt(log, params)
    if (kind !== 'update') throw new HubError('invalid_request', 'only updates are published again')
    const { topics, data, isPrivate, type, retry } = update
    const again = { topics, data, isPrivate, type, id: '', retry }
    return { id: await hub.publish(again, { grants: everything, hubUrl }) }
  })
}

/** The position after which the page begins. */
async function startOf(log: Log, query: unknown, most: number): Promise<number> {
  const newest = Math.max(log.first - 1, log.head - most, 0)
  const after = wholeNumber(query, 'after', -1)
  if (after >= 0) return Math.min(after, newest)
  const before = wholeNumber(query, 'before', -1)
  if (before >= 0) return clamp(before - 1 - most, log.first - 1, newest)
  const id = parameter(query, 'id')
  if (id !== undefined) {
    const position = await log.locate(id)
    if (position === undefined) throw new HubError('not_found', 'no update with this id is kept')
    return clamp(position - most, log.first - 1, newest)
  }
  const timeMs = wholeNumber(query, 'time', -1)
  if (timeMs < 0) return newest
  return clamp((await lastBefore(log, timeMs)) - most, log.first - 1, newest)
}

/** The last position at or before a time, in a few reads: times only grow. */
async function lastBefore(log: Log, timeMs: number): Promise<number> {
  let [low, high] = [log.first - 1, log.head]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const { entries } = await log.read(middle - 1, {
      maxEntries: 1,
      maxBytes: 1,
      upTo: middle,
      isPassing: true,
    })
    const [entry] = entries
    if (entry !== undefined && entry.timeMs > timeMs) high = middle - 1
    else low = middle
  }
  return low
}

async function entryAt(log: Log, params: unknown): Promise<Entry> {
  const position = wholeNumber(params, 'position', 0)
  const isKept = position >= log.first && position <= log.head
  const bounds = { maxEntries: 1, maxBytes: 1, upTo: position, isPassing: true }
  const [entry] = isKept ? (await log.read(position - 1, bounds)).entries : []
  if (entry === undefined || entry.kind === 'control')
    throw new HubError('not_found', `no update is kept at position ${position}`)
  return entry
}

function described({ position, timeMs, kind, update }: Entry) {
  const { id, topics, isPrivate, type, data } = update
  return { position, timeMs, kind, id, topics, type, isPrivate, bytes: Buffer.byteLength(data) }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value), 0)
}
