import { HubError } from './errors.ts'
import type { Matcher } from './matcher.ts'
import { extraCostOf } from './pattern-cost.ts'
import type { Slice } from './slice.ts'
import type { Topic } from './topic.ts'
import { TopicSet } from './topic-set.ts'

/** One Mercure authorization detail: the topics it speaks of, what may be done with them, and its payload. */
export interface AuthorizationDetail {
  readonly actions: ReadonlySet<'publish' | 'subscribe'>
  readonly topics: readonly Matcher[]
  readonly payload?: unknown
}

/** What holds for a bearer as a whole, and not for one detail. */
export interface GrantOptions {
  /** Accompanies every subscription whose own detail brings no payload. */
  readonly sharedPayload?: unknown
  /** Public updates may be published to any topic. */
  readonly mayPublishAnyPublic?: boolean
}

/**
 * What the bearer of a token may do (draft-08 §§ 1.6 and 1.7).
 *
 * To publish, every topic of the update must be granted; to receive a private update, one is enough.
 * `key` is equal for grants that let the same private updates through.
 */
export class Grants {
  static readonly none = new Grants([])

  readonly details: readonly AuthorizationDetail[]
  readonly sharedPayload: unknown
  readonly key: string
  /** What the patterns that decide on private updates cost beyond the ordinary. */
  readonly extraCost: number
  readonly #mayPublishAnyPublic: boolean
  readonly #publish: TopicSet
  readonly #subscribe: TopicSet

  constructor(
    details: readonly AuthorizationDetail[],
    { sharedPayload, mayPublishAnyPublic = false }: GrantOptions = {},
  ) {
    this.details = details
    this.sharedPayload = sharedPayload
    this.#mayPublishAnyPublic = mayPublishAnyPublic
    this.#publish = new TopicSet(topicsFor('publish', details))
    this.#subscribe = new TopicSet(topicsFor('subscribe', details))
    this.key = this.#subscribe.key
    this.extraCost = extraCostOf(topicsFor('subscribe', details))
  }

  mayPublish(topics: readonly Topic[], isPrivate = true): boolean {
    if (this.#mayPublishAnyPublic && !isPrivate) return true
    return topics.every((topic) => this.#publish.has(topic))
  }

  /** @throws HubError `insufficient_scope` when it may not */
  requirePublish(topics: readonly Topic[], isPrivate: boolean): void {
    requireGrant(this.mayPublish(topics, isPrivate))
  }

  mayReceive(topics: readonly Topic[]): boolean {
    return this.#subscribe.hasAnyOf(topics)
  }

  /** Steps that `mayReceive` takes for each character of a topic, at most. */
  get receiveCost(): number {
    return this.#subscribe.cost
  }

  /** Whether `mayPublish` keeps nobody waiting. */
  isQuickToPublish(topics: readonly Topic[]): boolean {
    return this.#publish.isQuickFor(topics)
  }

  /** Whether `mayReceive` keeps nobody waiting. */
  isQuickToReceive(topics: readonly Topic[]): boolean {
    return this.#subscribe.isQuickFor(topics)
  }

  /** `mayPublish` in portions. */
  *publishing(
    topics: readonly Topic[],
    isPrivate: boolean,
    slice: Slice,
  ): Generator<undefined, boolean> {
    if (this.#mayPublishAnyPublic && !isPrivate) return true
    return yield* this.#publish.havingAllOf(topics, slice)
  }

  /** `mayReceive` in portions. */
  receiving(topics: readonly Topic[], slice: Slice): Generator<undefined, boolean> {
    return this.#subscribe.havingAnyOf(topics, slice)
  }
}

function topicsFor(
  action: 'publish' | 'subscribe',
  details: readonly AuthorizationDetail[],
): readonly Matcher[] {
  return details.filter((detail) => detail.actions.has(action)).flatMap((detail) => detail.topics)
}

/** @throws HubError `insufficient_scope` when publishing was not granted */
export function requireGrant(isGranted: boolean): void {
  if (!isGranted)
    throw new HubError(
      'insufficient_scope',
      'the token does not grant publishing to every topic of the update',
    )
}
