import type { Entry } from '../log/log.ts'
import { isExact, type Matcher } from '../protocol/matcher.ts'
import type { Topic } from '../protocol/topic.ts'
import type { Turn } from './batch.ts'
import { Cohort } from './cohort.ts'
import type { Interest } from './interest.ts'
import { type MatchCache, PatternIndex } from './index/patterns.ts'
import { TopicIndex } from './index/topics.ts'

/**
 * A part of the cohorts, with the indexes derived from it.
 *
 * The cohorts' matchers are the only record of who listens to what; `#attach` and `#detach` are the
 * only functions that write the indexes, so the two cannot drift apart.
 */
export class Shard {
  readonly #cohorts = new Map<string, Cohort>()
  readonly #topics = new TopicIndex()
  readonly #patterns: PatternIndex
  readonly #anyTopic = new Set<Cohort>()
  /** Cohorts with something to deliver in this turn's pass. */
  #due: Cohort[] = []

  constructor(cache: MatchCache) {
    this.#patterns = new PatternIndex(cache)
  }

  get cohortCount(): number {
    return this.#cohorts.size
  }

  get topicCount(): number {
    return this.#topics.size
  }

  get patternCount(): number {
    return this.#patterns.size
  }

  get cacheCounts(): { readonly hits: number; readonly misses: number } {
    return this.#patterns
  }

  /** The cohort of everybody with this interest, made when it does not exist. */
  cohort(interest: Interest): Cohort {
    let cohort = this.#cohorts.get(interest.key)
    if (cohort === undefined) {
      cohort = new Cohort(interest)
      this.#cohorts.set(interest.key, cohort)
      this.#attach(cohort)
    }
    return cohort
  }

  dropIfEmpty(cohort: Cohort): void {
    if (cohort.size > 0 || this.#cohorts.get(cohort.interest.key) !== cohort) return
    this.#cohorts.delete(cohort.interest.key)
    this.#detach(cohort)
  }

  /** Finds who listens to an entry and puts it into their pending batches. */
  route(entry: Entry, topics: readonly Topic[], turn: Turn): void {
    for (const cohort of this.#anyTopic) this.#give(cohort, entry, topics, turn)
    for (const topic of topics) {
      const exact = this.#topics.get(topic.value)
      if (exact !== undefined) for (const cohort of exact) this.#give(cohort, entry, topics, turn)
      this.#patterns.matching(topic, (cohort) => this.#give(cohort, entry, topics, turn))
    }
  }

  /** Hands over the cohorts that are due, and forgets them. */
  takeDue(): readonly Cohort[] {
    const due = this.#due
    this.#due = []
    return due
  }

  cohorts(): Iterable<Cohort> {
    return this.#cohorts.values()
  }

  #give(cohort: Cohort, entry: Entry, topics: readonly Topic[], turn: Turn): void {
    const isFirst = cohort.pending === undefined
    if (cohort.take(entry, topics, turn) && isFirst) this.#due.push(cohort)
  }

  #attach(cohort: Cohort): void {
    for (const matcher of cohort.interest.matchers) {
      if (matcher.isAny) this.#anyTopic.add(cohort)
      else if (isExact(matcher)) this.#topics.add(matcher.pattern, cohort)
      else this.#patterns.add(matcher, cohort)
    }
  }

  #detach(cohort: Cohort): void {
    this.#anyTopic.delete(cohort)
    for (const matcher of cohort.interest.matchers) {
      if (matcher.isAny) continue
      if (isExact(matcher)) this.#topics.remove(matcher.pattern, cohort)
      else this.#patterns.remove(matcher, cohort)
    }
  }

  /** Walks members → indexes and indexes → members, and says where they disagree. */
  *faults(): Generator<string> {
    let indexed = 0
    for (const cohort of this.#cohorts.values()) {
      yield* cohort.faults()
      for (const matcher of cohort.interest.matchers)
        if (!this.#isIndexed(matcher, cohort))
          yield `a cohort is missing in the index of ${matcher.type}`
    }
    const owned = (cohort: Cohort) => this.#cohorts.get(cohort.interest.key) === cohort
    for (const cohort of this.#anyTopic)
      if (!owned(cohort)) yield 'an orphan listens to every topic'
    for (const [topic, cohort] of this.#topics.entries()) {
      indexed++
      if (!owned(cohort) || !cohort.interest.matchers.some((one) => one.pattern === topic))
        yield 'an orphan stands in the topic index'
    }
    for (const [matcher, cohort] of this.#patterns.entries())
      if (!owned(cohort) || !cohort.interest.matchers.some((one) => one.key === matcher.key))
        yield 'an orphan stands in the pattern index'
    if (this.#cohorts.size === 0 && indexed > 0) yield 'an empty shard has index entries'
  }

  /** Builds the indexes anew from the cohorts, which own the truth. */
  repair(): void {
    for (const [topic, cohort] of [...this.#topics.entries()]) this.#topics.remove(topic, cohort)
    for (const [matcher, cohort] of [...this.#patterns.entries()])
      this.#patterns.remove(matcher, cohort)
    this.#anyTopic.clear()
    for (const cohort of [...this.#cohorts.values()]) {
      if (cohort.size === 0) this.#cohorts.delete(cohort.interest.key)
      else this.#attach(cohort)
    }
  }

  #isIndexed(matcher: Matcher, cohort: Cohort): boolean {
    if (matcher.isAny) return this.#anyTopic.has(cohort)
    if (isExact(matcher)) return this.#topics.get(matcher.pattern)?.has(cohort) === true
    return this.#patterns.has(matcher, cohort)
  }
}
