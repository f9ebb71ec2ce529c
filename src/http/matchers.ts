import { HubError } from '../protocol/errors.ts'
import { compileMatcher, type Matcher, type MatchType } from '../protocol/matcher.ts'
import type { Form } from './form.ts'

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
 * later versions of the protocol.
 *
 * @throws HubError `invalid_matcher`
 */
export function parseMatchers(form: Form, hubUrl: string): Matcher[] {
  for (const [name] of form.fields) refuseReserved(name)
  const wanted = parameters.flatMap(([name, type]) =>
    form.getAll(name).map((pattern) => ({ type, pattern })),
  )
  if (wanted.length === 0)
    throw new HubError(
      'invalid_matcher',
      'a subscription needs at least one "match" or "match_urlpattern" parameter',
    )
  if (wanted.length > maxMatchers)
    throw new HubError(
      'invalid_matcher',
      `a subscription may have at most ${maxMatchers} matchers`,
      {
        limit: 'matchers',
      },
    )
  return wanted.map(({ type, pattern }) => compileMatcher(type, pattern, hubUrl))
}

function refuseReserved(name: string): void {
  if (name === 'topic')
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
