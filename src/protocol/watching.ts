import type { Grants } from './grants.ts'
import type { Matcher } from './matcher.ts'
import { subscriptionsPath } from './subscription.ts'
import { Topic } from './topic.ts'

const namespace = new Topic(subscriptionsPath)
const segments = subscriptionsPath.split('/').slice(1)
/** Type, match and subscriber follow. */
const depth = segments.length + 3

/**
 * Whether somebody with these matchers and grants may hear of subscriptions; true in doubt. Who does
 * not has lost nothing when subscription events are lost.
 */
export function mayWatchSubscriptions(matchers: readonly Matcher[], grants: Grants): boolean {
  if (!matchers.some(maySelect)) return false
  return grants.details.some(
    ({ actions, topics }) => actions.has('subscribe') && topics.some(maySelect),
  )
}

/** Whether a matcher may select the topic of a subscription event; it does not look at what is behind a group. */
function maySelect({ isAny, prefix, urlPattern, pattern, base }: Matcher): boolean {
  if (isAny) return true
  if (prefix !== undefined)
    return prefix.startsWith(subscriptionsPath) || subscriptionsPath.startsWith(prefix)
  if (urlPattern === undefined) return pattern.startsWith(`${subscriptionsPath}/`)
  const { hostname } = urlPattern.literal
  if (hostname !== undefined && hostname !== namespace.components(base)?.hostname) return false
  const shape = urlPattern.pathShape
  const known = shape.segments.at(0) === '' ? shape.segments.slice(1) : shape.segments
  if (shape.isWhole && known.length !== depth) return false
  return segments.every((segment, index) => known[index] === undefined || known[index] === segment)
}
