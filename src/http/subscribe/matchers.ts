import { HubError } from '../../protocol/errors.ts'
import { compileMatcher, type Matcher, type MatchType } from '../../protocol/matcher.ts'
import { requireCost } from '../../protocol/pattern-cost.ts'
import { compileSelector } from '../../protocol/legacy/selector.ts'
import type { Slice } from '../../protocol/slice.ts'
import type { Form } from '../request/form.ts'

/** Matchers that one subscription may have, of all types together (draft-08 § 1.2). */
export const maxMatchers = 100

export interface MatcherRules {
  readonly hubUrl: string
  /** Protocol 0.x is spoken too. */
  readonly speaksLegacy?: boolean
  /** What all patterns may cost together; 0 for no limit. */
  readonly mostCost?: number
}

/** What compiling a pattern costs for each of its characters, in steps: 5 ms for the worst 4 KB we know. */
const compileSteps = 300

/** Parameter names and the matcher types they stand for, in the order subscriptions are numbered. */
const parameters: readonly (readonly [name: string, type: MatchType])[] = [
  ['match', 'exact'],
  ['match_exact', 'exact'],
  ['match_urlpattern', 'urlpattern'],
]

/**
 * Reads the matchers of a subscription, in portions.
 *
 * Names are case-sensitive, and everything else that begins like `match`, in any case, is reserved for
 * later versions of the protocol. `topic` is a selector of 0.x, and comes behind them.
 *
 * @throws HubError `invalid_matcher`
 */
export function* parsingMatchers(
  form: Form,
  { hubUrl, speaksLegacy = false, mostCost = 0 }: MatcherRules,
  slice: Slice,
): Generator<undefined, readonly Matcher[]> {
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
  const matchers: Matcher[] = []
  let cost = 0
  const add = (matcher: Matcher) => {
    matchers.push(matcher)
    requireCost((cost += matcher.cost), mostCost) // before the next one is compiled
  }
  for (const { type, pattern } of wanted) {
    if (type !== 'exact' && slice.spend(pattern.length * compileSteps)) yield
    add(compileMatcher(type, pattern, hubUrl))
  }
  for (const selector of speaksLegacy ? form.getAll('topic') : []) {
    if (slice.spend(selector.length * compileSteps)) yield
    add(compileSelector(selector))
  }
  return matchers
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
