import type { Cohort } from '../cohort.ts'

/** Exact topics → cohorts. A publish costs one look-up per topic, however many are subscribed to. */
export class TopicIndex {
  readonly #cohorts = new Map<string, Set<Cohort>>()

  get size(): number {
    return this.#cohorts.size
  }

  add(topic: string, cohort: Cohort): void {
    const cohorts = this.#cohorts.get(topic)
    if (cohorts === undefined) this.#cohorts.set(topic, new Set([cohort]))
    else cohorts.add(cohort)
  }

  remove(topic: string, cohort: Cohort): void {
    const cohorts = this.#cohorts.get(topic)
    if (cohorts?.delete(cohort) === true && cohorts.size === 0) this.#cohorts.delete(topic)
  }

  get(topic: string): ReadonlySet<Cohort> | undefined {
    return this.#cohorts.get(topic)
  }

  *entries(): Generator<[string, Cohort]> {
    for (const [topic, cohorts] of this.#cohorts)
      for (const cohort of cohorts) yield [topic, cohort]
  }
}
