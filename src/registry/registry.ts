import { LRUCache } from 'lru-cache'
import type { Entry } from '../log/log.ts'
import { Topic } from '../protocol/topic.ts'
import { Turn } from './batch.ts'
import type { Cohort, Member } from './cohort.ts'
import type { Interest } from './interest.ts'
import type { MatchCache } from './index/patterns.ts'
import { Shard } from './shard.ts'

export interface RegistryOptions {
  /** Parts that the cohorts are split into. In one process it bounds the size of each index, no more. */
  readonly shards: number
  /** (pattern, topic) results that are remembered, in total; 0 remembers none worth speaking of. */
  readonly matchCacheEntries: number
}

/** Bytes of keys that the match cache may hold: about 160 per entry of the default size. */
const matchCacheBytes = 32 * 1024 * 1024

/**
 * Who listens: the owner of the relation between live subscribers and topics.
 *
 * `route` finds the cohorts for an entry; what they have pending is then handed to a delivery pass.
 */
export class Registry {
  readonly #shards: readonly Shard[]
  readonly #cache: MatchCache
  #size = 0

  constructor({ shards, matchCacheEntries }: RegistryOptions) {
    this.#cache = new LRUCache({
      max: Math.max(1, matchCacheEntries),
      maxSize: matchCacheBytes,
      sizeCalculation: (_matches, key) => key.length + 64,
    })
    this.#shards = Array.from({ length: shards }, () => new Shard(this.#cache))
  }

  /** Members in all cohorts: the live subscribers. */
  get size(): number {
    return this.#size
  }

  /** Makes a member live: from now on it gets what `route` finds for it. */
  join(member: Member, interest: Interest): void {
    this.#shardOf(interest.key).cohort(interest).add(member)
    this.#size++
  }

  /** Takes a member out of its cohort and, when it was the last one, the cohort out of every index. */
  leave(member: Member): void {
    const cohort = member.cohort
    if (cohort === undefined) return
    cohort.remove(member)
    this.#size--
    if (cohort.size === 0) this.#shardOf(cohort.interest.key).dropIfEmpty(cohort)
  }

  /** Puts entries, in log order, into the batches of everybody who may hear them; returns who has something to deliver. */
  route(entries: readonly Entry[]): readonly Cohort[] {
    if (this.#size === 0) return []
    const turn = new Turn()
    for (const entry of entries) {
      const topics = entry.update.topics.map((topic) => new Topic(topic))
      for (const shard of this.#shards) shard.route(entry, topics, turn)
    }
    return this.#shards.flatMap((shard) => shard.takeDue())
  }

  stats(): RegistryStats {
    const total = (count: (shard: Shard) => number) =>
      this.#shards.reduce((sum, shard) => sum + count(shard), 0)
    return {
      members: this.#size,
      cohorts: total((shard) => shard.cohortCount),
      topics: total((shard) => shard.topicCount),
      patterns: total((shard) => shard.patternCount),
      shards: this.#shards.length,
      largestShard: Math.max(...this.#shards.map((shard) => shard.cohortCount)),
      smallestShard: Math.min(...this.#shards.map((shard) => shard.cohortCount)),
      matchCacheEntries: this.#cache.size,
      matchCacheBytes: this.#cache.calculatedSize,
      matchCacheHits: total((shard) => shard.cacheCounts.hits),
      matchCacheMisses: total((shard) => shard.cacheCounts.misses),
    }
  }

  /** Walks the relation in both directions. Returns what does not agree: an empty list when all is well. */
  verify(): readonly string[] {
    const faults = this.#shards.flatMap((shard) => [...shard.faults()])
    let members = 0
    for (const shard of this.#shards) for (const cohort of shard.cohorts()) members += cohort.size
    if (members !== this.#size)
      faults.push(`the registry counts ${this.#size} members, its cohorts ${members}`)
    return faults
  }

  /** Rebuilds the indexes from the cohorts. Called when `verify` found something; never throws. */
  repair(): void {
    for (const shard of this.#shards) shard.repair()
    this.#size = 0
    for (const shard of this.#shards)
      for (const cohort of shard.cohorts()) this.#size += cohort.size
  }

  #shardOf(key: string): Shard {
    const shard = this.#shards[this.#shards.length === 1 ? 0 : hash(key) % this.#shards.length]
    if (shard === undefined) throw new RangeError('a registry needs at least one shard')
    return shard
  }
}

export interface RegistryStats {
  readonly members: number
  readonly cohorts: number
  readonly topics: number
  readonly patterns: number
  readonly shards: number
  /** Cohorts of the largest and the smallest shard. */
  readonly largestShard: number
  readonly smallestShard: number
  readonly matchCacheEntries: number
  readonly matchCacheBytes: number
  readonly matchCacheHits: number
  readonly matchCacheMisses: number
}

/** FNV-1a over the key's characters. */
function hash(key: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < key.length; i++) value = Math.imul(value ^ key.charCodeAt(i), 0x01000193)
  return value >>> 0
}
