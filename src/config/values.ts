import type { Option } from './options/kinds.ts'
import { type OptionName, optionNames, options, type Values } from './options/table.ts'
import { conceal, problem, quote } from './problem.ts'
import type { Given, Readings } from './sources/sources.ts'

/** Every option's value. Those whose text broke a rule have their default, and are named in `failed`. */
export interface ReadValues {
  readonly values: Values
  readonly failed: ReadonlySet<OptionName>
  readonly problems: readonly string[]
}

export function readValues(given: Readings['given']): ReadValues {
  const problems: string[] = []
  const failed = new Set<OptionName>()
  const values = optionNames.map((name) => {
    const option: Option<unknown> = options[name]
    const reading = given.get(name)
    const parsed = option.parse(reading?.text ?? option.default)
    if (parsed.expected === undefined) return [name, parsed.value]
    for (const { expected, got } of [parsed, ...(parsed.more ?? [])])
      problems.push(broken(name, option, expected, got, reading))
    failed.add(name)
    return [name, valueOf(option, option.default)]
  })
  return { values: Object.fromEntries(values) as Values, failed, problems } // one entry per row of the table
}

function broken(
  name: OptionName,
  option: Option<unknown>,
  expected: string,
  part: string | undefined,
  reading: Given | undefined,
): string {
  const text = part ?? reading?.text ?? ''
  return problem(name, expected, option.isSecret ? conceal(text) : quote(text), reading?.origin)
}

function valueOf(option: Option<unknown>, text: string): unknown {
  const parsed = option.parse(text)
  if (parsed.expected !== undefined) throw new TypeError(`a default breaks its own rule: ${text}`)
  return parsed.value
}
