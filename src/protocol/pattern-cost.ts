import { HubError } from './errors.ts'
import type { Matcher } from './matcher.ts'

/**
 * Steps for each character of a topic that any pattern may cost: `https://example.com/books/:id` costs 1,
 * each choice in a group, such as `(en|fr)` or `{/:page}?`, one or two more.
 */
export const ordinaryCost = 8

/** What all patterns of one stream may cost together, in steps for each character of a topic. */
export function costOf(matchers: readonly Matcher[]): number {
  return matchers.reduce((sum, { cost }) => sum + cost, 0)
}

/** What they cost beyond the ordinary: that is nothing for nearly everybody. */
export function extraCostOf(matchers: readonly Matcher[]): number {
  return matchers.reduce((sum, { cost }) => sum + Math.max(0, cost - ordinaryCost), 0)
}

/** What an address is charged for a stream. */
export function patternCostOf({
  matchers,
  grants,
}: {
  readonly matchers: readonly Matcher[]
  readonly grants: { readonly extraCost: number }
}): number {
  return extraCostOf(matchers) + grants.extraCost
}

/** @throws HubError `invalid_matcher` when the patterns of one stream cost more than `most`; 0 for no limit */
export function requireCost(cost: number, most: number): void {
  if (most > 0 && cost > most)
    throw new HubError(
      'invalid_matcher',
      `the patterns of a stream may cost ${most} steps per character of a topic together, and these cost ${cost}: ask for fewer, or simpler ones (max_pattern_cost_per_subscriber)`,
      { limit: 'max_pattern_cost_per_subscriber' },
    )
}
