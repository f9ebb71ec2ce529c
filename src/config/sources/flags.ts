import { parseArgs } from 'node:util'
import { didYouMean } from './did-you-mean.ts'
import { quote } from '../problem.ts'

/** What follows a flag: nothing (`switch`, or `--flag=0`), one text, or a text each time it is given. */
export type FlagKind = 'switch' | 'text' | 'list'

export interface Flags {
  /** The texts of each flag that was given, in order; a bare switch is `1`. */
  readonly texts: ReadonlyMap<string, readonly string[]>
  readonly positionals: readonly string[]
  readonly problems: readonly string[]
}

/** Reads `--name value` and `--name=value`; names without dashes. Everything wrong is reported, nothing thrown. */
export function readFlags(
  argv: readonly string[],
  kinds: Readonly<Record<string, FlagKind>>,
): Flags {
  const texts = new Map<string, string[]>()
  const problems: string[] = []
  const { tokens, positionals } = tokenize(argv, kinds)
  for (const token of tokens) {
    const kind = Object.hasOwn(kinds, token.name) ? kinds[token.name] : undefined
    const given = texts.get(token.name) ?? []
    if (kind === undefined || !token.rawName.startsWith('--')) {
      problems.push(unknownFlag(token.rawName, kinds))
    } else if (kind !== 'list' && given.length > 0) {
      problems.push(`${token.rawName}: given more than once`)
    } else if (kind === 'switch') {
      texts.set(token.name, [token.value ?? '1'])
    } else if (token.value === undefined || isSwallowedFlag(token, kinds)) {
      problems.push(`${token.rawName}: expected a value, got ${nothingOr(token.value)}`)
    } else {
      texts.set(token.name, [...given, token.value])
    }
  }
  return { texts, positionals, problems }
}

interface FlagToken {
  readonly name: string
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

function tokenize(argv: readonly string[], kinds: Readonly<Record<string, FlagKind>>) {
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(kinds).map(([name, kind]) => [
        name,
        { type: kind === 'switch' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
    allowPositionals: true,
    strict: false, // strict stops at the first mistake; we report them all
    tokens: true,
  })
  return {
    tokens: tokens.filter((token): token is FlagToken & typeof token => token.kind === 'option'),
    positionals,
  }
}

/** `--heartbeat --port 3000` forgot a value; `--key "-----BEGIN …"` did not. */
function isSwallowedFlag(token: FlagToken, kinds: Readonly<Record<string, FlagKind>>): boolean {
  if (token.inlineValue === true || !token.value?.startsWith('--')) return false
  return Object.hasOwn(kinds, token.value.slice(2).replace(/=.*$/s, ''))
}

function unknownFlag(rawName: string, kinds: Readonly<Record<string, FlagKind>>): string {
  const known = Object.keys(kinds).map((name) => `--${name}`)
  return `${rawName}: unknown flag${didYouMean(rawName.replaceAll('_', '-'), known)}`
}

function nothingOr(value: string | undefined): string {
  return value === undefined ? 'nothing' : quote(value)
}
