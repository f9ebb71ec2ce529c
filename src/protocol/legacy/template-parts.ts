import { escapedDigits } from './template-text.ts'

/** What a template consists of: literal text and expressions. */
export type Piece = string | Expression

/**
 * What an expression expands to, whatever its variables are: perhaps nothing; else the operator's own
 * character, a run of characters, and up to `more` further runs, each behind a separator.
 */
export interface Expression {
  /** Empty for `{v}` and `{+v}`, which are a run and nothing else. */
  readonly first: string
  readonly run: ReadonlySet<string>
  readonly separator: string
  readonly more: number
}

const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'
const reserved = "!#$&'()*+,/:;=?@[]"
const escapes = `%${escapedDigits.join('')}`

const plain = new Set(`${unreserved},${escapes}`)
const named = new Set([...plain, '='])
const any = new Set(`${unreserved}${reserved}${escapes}`)

/** Runs that include a separator: what any number of runs makes. */
const unbounded = new Map(
  ['/', ';', '&'].map((separator) => [separator, new Set([...named, separator])]),
)

interface Operator {
  readonly first: string
  readonly separator: string
  readonly run: ReadonlySet<string>
}

/** RFC 6570 appendix A, as far as it decides what an expansion may look like. */
const operators: Readonly<Record<string, Operator>> = {
  '': { first: '', separator: ',', run: plain },
  '+': { first: '', separator: ',', run: any },
  '#': { first: '#', separator: ',', run: any },
  '.': { first: '.', separator: '.', run: plain },
  '/': { first: '/', separator: '/', run: plain },
  ';': { first: ';', separator: ';', run: named },
  '?': { first: '?', separator: '&', run: named },
  '&': { first: '&', separator: '&', run: named },
}

/** The grammar of RFC 6570 § 2.3 and § 2.4; prefix lengths are read, and mean nothing here. */
const variable =
  /^(?:[A-Za-z0-9_]|%[\da-fA-F]{2})(?:\.?(?:[A-Za-z0-9_]|%[\da-fA-F]{2}))*(?:(?<explode>\*)|:[1-9]\d{0,3})?$/

/** What no literal holds (RFC 6570 § 2.1): controls, space, quotes, brackets, stray percent signs, noncharacters. */
const notLiteral =
  /[\0-\x20"<>\\^`{|}\x7f-\x9f\ufdd0-\ufdef\ufff0-\uffff\p{Surrogate}\p{Noncharacter_Code_Point}]|%(?![\da-fA-F]{2})/u

/** Takes a template apart; undefined when it is none. */
export function parseTemplate(text: string): readonly Piece[] | undefined {
  const pieces: Piece[] = []
  for (let at = 0; at < text.length;) {
    const open = text.indexOf('{', at)
    const literal = text.slice(at, open < 0 ? text.length : open)
    if (notLiteral.test(literal)) return undefined
    if (literal !== '') pieces.push(literal)
    if (open < 0) break
    const close = text.indexOf('}', open)
    const expression = close < 0 ? undefined : parseExpression(text.slice(open + 1, close))
    if (expression === undefined) return undefined
    pieces.push(expression)
    at = close + 1
  }
  return pieces
}

function parseExpression(text: string): Expression | undefined {
  const sign = /^[+#./;?&]/.exec(text)?.[0] ?? ''
  const operator = operators[sign]
  const variables = text
    .slice(sign.length)
    .split(',')
    .map((spec) => variable.exec(spec))
  if (operator === undefined || variables.includes(null)) return undefined

  const { first, separator, run } = operator
  const explodes = variables.some((found) => found?.groups?.['explode'] !== undefined)
  const isSeparatorTaken = run.has(separator)
  if (!explodes) return { first, run, separator, more: isSeparatorTaken ? 0 : variables.length - 1 }
  const wider = unbounded.get(separator) ?? (run === any ? any : named)
  return { first, run: wider, separator, more: 0 }
}
