import type { LRUCache } from 'lru-cache'
import { isTriedAtOnce, type Matcher, stepsToLook, tried } from '../../protocol/matcher.ts'
import type { Slice } from '../../protocol/slice.ts'
import type { Topic } from '../../protocol/topic.ts'
import type { PathShape } from '../../protocol/url-pattern/url-pattern.ts'
import type { Cohort } from '../cohort.ts'
import { SegmentTree } from './segment-tree.ts'

/** (pattern, topic) → does it match. Bounded in entries and bytes; shared by all shards. */
export type MatchCache = LRUCache<string, boolean>

interface Row {
  readonly number: number
  readonly matcher: Matcher
  readonly cohorts: Set<Cohort>
}

/** Rows by their literal host, or under undefined when it varies. */
type Hosts = Map<string | undefined, SegmentTree<Row>>

let rowCount = 0

/**
 * URL Patterns → cohorts, so that a publish tries only the patterns that could match.
 *
 * Each distinct pattern stands under its literal host, in a tree of the segments of its path: a topic
 * meets only patterns whose literal host and segments, wherever they stand, are its own, and whose path
 * and query begin and end as its own do. So the cost of
 * a publish grows with the patterns that could match, not with subscribers (20,000 distinct ones, of which 200
 * match: 0.8 ms a publish). Trees are kept per base, because a
 * relative topic is another URL under each; a hub has one base, or a few. Patterns over plain text have
 * a tree of their own, by what their topics begin with.
 */
export class PatternIndex {
  readonly #rows = new Map<string, Row>()
  readonly #bases = new Map<string, Hosts>()
  readonly #texts = new SegmentTree<Row>()
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

  /** Nothing is left, inside either: for tests. */
  get isEmpty(): boolean {
    return this.#rows.size === 0 && this.#bases.size === 0 && this.#texts.isEmpty
  }

  add(matcher: Matcher, cohort: Cohort): void {
    let row = this.#rows.get(matcher.key)
    if (row === undefined) {
      row = { number: ++rowCount, matcher, cohorts: new Set() }
      this.#rows.set(matcher.key, row)
      this.#treeFor(matcher).add(shapeOf(matcher), row)
    }
    row.cohorts.add(cohort)
  }

  remove(matcher: Matcher, cohort: Cohort): void {
    const row = this.#rows.get(matcher.key)
    if (row?.cohorts.delete(cohort) !== true || row.cohorts.size > 0) return
    this.#rows.delete(matcher.key)
    if (matcher.prefix !== undefined) return this.#texts.remove(shapeOf(matcher), row)
    const hosts = this.#bases.get(matcher.base)
    const host = matcher.urlPattern?.literal.hostname
    const tree = hosts?.get(host)
    tree?.remove(shapeOf(matcher), row)
    if (tree?.isEmpty === true) hosts?.delete(host)
    if (hosts?.size === 0) this.#bases.delete(matcher.base)
  }

  /**
   * The cohorts that have a pattern that selects `topic`, once for each pattern; undefined comes where
   * others are due. Patterns may come and go meanwhile.
   */
  *matching(topic: Topic, slice: Slice): Generator<Cohort | undefined, void> {
    for (const row of this.#candidates(topic)) {
      if (slice.spend(rowSteps)) yield undefined
      if (row === undefined || !canMatch(row, topic)) continue
      if (slice.spend(stepsToLook(topic))) yield undefined
      const matches = this.#known(row, topic) ?? (yield* this.#tried(row, topic, slice))
      if (matches) yield* row.cohorts
    }
  }

  *#candidates(topic: Topic): Generator<Row | undefined> {
    for (const [base, hosts] of this.#bases) {
      const url = topic.components(base)
      if (url === undefined) continue
      for (const host of [url.hostname, undefined])
        yield* hosts.get(host)?.candidates(url.pathname, url.search) ?? []
    }
    yield* this.#texts.candidates(topic.value)
  }

  has(matcher: Matcher, cohort: Cohort): boolean {
    return this.#rows.get(matcher.key)?.cohorts.has(cohort) === true
  }

  *entries(): Generator<[Matcher, Cohort]> {
    for (const { matcher, cohorts } of this.#rows.values())
      for (const cohort of cohorts) yield [matcher, cohort]
  }

  #treeFor({ base, prefix, urlPattern }: Matcher): SegmentTree<Row> {
    if (prefix !== undefined) return this.#texts
    let hosts = this.#bases.get(base)
    if (hosts === undefined) this.#bases.set(base, (hosts = new Map()))
    const host = urlPattern?.literal.hostname
    let tree = hosts.get(host)
    if (tree === undefined) hosts.set(host, (tree = new SegmentTree()))
    return tree
  }

  #known(row: Row, topic: Topic): boolean | undefined {
    const known = this.#cache.get(keyOf(row, topic))
    if (known === undefined) this.misses++
    else this.hits++
    return known
  }

  *#tried(row: Row, topic: Topic, slice: Slice): Generator<undefined, boolean> {
    const { matcher } = row
    const isQuick = isTriedAtOnce(matcher, topic)
    if (isQuick && slice.spend(matcher.cost * topic.value.length)) yield
    const matches = isQuick ? matcher.matches(topic) : yield* tried(matcher, topic, slice)
    this.#cache.set(keyOf(row, topic), matches)
    return matches
  }
}

/** What a row costs that is ruled out at once, in steps. */
const rowSteps = 8

function keyOf({ number }: Row, topic: Topic): string {
  return `${number} ${topic.value}`
}

function canMatch({ matcher: { urlPattern, base } }: Row, topic: Topic): boolean {
  if (urlPattern === undefined) return true
  const url = topic.components(base)
  return url !== undefined && urlPattern.canMatch(url)
}

const noEdges = { start: '', end: '', query: '' }
const anyPath: PathShape = { segments: [], isWhole: false, last: undefined, edges: noEdges }

function shapeOf({ prefix, urlPattern }: Matcher): PathShape {
  if (prefix !== undefined)
    return {
      ...anyPath,
      segments: prefix.split('/').slice(0, -1),
      edges: { ...noEdges, start: prefix },
    }
  return urlPattern?.pathShape ?? anyPath
}
