import { type ComponentName, parseComponents } from '../url-components.ts'
import type { PatternStrings } from './constructor-string.ts'
import { notAPattern } from '../errors.ts'

/**
 * From the least to the most specific. A pattern takes from its base what comes before the first
 * component it names itself; it never takes a username or password.
 */
const specificity = [
  'protocol',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const satisfies readonly ComponentName[]

/** Completes the pattern strings of a relative pattern with those of its base (URL Pattern § 3.2). */
export function inheritFrom(base: string, given: PatternStrings): PatternStrings {
  const components = parseComponents(base)
  if (components === undefined) throw notAPattern('it is relative, and its base is no URL')
  const result = { ...given }
  for (const name of specificity) {
    if (given[name] !== undefined) break
    result[name] = escapePatternString(components[name])
  }
  if (given.pathname !== undefined)
    result.pathname = resolvePathname(given.pathname, base, components.pathname)
  return result
}

/** A relative path begins beside the last segment of the base's path, except under an opaque one. */
function resolvePathname(pathname: string, base: string, basePathname: string): string {
  if (isAbsolutePathname(pathname) || hasOpaquePath(base)) return pathname
  const directory = basePathname.slice(0, basePathname.lastIndexOf('/') + 1)
  return escapePatternString(directory) + pathname
}

function isAbsolutePathname(pathname: string): boolean {
  return /^[\\{]?\//.test(pathname)
}

/** Nothing relative can be resolved against `data:text`. */
function hasOpaquePath(base: string): boolean {
  return !URL.canParse('./', base)
}

/** Takes from literal text whatever it would mean in a pattern. */
function escapePatternString(text: string): string {
  return text.replace(/[+*?:{}()\\]/g, '\\$&')
}
