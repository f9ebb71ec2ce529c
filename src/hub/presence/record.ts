import { hash } from 'node:crypto'
import type { AuthorizationDetail, Grants } from '../../protocol/grants.ts'
import { type Matcher, tried } from '../../protocol/matcher.ts'
import type { Slice } from '../../protocol/slice.ts'
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

/** Whether a text that a client brings can be such a name: stores take no key of any length. */
export function isKeptName(text: string): boolean {
  return /^s\/[a-z]{1,20}\/[\w-]{22}\/[!-~]{1,128}$/.test(text)
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

/**
 * The payload of each matcher: of the first detail that covers it taken as a topic; where that has none,
 * what the token has for all.
 */
export function* payloadsOf(
  { details, sharedPayload }: Grants,
  matchers: readonly Matcher[],
  slice: Slice,
): Generator<undefined, readonly unknown[]> {
  if (!details.some(({ payload }) => payload !== undefined))
    return matchers.map(() => sharedPayload)
  const payloads: unknown[] = []
  for (const { pattern } of matchers) {
    const covering = yield* coveringDetail(details, new Topic(pattern), slice)
    payloads.push(covering?.payload ?? sharedPayload)
  }
  return payloads
}

function* coveringDetail(
  details: readonly AuthorizationDetail[],
  topic: Topic,
  slice: Slice,
): Generator<undefined, AuthorizationDetail | undefined> {
  for (const detail of details) {
    if (!detail.actions.has('subscribe')) continue
    for (const granted of detail.topics) if (yield* tried(granted, topic, slice)) return detail
  }
  return undefined
}

/** Whether `payloadsOf` takes so little that nobody has to wait for others first. */
export function areQuickPayloads(grants: Grants, matchers: readonly Matcher[]): boolean {
  const { details, receiveCost } = grants
  if (!details.some(({ payload }) => payload !== undefined)) return true
  let granted = 0
  for (const { topics } of details) granted += topics.length
  const characters = matchers.reduce((sum, { pattern }) => sum + pattern.length, 0)
  return granted * matchers.length <= quickLooks && receiveCost * characters <= quickSteps
}

const quickLooks = 1_000
const quickSteps = 16_384
