import { HubError } from './errors.ts'
import type { Matcher } from './matcher.ts'
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
  }

  mayPublish(topics: readonly Topic[], isPrivate = true): boolean {
    if (this.#mayPublishAnyPublic && !isPrivate) return true
    return topics.every((topic) => this.#publish.has(topic))
  }

  /** @throws HubError `insufficient_scope` when it may not */
  requirePublish(topics: readonly Topic[], isPrivate: boolean): void {
    if (this.mayPublish(topics, isPrivate)) return
    throw new HubError(
      'insufficient_scope',
      'the token does not grant publishing to every topic of the update',
    )
  }

  mayReceive(topics: readonly Topic[]): boolean {
    return this.#subscribe.hasAnyOf(topics)
  }
}

function topicsFor(
  action: 'publish' | 'subscribe',
  details: readonly AuthorizationDetail[],
): readonly Matcher[] {
  return details.filter((detail) => detail.actions.has(action)).flatMap((detail) => detail.topics)
}
