import { notAPattern } from '../errors.ts'

export type TokenType =
  | 'open'
  | 'close'
  | 'regexp'
  | 'name'
  | 'char'
  | 'escaped-char'
  | 'other-modifier'
  | 'asterisk'
  | 'end'
  | 'invalid-char'

/** `index` is where the token begins in the pattern string, in UTF-16 code units. */
export interface Token {
  readonly type: TokenType
  readonly index: number
  readonly value: string
}

/** `strict` throws where `lenient` makes an `invalid-char` token. */
export type TokenizePolicy = 'strict' | 'lenient'

interface Lexeme {
  readonly type: TokenType
  readonly value: string
  readonly next: number
}

const simpleTokens: Readonly<Record<string, TokenType>> = {
  '*': 'asterisk',
  '+': 'other-modifier',
  '?': 'other-modifier',
  '{': 'open',
  '}': 'close',
}

/** IdentifierStart and IdentifierPart of ECMAScript, without escapes. */
const identifier = /[$_\p{ID_Start}][$\u200c\u200d\p{ID_Continue}]*/uy

/** Cuts a pattern string, or a whole constructor string, into tokens (URL Pattern § 2.1.2). */
export function tokenize(input: string, policy: TokenizePolicy): readonly Token[] {
  const tokens: Token[] = []
  let index = 0
  while (index < input.length) {
    const lexeme = lexemeAt(input, index) ?? invalidChar(input, index, policy)
    tokens.push({ type: lexeme.type, index, value: lexeme.value })
    index = lexeme.next
  }
  tokens.push({ type: 'end', index, value: '' })
  return tokens
}

function lexemeAt(input: string, index: number): Lexeme | undefined {
  const char = charAt(input, index)
  const next = index + char.length
  if (char === '\\') return escapedChar(input, next)
  if (char === ':') return name(input, next)
  if (char === '(') return regexp(input, next)
  return { type: simpleTokens[char] ?? 'char', value: char, next }
}

const faults: Readonly<Record<string, string>> = {
  '\\': 'the `\\` at the end escapes nothing',
  ':': 'a name must follow `:` (a colon itself is written `\\:`)',
  '(': 'a `(` must be closed, hold ASCII only, and have no group inside but `(?:…)`',
}

/** `\`, `:` and `(` alone are what can be wrong: the token is that character, reading goes on behind it. */
function invalidChar(input: string, index: number, policy: TokenizePolicy): Lexeme {
  if (policy === 'strict') throw notAPattern(faults[input[index] ?? ''])
  return { type: 'invalid-char', value: input.slice(index, index + 1), next: index + 1 }
}

function escapedChar(input: string, start: number): Lexeme | undefined {
  if (start === input.length) return undefined
  const value = charAt(input, start)
  return { type: 'escaped-char', value, next: start + value.length }
}

function name(input: string, start: number): Lexeme | undefined {
  identifier.lastIndex = start
  const value = identifier.exec(input)?.[0]
  return value === undefined ? undefined : { type: 'name', value, next: start + value.length }
}

function regexp(input: string, start: number): Lexeme | undefined {
  const end = input[start] === '?' ? undefined : closingParenthesis(input, start)
  if (end === undefined || end === start) return undefined
  return { type: 'regexp', value: input.slice(start, end), next: end + 1 }
}

/** Where the group that opened before `start` closes; undefined when it is unclosed, not ASCII, or captures inside. */
function closingParenthesis(input: string, start: number): number | undefined {
  let depth = 1
  for (let at = start; at < input.length; at++) {
    if (input.charCodeAt(at) > 0x7f) return undefined
    if (input[at] === '\\') {
      at++
      if (!(input.charCodeAt(at) <= 0x7f)) return undefined
    } else if (input[at] === ')') {
      depth--
      if (depth === 0) return at
    } else if (input[at] === '(') {
      depth++
      if (input[at + 1] !== '?') return undefined
    }
  }
  return undefined
}

function charAt(input: string, index: number): string {
  return String.fromCodePoint(input.codePointAt(index) ?? 0)
}
