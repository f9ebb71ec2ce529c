import { createHash } from 'node:crypto'
import type { Entry } from '../log/log.ts'
import type { Grants } from '../protocol/grants.ts'
import type { Matcher } from '../protocol/matcher.ts'
import type { Slice } from '../protocol/slice.ts'
import { Topic } from '../protocol/topic.ts'
import { TopicSet } from '../protocol/topic-set.ts'
import { mayWatchSubscriptions } from '../protocol/watching.ts'

/** What an entry costs that is looked at, in steps: its topics are parsed at least. */
const entrySteps = 512
/** Longer keys are kept as their digest: a hundred matchers may be 400 KB of text. */
const longKey = 128

/**
 * What a subscriber asked for, and may have. Subscribers with the same `key` receive the same.
 *
 * An update is delivered when a matcher selects one of its topics and, if it is private, a grant
 * covers one of its topics, not necessarily the same (draft-08 § 1.5).
 */
export class Interest {
  readonly matchers: readonly Matcher[]
  readonly grants: Grants
  readonly key: string
  /** Subscription events without a type are for it, and those with one for the others. */
  readonly isPlain: boolean
  readonly #topics: TopicSet
  #watches: boolean | undefined

  constructor(matchers: readonly Matcher[], grants: Grants, isPlain = false) {
    this.matchers = matchers
    this.grants = grants
    this.isPlain = isPlain
    this.#topics = new TopicSet(matchers)
    const key = `${this.#topics.key}\n\n${grants.key}${isPlain ? '\n\nplain' : ''}`
    this.key = key.length <= longKey ? key : createHash('sha256').update(key).digest('base64url')
  }

  /** Whether subscription events may be among it: lost ones are a gap to nobody else. */
  get watchesSubscriptions(): boolean {
    this.#watches ??= mayWatchSubscriptions(this.matchers, this.grants)
    return this.#watches
  }

  /** Steps that it takes to look at an entry, for each character of its topics, at most. */
  get cost(): number {
    return this.#topics.cost + this.grants.receiveCost
  }

  /** Whether an entry of the log is for this subscriber: the question that replays ask, in portions. */
  *covering(entry: Entry, slice: Slice): Generator<undefined, boolean> {
    const { kind, update } = entry
    if (slice.spend(entrySteps)) yield
    if (kind === 'control' || !this.understands(entry)) return false
    const topics = update.topics.map((topic) => new Topic(topic))
    const wants = this.#topics.isQuickFor(topics)
      ? this.#topics.hasAnyOf(topics)
      : yield* this.#topics.havingAnyOf(topics, slice)
    if (!wants || !update.isPrivate) return wants
    return this.grants.isQuickToReceive(topics)
      ? this.grants.mayReceive(topics)
      : yield* this.grants.receiving(topics, slice)
  }

  /** Subscription events are told in several dialects, each in an entry of its own: a subscriber has one of them. */
  understands({ kind, update }: Entry): boolean {
    return kind !== 'presence' || (update.type === '') === this.isPlain
  }
}
