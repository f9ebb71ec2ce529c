import { isExact, type Matcher, tried } from './matcher.ts'
import type { Slice } from './slice.ts'
import type { Topic } from './topic.ts'

/** Steps that may be done in one go, because counting them would cost more: 30 µs at most. */
const smallSteps = 8_192
/** What trying a pattern costs at least, in steps. */
const triedSteps = 8

/** A union of matchers: exact ones are looked up, the few patterns are tried. */
export class TopicSet {
  /** Equal for sets that select the same topics. */
  readonly key: string
  readonly #hasAny: boolean
  readonly #exact: ReadonlySet<string>
  readonly #patterns: readonly Matcher[]
  /** Steps that all patterns together take for one character, at most. */
  readonly cost: number

  constructor(matchers: readonly Matcher[]) {
    this.#hasAny = matchers.some((matcher) => matcher.isAny)
    this.#patterns = matchers.filter((matcher) => !matcher.isAny && !isExact(matcher))
    this.#exact = new Set(matchers.filter(isExact).map((matcher) => matcher.pattern))
    this.cost = this.#patterns.reduce((sum, { cost }) => sum + Math.max(1, cost), 0)
    this.key = this.#hasAny ? '*' : keyOf(matchers)
  }

  has(topic: Topic): boolean {
    if (this.#hasAny || this.#exact.has(topic.value)) return true
    return this.#patterns.some((matcher) => matcher.matches(topic))
  }

  hasAnyOf(topics: readonly Topic[]): boolean {
    return topics.some((topic) => this.has(topic))
  }

  /** Whether it takes so little for these topics that `has` and `hasAnyOf` keep nobody waiting. */
  isQuickFor(topics: readonly Topic[]): boolean {
    if (this.#hasAny) return true
    if (this.#patterns.length === 0) return topics.length <= smallSteps
    if (topics.length * this.#patterns.length * triedSteps > smallSteps) return false
    let left = smallSteps
    for (const { value } of topics) left -= this.cost * value.length
    return left >= 0
  }

  /** `has` in portions. */
  *having(topic: Topic, slice: Slice): Generator<undefined, boolean> {
    if (this.#hasAny || this.#exact.has(topic.value)) return true
    for (const matcher of this.#patterns) if (yield* tried(matcher, topic, slice)) return true
    return false
  }

  /** `hasAnyOf` in portions. What can be looked up is looked up first. */
  *havingAnyOf(topics: readonly Topic[], slice: Slice): Generator<undefined, boolean> {
    if (this.#hasAny || topics.some(({ value }) => this.#exact.has(value))) return true
    for (const topic of topics) if (yield* this.having(topic, slice)) return true
    return false
  }

  /** Whether it has all of them, in portions. */
  *havingAllOf(topics: readonly Topic[], slice: Slice): Generator<undefined, boolean> {
    for (const topic of topics) if (!(yield* this.having(topic, slice))) return false
    return true
  }
}

function keyOf(matchers: readonly Matcher[]): string {
  return [...new Set(matchers.map((matcher) => matcher.key))].toSorted().join('\n')
}
