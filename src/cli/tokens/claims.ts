import { randomUUID } from 'node:crypto'

/** A topic that a token speaks of, as authorization details spell it. */
export interface GrantedTopic {
  readonly match: string
  readonly match_type?: 'urlpattern'
}

/** What a token shall grant. */
export interface Wish {
  readonly publish: readonly GrantedTopic[]
  readonly subscribe: readonly GrantedTopic[]
  readonly payload?: Readonly<Record<string, unknown>> | undefined
}

/** Who speaks, to whom, and for how long. */
export interface Frame {
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  readonly ttlMs: number
}

export type Claims = Readonly<Record<string, unknown>>

/** An exact topic, or `*`. */
export function exactly(match: string): GrantedTopic {
  return { match }
}

export function byPattern(match: string): GrantedTopic {
  return { match, match_type: 'urlpattern' }
}

/** The claims of a 1.0 token (draft-08 § 1.7, RFC 9068 § 2.2). */
export function accessTokenClaims(wish: Wish, { issuer, audience, subject, ttlMs }: Frame): Claims {
  return {
    iss: issuer,
    aud: audience,
    sub: subject,
    client_id: issuer,
    ...lifetime(ttlMs),
    jti: randomUUID(),
    authorization_details: detailsOf(wish),
  }
}

/**
 * The claims of a 0.x token (draft-07 § 2.3): a payload belongs to all of its subscriptions, and it may live for ever.
 *
 * A list that nobody asked for is left out: with compatibility 7 an empty `publish` is a right of its own.
 */
export function legacyClaims({ publish, subscribe, payload }: Wish, ttlMs?: number): Claims {
  const selectors = {
    ...(publish.length === 0 ? {} : { publish: publish.map(selectorOf) }),
    ...(subscribe.length === 0 ? {} : { subscribe: subscribe.map(selectorOf) }),
  }
  return {
    mercure: { ...selectors, ...(payload === undefined ? {} : { payload }) },
    ...(ttlMs === undefined ? {} : lifetime(ttlMs)),
  }
}

/** A pattern is spelled as an object, for a text would be a URI Template. */
function selectorOf(topic: GrantedTopic): string | GrantedTopic {
  return topic.match_type === undefined ? topic.match : topic
}

function lifetime(ttlMs: number): { readonly iat: number; readonly exp: number } {
  const iat = Math.floor(Date.now() / 1000)
  return { iat, exp: iat + Math.ceil(ttlMs / 1000) }
}

/** One detail for the topics that share their actions; the payload goes to those that subscribe. */
function detailsOf({ publish, subscribe, payload }: Wish): readonly Claims[] {
  const isIn = (topics: readonly GrantedTopic[]) => (topic: GrantedTopic) =>
    topics.some((one) => one.match === topic.match && one.match_type === topic.match_type)
  const both = publish.filter(isIn(subscribe))
  const groups = [
    { actions: ['publish'], topics: publish.filter((topic) => !isIn(both)(topic)) },
    { actions: ['publish', 'subscribe'], topics: both },
    { actions: ['subscribe'], topics: subscribe.filter((topic) => !isIn(both)(topic)) },
  ]
  return groups
    .filter(({ topics }) => topics.length > 0)
    .map(({ actions, topics }) => ({
      type: 'https://mercure.rocks/authorization-detail',
      actions,
      topics,
      ...(payload !== undefined && hasPayload(actions, subscribe) ? { payload } : {}),
    }))
}

function hasPayload(actions: readonly string[], subscribe: readonly GrantedTopic[]): boolean {
  return subscribe.length === 0 || actions.includes('subscribe')
}
