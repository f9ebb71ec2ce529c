import type { LRUCache } from 'lru-cache'
import type { Matcher } from '../protocol/matcher.ts'
import type { Topic } from '../protocol/topic.ts'
import type { Cohort } from './cohort.ts'

/** (pattern, topic) → does it match. Bounded in entries and bytes; shared by all shards. */
export type MatchCache = LRUCache<string, boolean>

/** Segments of a path that the index looks at; deeper literals are left to the pattern itself. */
const maxDepth = 16

interface Row {
  readonly number: number
  readonly matcher: Matcher
  readonly cohorts: Set<Cohort>
}

type Buckets = Map<string, Set<Row>>

let rowCount = 0

/**
 * URL Patterns → cohorts, so that a publish tries only the patterns that could match.
 *
 * Each distinct pattern stands in a bucket named after the literal beginning of its path, cut at the
 * last slash; a topic looks into one bucket for each of its path's directories. In a bucket, the
 * pattern's literal host is compared before the pattern itself runs. So the cost of a publish grows
 * with the patterns that share its host and directories, not with subscribers. Buckets are kept per
 * base, because a relative topic is another URL under each; a hub has one base, or a few. Patterns
 * over plain text have buckets of their own, named after what their topics begin with.
 */
export class PatternIndex {
  readonly #rows = new Map<string, Row>()
  readonly #bases = new Map<string, Buckets>()
  readonly #texts: Buckets = new Map()
  readonly #cache: MatchCache
  /** Results that the cache had, and that it had not. */
  hits = 0
  misses = 0

  constructor(cache: MatchCache) {
    this.#cache = cache
  }

  get size(): number {
    return this.#rows.size
  }

  add(matcher: Matcher, cohort: Cohort): void {
    let row = this.#rows.get(matcher.key)
    if (row === undefined) {
      row = { number: ++rowCount, matcher, cohorts: new Set() }
      this.#rows.set(matcher.key, row)
      this.#bucketFor(row).add(row)
    }
    row.cohorts.add(cohort)
  }

  remove(matcher: Matcher, cohort: Cohort): void {
    const row = this.#rows.get(matcher.key)
    if (row?.cohorts.delete(cohort) !== true || row.cohorts.size > 0) return
    this.#rows.delete(matcher.key)
    const buckets = this.#bucketsOf(matcher)
    const name = bucketOf(matcher)
    const bucket = buckets.get(name)
    if (bucket?.delete(row) === true && bucket.size === 0) buckets.delete(name)
    if (buckets.size === 0) this.#bases.delete(matcher.base)
  }

  /** The cohorts with a pattern that selects `topic`, each once per pattern. */
  *matching(topic: Topic): Generator<Cohort> {
    for (const [base, buckets] of this.#bases) {
      const components = topic.components(base)
      if (components === undefined) continue
      for (const name of bucketsFor(components.pathname))
        for (const row of buckets.get(name) ?? [])
          if (this.#matches(row, topic, components.hostname)) yield* row.cohorts
    }
    if (this.#texts.size === 0) return
    for (const name of bucketsFor(topic.value))
      for (const row of this.#texts.get(name) ?? [])
        if (this.#matches(row, topic)) yield* row.cohorts
  }

  has(matcher: Matcher, cohort: Cohort): boolean {
    return this.#rows.get(matcher.key)?.cohorts.has(cohort) === true
  }

  *entries(): Generator<[Matcher, Cohort]> {
    for (const { matcher, cohorts } of this.#rows.values())
      for (const cohort of cohorts) yield [matcher, cohort]
  }

  #bucketsOf({ base, prefix }: Matcher): Buckets {
    if (prefix !== undefined) return this.#texts
    let buckets = this.#bases.get(base)
    if (buckets === undefined) this.#bases.set(base, (buckets = new Map()))
    return buckets
  }

  #bucketFor({ matcher }: Row): Set<Row> {
    const buckets = this.#bucketsOf(matcher)
    const name = bucketOf(matcher)
    let bucket = buckets.get(name)
    if (bucket === undefined) buckets.set(name, (bucket = new Set()))
    return bucket
  }

  #matches({ matcher, number }: Row, topic: Topic, hostname?: string): boolean {
    const literal = matcher.urlPattern?.literal
    if (literal?.hostname !== undefined && literal.hostname !== hostname) return false
    const key = `${number} ${topic.value}`
    const known = this.#cache.get(key)
    if (known !== undefined) {
      this.hits++
      return known
    }
    this.misses++
    const matches = matcher.matches(topic)
    this.#cache.set(key, matches)
    return matches
  }
}

function bucketOf(matcher: Matcher): string {
  const literal = matcher.prefix ?? matcher.urlPattern?.literal.pathname ?? ''
  return directories(literal).at(-1) ?? ''
}

function bucketsFor(pathname: string): readonly string[] {
  return ['', ...directories(pathname)]
}

/** `/a/b/c` → `/`, `/a/`, `/a/b/`. */
function directories(path: string): string[] {
  const found: string[] = []
  for (let slash = path.indexOf('/'); slash >= 0 && found.length < maxDepth;) {
    found.push(path.slice(0, slash + 1))
    slash = path.indexOf('/', slash + 1)
  }
  return found
}
