import { HubError } from '../../protocol/errors.ts'
import { compileMatcher, type Matcher, type MatchType } from '../../protocol/matcher.ts'
import type { Form } from '../request/form.ts'
import { parseSelectors } from '../request/legacy.ts'

/** Matchers that one subscription may have, of all types together (draft-08 § 1.2). */
export const maxMatchers = 100

/** Parameter names and the matcher types they stand for, in the order subscriptions are numbered. */
const parameters: readonly (readonly [name: string, type: MatchType])[] = [
  ['match', 'exact'],
  ['match_exact', 'exact'],
  ['match_urlpattern', 'urlpattern'],
]

/**
 * Reads the matchers of a subscription.
 *
 * Names are case-sensitive, and everything else that begins like `match`, in any case, is reserved for
 * later versions of the protocol. `topic` is a selector of 0.x, and comes behind them.
 *
 * @throws HubError `invalid_matcher`
 */
export function parseMatchers(form: Form, hubUrl: string, speaksLegacy = false): Matcher[] {
  for (const [name] of form.fields) refuseReserved(name, speaksLegacy)
  const wanted = parameters.flatMap(([name, type]) =>
    form.getAll(name).map((pattern) => ({ type, pattern })),
  )
  const count = wanted.length + (speaksLegacy ? form.getAll('topic').length : 0)
  if (count === 0)
    throw new HubError(
      'invalid_matcher',
      `a subscription needs at least one "match" or "match_urlpattern" parameter${speaksLegacy ? ', or "topic" as in protocol 0.x' : ''}`,
    )
  if (count > maxMatchers)
    throw new HubError(
      'invalid_matcher',
      `a subscription may have at most ${maxMatchers} matchers`,
      {
        limit: 'matchers',
      },
    )
  const matchers = wanted.map(({ type, pattern }) => compileMatcher(type, pattern, hubUrl))
  return speaksLegacy ? [...matchers, ...parseSelectors(form)] : matchers
}

function refuseReserved(name: string, speaksLegacy: boolean): void {
  if (name === 'topic' && !speaksLegacy)
    throw new HubError(
      'invalid_matcher',
      'the parameter "topic" belongs to protocol 0.x: use "match" or "match_urlpattern", or let the operator set protocol_version_compatibility',
    )
  const isKnown = parameters.some(([known]) => known === name)
  if (!isKnown && /^match/i.test(name))
    throw new HubError(
      'invalid_matcher',
      'parameters that begin with "match" are reserved; known are match, match_exact and match_urlpattern',
    )
}
