import { randomUUID } from 'node:crypto'
import type { Log, Mark, MarkChange } from '../../log/log.ts'
import type { TellSubscription } from '../../protocol/subscription.ts'
import {
  type Absence,
  absencesOf,
  eventsOf,
  type Kept,
  keptIn,
  keptPrefix,
  nameOf,
} from './record.ts'

export interface Heir {
  /** The hub that inherits. */
  readonly node: string
  readonly graceMs: number
  /** How long nothing was heard of the one that is gone: so much of the grace is over. */
  readonly silentMs: number
  /** The words in which ends are told. */
  readonly tell: TellSubscription
}

/** A subscription that waits for its stream at another hub now. */
export interface Inherited {
  readonly kept: Kept
  readonly absenceName: string
  readonly absence: string
  /** What is left of its grace. */
  readonly restMs: number
}

interface Orphan {
  readonly kept: Kept
  readonly value: string
  /** The mark of its absence, where it has one. */
  readonly absent: Mark | undefined
}

const pageSize = 1_000
const mostPerAppend = 250

/**
 * Ends the subscriptions that a hub left open, or takes them over while their subscribers may still come
 * back. Each is done once, by compare-and-set, however many hubs do it.
 */
export async function* inherit(log: Log, node: string, heir: Heir): AsyncGenerator<Inherited> {
  for (let after = ''; ;) {
    const { marks } = await log.marks(keptPrefix, after, pageSize)
    const read = marks.map(({ value }) => ({ kept: keptIn(value), value }))
    const left = read.filter((one): one is { kept: Kept; value: string } => one.kept?.node === node)
    for (let at = 0; at < left.length; at += mostPerAppend) {
      const orphans = await Promise.all(
        left
          .slice(at, at + mostPerAppend)
          .map(async (one) => ({ ...one, absent: await absenceIn(log, one.kept) })),
      )
      yield* take(log, orphans, heir)
    }
    if (marks.length < pageSize) return
    after = marks.at(-1)?.name ?? ''
  }
}

async function absenceIn(log: Log, kept: Kept): Promise<Mark | undefined> {
  const prefix = absencesOf(kept)
  if (prefix === undefined) return undefined
  const name = prefix + kept.subscriber
  return (await log.marks(name, '', 1)).marks.find((mark) => mark.name === name)
}

async function* take(log: Log, orphans: readonly Orphan[], heir: Heir): AsyncGenerator<Inherited> {
  const taken = orphans.map((orphan) => ({ orphan, inherited: inheritedBy(heir, orphan) }))
  const marks = taken.flatMap(({ orphan, inherited }) => marksOf(orphan, inherited))
  const events = taken.flatMap(({ orphan, inherited }) =>
    inherited === undefined ? eventsOf(heir.tell, orphan.kept, false) : [],
  )
  const { outcome } = await log.append(events, { kind: 'presence', marks })
  if (outcome === 'stored') {
    for (const { inherited } of taken) if (inherited !== undefined) yield inherited
  } else if (orphans.length > 1) for (const orphan of orphans) yield* take(log, [orphan], heir)
}

function inheritedBy(
  { node, graceMs, silentMs }: Heir,
  { kept, absent }: Orphan,
): Inherited | undefined {
  const prefix = absencesOf(kept)
  if (prefix === undefined) return undefined
  const awayMs = absent === undefined ? silentMs : Math.max(0, Date.now() - sinceOf(absent))
  const restMs = graceMs - awayMs
  if (restMs <= 0) return undefined
  const absence: Absence = { sinceMs: Date.now() - awayMs, leave: randomUUID() }
  return {
    kept: { ...kept, node },
    absenceName: prefix + kept.subscriber,
    absence: JSON.stringify(absence),
    restMs,
  }
}

function sinceOf({ value }: Mark): number {
  return (JSON.parse(value) as Absence).sinceMs // written by `Held` and here alone
}

function marksOf({ kept, value, absent }: Orphan, inherited: Inherited | undefined): MarkChange[] {
  const to = inherited === undefined ? undefined : JSON.stringify(inherited.kept)
  const marks: MarkChange[] = [{ name: nameOf(kept), from: value, to }]
  const name = inherited?.absenceName ?? absent?.name
  if (name !== undefined) marks.push({ name, from: absent?.value, to: inherited?.absence })
  return marks
}
