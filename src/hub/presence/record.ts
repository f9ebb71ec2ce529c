import { hash } from 'node:crypto'
import type { Grants } from '../../protocol/grants.ts'
import type { Subscription, TellSubscription } from '../../protocol/subscription.ts'
import { Topic } from '../../protocol/topic.ts'
import type { Update } from '../../protocol/update.ts'
import { newId } from '../ids.ts'

/** A subscription as the log's marks keep it, with whom it belongs to. */
export interface Kept extends Subscription {
  /** The hub that has the stream, or had it last. */
  readonly node: string
  readonly issuer?: string
  readonly subject?: string
}

/** What a mark says of a subscription whose stream is gone and may come back; `leave` is never the same. */
export interface Absence {
  readonly sinceMs: number
  readonly leave: string
}

/** Names of the marks of subscriptions, and of those whose stream is away, begin with these. */
export const keptPrefix = 's/'
const absencePrefix = 'a/'

/** Marks sort by type and matcher, so the subscriptions of one matcher stand together. */
export function nameOf({ type, match, subscriber }: Subscription): string {
  return prefixFor(type, match) + subscriber
}

export function prefixFor(type: string, match: string): string {
  return `${keptPrefix}${type}/${digest(match)}/`
}

/** Subscriptions that are away, by who would come back; undefined for whom we could not tell from another. */
export function absencesOf({ issuer, subject, type, match }: Kept): string | undefined {
  if (subject === undefined) return undefined
  return `${absencePrefix}${digest(JSON.stringify([issuer, subject, type, match]))}/`
}

/** The mark of a subscription's absence. Only for whom `absencesOf` knows. */
export function absenceNameOf(kept: Kept): string {
  return `${absencesOf(kept) ?? absencePrefix}${kept.subscriber}`
}

/** Of the texts that came last: crowds come for the same topics, and a digest costs 4 µs. */
const digests = new Map<string, string>()
const mostDigests = 1_000
const longestKept = 256

function digest(text: string): string {
  const known = digests.get(text)
  if (known !== undefined) return known
  const digest = hash('sha256', text, 'base64url').slice(0, 22)
  if (digests.size >= mostDigests) digests.clear()
  if (text.length <= longestKept) digests.set(text, digest)
  return digest
}

export function keptIn(value: string): Kept | undefined {
  try {
    return JSON.parse(value) as Kept // written by `Presence` alone
  } catch {
    return undefined
  }
}

/** A start or an end as updates of reserved topics, private: one for each dialect that has words for it. */
export function eventsOf(tell: TellSubscription, kept: Kept, active: boolean): Update[] {
  return tell(kept, active).map((event) => ({ id: newId(), ...event, isPrivate: true, retry: '' }))
}

/** Of the first detail that covers the matcher taken as a topic; where that has none, what the token has for all. */
export function payloadOf({ details, sharedPayload }: Grants, match: string): unknown {
  if (!details.some(({ payload }) => payload !== undefined)) return sharedPayload
  const topic = new Topic(match)
  const covering = details.find(
    ({ actions, topics }) =>
      actions.has('subscribe') && topics.some((granted) => granted.matches(topic)),
  )
  return covering?.payload ?? sharedPayload
}
