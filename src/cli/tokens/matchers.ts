import { quote } from '../../config/problem.ts'
import { HubError } from '../../protocol/errors.ts'
import { compileMatcher } from '../../protocol/matcher.ts'
import type { Arguments } from '../arguments.ts'

/** Flags whose values are matchers, by type. */
export interface MatcherFlags {
  readonly exact: readonly string[]
  readonly urlpattern: readonly string[]
}

/** Tells every matcher that no hub would take, in the hub's words, before anything is sent or signed. */
export function checkMatchers(args: Arguments, flags: MatcherFlags, base: string): void {
  for (const type of ['exact', 'urlpattern'] as const)
    for (const flag of flags[type])
      for (const text of args.list(flag)) checkMatcher(args, flag, type, text, base)
}

function checkMatcher(
  args: Arguments,
  flag: string,
  type: 'exact' | 'urlpattern',
  text: string,
  base: string,
): void {
  const noun = type === 'exact' ? 'a topic' : 'a URL Pattern'
  if (text === '') return args.refuse(flag, noun, '""')
  try {
    compileMatcher(type, text, base)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    args.refuse(flag, `${noun} that the hub takes (${error.message})`, quote(text))
  }
}
