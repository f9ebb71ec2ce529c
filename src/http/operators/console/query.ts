import { HubError } from '../../../protocol/errors.ts'

/** A parameter that stands in the query once. */
export function parameter(query: unknown, name: string): string | undefined {
  const text = (query as Record<string, unknown>)[name] // what the framework parsed: texts and lists of them
  if (text === undefined || text === '') return undefined
  if (typeof text === 'string') return text
  throw new HubError('invalid_request', `${name}: expected it once`)
}

export function wholeNumber(
  query: unknown,
  name: string,
  fallback: number,
  ceiling = Number.MAX_SAFE_INTEGER,
): number {
  const text = parameter(query, name)
  if (text === undefined) return fallback
  if (!/^\d{1,15}$/.test(text))
    throw new HubError('invalid_request', `${name}: expected a whole number`)
  return Math.min(Number(text), ceiling)
}
