import { hubPath } from './reserved.ts'

/** Where the subscription API stands, and the topics of subscription events begin (draft-08 § 1.10). */
export const subscriptionsPath = `${hubPath}/subscriptions`

/** One matcher of one connection. Documents and topics of all dialects are written from this. */
export interface Subscription {
  /** The matcher's type: as in `match_type`, or `uritemplate`. */
  readonly type: string
  readonly match: string
  /** Names the connection: an URN that the hub makes, never the client. */
  readonly subscriber: string
  /** From the first grant that covers the matcher, else what the token has for all; absent when there is none. */
  readonly payload?: unknown
}

/** A subscription as events and the API spell it, members in the specification's order. */
export interface SubscriptionDocument {
  readonly id: string
  readonly type: 'subscription'
  readonly subscriber: string
  readonly match: string
  readonly match_type: string
  readonly active: boolean
  readonly payload?: unknown
}

/** A subscription's start or end as an update tells it, beside what all such updates have in common. */
export interface SubscriptionEvent {
  /** The subscription's URL, and other spellings of it. */
  readonly topics: readonly string[]
  readonly data: string
  /** Tells the dialects apart: a subscriber gets the events of the type it understands. */
  readonly type: 'mercure' | ''
}

/** Says a subscription's start or end once for each dialect that has words for it. */
export type TellSubscription = (
  subscription: Subscription,
  active: boolean,
) => readonly SubscriptionEvent[]

/** Whether documents of protocol 1.0 can say it: it has no word for the selectors of others. */
export function isTellable({ type }: Subscription): boolean {
  return type === 'exact' || type === 'urlpattern'
}

/** In the words of protocol 1.0 (draft-08 § 1.10). */
export const tellSubscription: TellSubscription = (subscription, active) => {
  if (!isTellable(subscription)) return []
  const document = documentOf(subscription, active)
  return [{ topics: [document.id], data: JSON.stringify(document), type: 'mercure' }]
}

export function documentOf(subscription: Subscription, active: boolean): SubscriptionDocument {
  const { type, match, subscriber, payload } = subscription
  return {
    id: pathOf(subscription),
    type: 'subscription',
    subscriber,
    match,
    match_type: type,
    active,
    ...(payload === undefined || payload === null ? {} : { payload }),
  }
}

/** The subscription's URL, which is also its id and the topic of its events. */
export function pathOf({ type, match, subscriber }: Subscription): string {
  return `${subscriptionsPath}/${type}/${segmentOf(match)}/${segmentOf(subscriber)}`
}

/** Escapes everything but RFC 3986's unreserved characters, which is more than `encodeURIComponent` does. */
export function segmentOf(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** What a subscription's URL names: everything, the subscriptions of one matcher, or one of them. */
export interface SubscriptionAddress {
  readonly type?: string
  readonly match?: string
  readonly subscriber?: string
}

/** Reads a path, or a URL, below the subscription API; undefined when it is none, or badly escaped. */
export function addressOf(url: string): SubscriptionAddress | undefined {
  const path = pathIn(url)
  if (path === subscriptionsPath) return {}
  if (!path.startsWith(`${subscriptionsPath}/`)) return undefined
  const segments = path.slice(subscriptionsPath.length + 1).split('/')
  if (segments.length < 2 || segments.length > 3 || segments.includes('')) return undefined
  try {
    const [type = '', match = '', subscriber] = segments.map(decodeURIComponent)
    return { type, match, ...(subscriber === undefined ? {} : { subscriber }) }
  } catch {
    return undefined
  }
}

/** The path of a URL that may have an origin before it, and a query behind. */
export function pathIn(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*$/s, '')
}
