import { isExact, type Matcher } from './matcher.ts'
import type { Topic } from './topic.ts'

/** A union of matchers: exact ones are looked up, the few patterns are tried. */
export class TopicSet {
  /** Equal for sets that select the same topics. */
  readonly key: string
  readonly #hasAny: boolean
  readonly #exact: ReadonlySet<string>
  readonly #patterns: readonly Matcher[]

  constructor(matchers: readonly Matcher[]) {
    this.#hasAny = matchers.some((matcher) => matcher.isAny)
    this.#patterns = matchers.filter((matcher) => !matcher.isAny && !isExact(matcher))
    this.#exact = new Set(matchers.filter(isExact).map((matcher) => matcher.pattern))
    this.key = this.#hasAny ? '*' : keyOf(matchers)
  }

  has(topic: Topic): boolean {
    if (this.#hasAny || this.#exact.has(topic.value)) return true
    return this.#patterns.some((matcher) => matcher.matches(topic))
  }

  hasAnyOf(topics: readonly Topic[]): boolean {
    return topics.some((topic) => this.has(topic))
  }
}

function keyOf(matchers: readonly Matcher[]): string {
  return [...new Set(matchers.map((matcher) => matcher.key))].toSorted().join('\n')
}
