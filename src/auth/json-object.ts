/** A JSON object whose members nobody has looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The first member of `object` that is one of `names` but for the case of its letters.
 *
 * Some parsers would read it, this one would not: a token that means two things is refused
 * (decision 6 of the protocol notes).
 */
export function miscased(object: JsonObject, names: readonly string[]): string | undefined {
  return Object.keys(object).find(
    (member) => !names.includes(member) && names.includes(member.toLowerCase()),
  )
}
