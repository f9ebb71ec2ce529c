import {
  pathIn,
  pathOf,
  segmentOf,
  subscriptionsPath,
  type Subscription,
  type TellSubscription,
  tellSubscription,
} from '../subscription.ts'
import { compileSelector } from './selector.ts'

const context = 'https://mercure.rocks/'

/** A subscription in the words of protocol 0.x (draft-07 § 2.5): JSON-LD, members in the order that hubs send them. */
export interface SelectorDocument {
  readonly '@context'?: typeof context
  readonly id: string
  readonly type: 'Subscription'
  readonly subscriber: string
  readonly topic: string
  readonly active: boolean
  readonly lastEventID?: string
  readonly payload?: unknown
}

/** What a list of subscriptions is, without its items. */
export interface SelectorListDocument {
  readonly '@context': typeof context
  readonly id: string
  readonly type: 'Subscriptions'
  readonly lastEventID: string
}

/** Whether protocol 0.x has words for it: topics and URI Templates, no URL Patterns. */
export function isSelector({ type }: Subscription): boolean {
  return type === 'exact' || type === 'uritemplate'
}

/** An item of a list, or with `lastEventID` a document of its own. */
export function selectorDocument(
  subscription: Subscription,
  active: boolean,
  lastEventID?: string,
): SelectorDocument {
  const { match, subscriber, payload } = subscription
  return {
    id: selectorPath(subscription),
    type: 'Subscription',
    subscriber,
    topic: match,
    active,
    ...(lastEventID === undefined ? {} : { lastEventID }),
    ...(payload === undefined || payload === null ? {} : { payload }),
  }
}

export function listDocument(id: string, lastEventID: string): SelectorListDocument {
  return { ...inContext({ id, type: 'Subscriptions' as const }), lastEventID }
}

/** A document that stands alone says what its words mean. */
export function inContext<Document extends object>(
  document: Document,
): Document & { readonly '@context': typeof context } {
  return { '@context': context, ...document }
}

/** As hubs of 0.x print JSON. */
export function printed(document: object): string {
  return JSON.stringify(document, null, 2)
}

/** The subscription's URL in 0.x, where a space in a segment is a `+`. */
function selectorPath({ match, subscriber }: Subscription): string {
  return `${subscriptionsPath}/${formSegment(match)}/${formSegment(subscriber)}`
}

function formSegment(text: string): string {
  return segmentOf(text).replaceAll('%20', '+')
}

/**
 * Tells starts and ends to subscribers of both protocols, as far as they have words for them. No
 * variable of a template takes a `+`, so the event has the usual spelling as a topic too.
 */
export const tellBoth: TellSubscription = (subscription, active) => {
  const events = tellSubscription(subscription, active)
  if (!isSelector(subscription)) return events
  const document = inContext(selectorDocument(subscription, active))
  const topics = new Set([document.id, document.id.replaceAll('+', '%20')])
  return [...events, { topics: [...topics], data: printed(document), type: '' }]
}

/** What a URL of the subscription API of 0.x names: everything, the subscriptions of a selector, or one of them. */
export interface SelectorAddress {
  readonly topic?: string
  readonly subscriber?: string
}

/**
 * Reads a path below the subscription API of 0.x; undefined when it is none.
 *
 * @throws URIError when it is badly escaped
 */
export function selectorAddressOf(path: string): SelectorAddress | undefined {
  if (path === subscriptionsPath) return {}
  if (!path.startsWith(`${subscriptionsPath}/`)) return undefined
  const segments = path.slice(subscriptionsPath.length + 1).split('/')
  if (segments.length > 2 || segments.includes('')) return undefined
  const [topic = '', subscriber] = segments.map((segment) =>
    decodeURIComponent(segment.replaceAll('+', ' ')),
  )
  return { topic, ...(subscriber === undefined ? {} : { subscriber }) }
}

/** Where the hub keeps the subscription that a URL of 0.x names; undefined for any other text. */
export function keptPathOf(url: string): string | undefined {
  try {
    const { topic = '', subscriber } = selectorAddressOf(pathIn(url)) ?? {}
    if (subscriber?.startsWith('urn:') !== true) return undefined
    return pathOf({ type: compileSelector(topic).type, match: topic, subscriber })
  } catch {
    return undefined
  }
}
