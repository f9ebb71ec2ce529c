import { parseComponents, type UrlComponents } from './url-pattern/url-components.ts'

/**
 * A topic of an update, with its URL parsed at most once per base, however many patterns look at it.
 *
 * An absolute topic never depends on the base; a relative one is resolved against the hub's URL
 * (draft-08 § 1.5, decision 6). A topic that is no URL reference has no components and matches no
 * URL Pattern but `*`.
 */
export class Topic {
  readonly value: string
  #absolute: UrlComponents | undefined | null = null
  #relative: Map<string, UrlComponents | undefined> | undefined

  constructor(value: string) {
    this.value = value
  }

  components(base: string): UrlComponents | undefined {
    if (this.#absolute === null) this.#absolute = parseComponents(this.value)
    return this.#absolute ?? this.#resolvedAgainst(base)
  }

  #resolvedAgainst(base: string): UrlComponents | undefined {
    this.#relative ??= new Map()
    if (!this.#relative.has(base)) this.#relative.set(base, parseComponents(this.value, base))
    return this.#relative.get(base)
  }
}
