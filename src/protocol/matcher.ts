import { HubError } from './errors.ts'
import type { Slice } from './slice.ts'
import { isPlainText, utf8Length } from './text.ts'
import type { Topic } from './topic.ts'
import { UrlPattern } from './url-pattern/url-pattern.ts'

/** The matcher types of draft-08 § 1.5, spelled as tokens and documents spell them. */
export type MatchType = 'exact' | 'urlpattern'

/** Bytes of UTF-8 that a matcher may have (draft-08 § 1.2). */
export const maxMatcherBytes = 4096

/**
 * Says which topics somebody wants, or may have.
 *
 * `*` selects every topic, whatever the type. `key` is equal for matchers that select the same
 * topics: type, pattern and, for a URL Pattern, its base. URI Templates come from protocol 0.x.
 */
export interface Matcher {
  readonly type: MatchType | 'uritemplate'
  readonly pattern: string
  readonly key: string
  readonly isAny: boolean
  /** The URL that a URL Pattern, and the relative topics it looks at, are resolved against; else empty. */
  readonly base: string
  /** The compiled URL Pattern; undefined for every other matcher, and for `*`. */
  readonly urlPattern: UrlPattern | undefined
  /** What each topic begins with that a pattern over plain text selects; undefined for every other matcher. */
  readonly prefix: string | undefined
  /** Steps for each character of a topic, at most; none where literal text decides. */
  readonly cost: number
  matches(topic: Topic): boolean
  /** The same in portions, for topics and patterns that take long; absent where nothing does. */
  matching?(topic: Topic, slice: Slice): Generator<undefined, boolean>
}

/** What looking at a topic costs besides, in steps. */
const lookSteps = 16
/** A topic that takes no more than so many steps is tried in one go. */
const smallSteps = 8_192

/** Tries a matcher, and counts what that costs. */
export function* tried(
  matcher: Matcher,
  topic: Topic,
  slice: Slice,
): Generator<undefined, boolean> {
  if (slice.spend(stepsToLook(topic))) yield
  if (matcher.cost === 0 || matcher.matching === undefined) return matcher.matches(topic)
  return yield* matcher.matching(topic, slice)
}

/** What is spent before a matcher is tried; a program counts its own steps when it reads in portions. */
export function stepsToLook({ value }: Topic): number {
  return lookSteps + (value.length >>> 3)
}

/** Whether a matcher takes so few steps for a topic that portions would cost more. */
export function isTriedAtOnce({ cost }: Matcher, { value }: Topic): boolean {
  return cost * value.length <= smallSteps
}

/**
 * Compiles a matcher.
 *
 * @param base the hub's URL, against which a relative URL Pattern is resolved
 * @throws HubError `invalid_matcher` when the pattern is too long, holds a control or formatting
 *   character, or is no URL Pattern; its message never carries the compiler's text
 */
export function compileMatcher(type: MatchType, pattern: string, base: string): Matcher {
  if (utf8Length(pattern) > maxMatcherBytes)
    throw new HubError(
      'invalid_matcher',
      `a matcher must be at most ${maxMatcherBytes} bytes long`,
      {
        limit: 'topic_size',
      },
    )
  if (!isPlainText(pattern))
    throw new HubError(
      'invalid_matcher',
      'a matcher must not hold control or formatting characters',
    )
  if (pattern === '*') return anyTopic(type)
  return type === 'exact' ? exact(pattern) : matching(pattern, base)
}

/** True when the matcher selects one topic, which is its pattern. */
export function isExact({ isAny, urlPattern, prefix }: Matcher): boolean {
  return !isAny && urlPattern === undefined && prefix === undefined
}

function anyTopic(type: MatchType): Matcher {
  return {
    type,
    pattern: '*',
    key: `${type}:*`,
    isAny: true,
    base: '',
    urlPattern: undefined,
    prefix: undefined,
    cost: 0,
    matches: () => true,
  }
}

function exact(pattern: string): Matcher {
  return {
    type: 'exact',
    pattern,
    key: `exact:${pattern}`,
    isAny: false,
    base: '',
    urlPattern: undefined,
    prefix: undefined,
    cost: 0,
    matches: (topic) => topic.value === pattern,
  }
}

function matching(pattern: string, base: string): Matcher {
  const urlPattern = UrlPattern.compile(pattern, base)
  return {
    type: 'urlpattern',
    pattern,
    key: `urlpattern:${base} ${pattern}`,
    isAny: false,
    base,
    urlPattern,
    prefix: undefined,
    cost: urlPattern.cost,
    matches: (topic) => {
      const components = topic.components(base)
      return components !== undefined && urlPattern.test(components)
    },
    *matching(topic, slice) {
      const components = topic.components(base)
      return components !== undefined && (yield* urlPattern.testing(components, slice))
    },
  }
}
