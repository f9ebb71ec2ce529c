import { type FlagKind, type Flags, readFlags } from '../config/sources/flags.ts'
import { boolean, type Parser } from '../config/options/parsers.ts'
import { problem, quote } from '../config/problem.ts'
import { talk } from './output.ts'

/** A command called in a way it does not understand: exit code 2. One line per problem. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What every command understands: how it talks. */
export const manners = { json: 'switch', quiet: 'switch' } as const

/**
 * What a command was called with.
 *
 * Mistakes are collected, so that the caller hears of all of them at once: `expect()` throws when
 * there are any.
 */
export class Arguments {
  readonly positionals: readonly string[]
  readonly problems: string[]
  readonly #texts: Flags['texts']

  constructor(argv: readonly string[], kinds: Readonly<Record<string, FlagKind>>) {
    const { texts, positionals, problems } = readFlags(argv, { ...kinds, ...manners })
    this.#texts = texts
    this.positionals = positionals
    this.problems = [...problems]
    talk({ isJson: this.isOn('json'), isQuiet: this.isOn('quiet') })
  }

  text(flag: string): string | undefined {
    return this.#texts.get(flag)?.[0]
  }

  list(flag: string): readonly string[] {
    return this.#texts.get(flag) ?? []
  }

  isOn(flag: string): boolean {
    return this.parsed(flag, boolean) ?? false
  }

  /** The flag's value, or undefined when it was not given or breaks the parser's rule. */
  parsed<T>(flag: string, parse: Parser<T>): T | undefined {
    const text = this.text(flag)
    if (text === undefined) return undefined
    const parsed = parse(text)
    if (parsed.expected === undefined) return parsed.value
    this.refuse(flag, parsed.expected, quote(parsed.got ?? text))
    return undefined
  }

  refuse(flag: string, expected: string, got: string): void {
    const sentence = problem(`--${flag}`, expected, got, undefined)
    if (!this.problems.includes(sentence)) this.problems.push(sentence)
  }

  expectNoPositionals(): void {
    for (const one of this.positionals) this.problems.push(`unexpected argument ${quote(one)}`)
  }

  /** @throws UsageError when there was any problem so far */
  expectNoProblems(): void {
    if (this.problems.length > 0) throw new UsageError(this.problems.join('\n'))
  }
}
