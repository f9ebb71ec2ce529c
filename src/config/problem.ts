/** A configuration that cannot be used. The message lists every problem, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  /** @param hints what may explain them: variables of others, which nobody reads */
  constructor(problems: readonly string[], hints: readonly string[] = []) {
    super([...problems, ...hints].join('\n'))
    this.problems = problems
  }
}

/** One line: the option, the rule, the value received, and where it came from. */
export function problem(
  name: string,
  expected: string,
  got: string,
  origin: string | undefined,
): string {
  return `${name}: expected ${expected}, got ${got}${origin === undefined ? '' : ` (from ${origin})`}`
}

const maxQuoted = 100

/** A value as a message may show it: quoted, shortened, and without the password of a URL. */
export function quote(value: string): string {
  const withoutPassword = value.replace(/(:\/\/).*@/s, '$1***@')
  const isLong = withoutPassword.length > maxQuoted
  return JSON.stringify(isLong ? `${withoutPassword.slice(0, maxQuoted)}…` : withoutPassword)
}

/** What a message says of a value that may be anything. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value)
  if (value === undefined || value === null) return 'nothing'
  return Array.isArray(value) ? 'a list' : 'a map'
}

/** Stands for a value that must not be shown. */
export function conceal(value: string): string {
  return `a value of ${value.length} characters`
}
