import { CharacterSet, type CharacterTest, single } from './character-set.ts'
import { refused, tooComplex } from '../errors.ts'

/**
 * Reads the source of a character class or escape, with the meaning of the `v` flag.
 *
 * V8 has accepted the source before, so only its meaning is left. It must not be *run* by V8: with
 * Node 20, `[^\P{Any}]` ends the process by a segmentation fault, and `[^]+` matches wrongly. Of V8
 * we ask only what belongs to a property of Unicode, which is no class and is never negated.
 */
export function characterSet(source: string): CharacterSet {
  const operand = source.startsWith('[') ? new ClassReader(source).read() : escaped(source)
  return typeof operand === 'number' ? single(operand) : new CharacterSet(operand)
}

/** A code point, which may begin a range, or a whole set. */
type Operand = number | CharacterTest

/** Deeper nested classes are refused, so that reading and testing may recurse. */
const maxDepth = 16

/** `\` and all that belongs to it; a pair of surrogate escapes is one code point. */
export const escapeSource =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|[^])/y

class ClassReader {
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  read(): CharacterTest {
    this.#depth++
    if (this.#depth > maxDepth) throw tooComplex()
    this.#at++
    const isNegated = this.#skip('^')
    const contents = this.#contents()
    this.#depth--
    return isNegated ? (code) => !contents(code) : contents
  }

  /** One of union, intersection and subtraction: the `v` flag lets nobody mix them. */
  #contents(): CharacterTest {
    const operands: CharacterTest[] = []
    let operator = ''
    while (!this.#skip(']')) {
      for (const sign of ['--', '&&']) if (this.#skip(sign)) operator = sign
      operands.push(this.#rangeOrOperand())
    }
    if (operator === '&&') return (code) => operands.every((has) => has(code))
    const [first, ...others] = operands
    if (operator === '--' && first !== undefined)
      return (code) => first(code) && !others.some((has) => has(code))
    return (code) => operands.some((has) => has(code))
  }

  #rangeOrOperand(): CharacterTest {
    const from = this.#operand()
    if (typeof from !== 'number') return from
    if (this.#source.startsWith('--', this.#at) || !this.#skip('-')) return (code) => code === from
    const to = this.#operand()
    return (code) => code >= from && typeof to === 'number' && code <= to
  }

  #operand(): Operand {
    if (this.#source[this.#at] === '[') return this.read()
    if (this.#source[this.#at] !== '\\') return this.#source.charCodeAt(this.#at++)
    escapeSource.lastIndex = this.#at
    const source = escapeSource.exec(this.#source)?.[0] ?? ''
    this.#at += source.length
    return escaped(source)
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }
}

function escaped(source: string): Operand {
  const letter = source.charAt(1)
  if (/[1-9k]/.test(letter)) throw refused('back-references are not supported in a URL Pattern')
  if (letter === 'q') throw setOfStrings()
  if (letter === 'p' || letter === 'P') return property(source)
  return classEscapes[letter] ?? controlEscapes[letter] ?? codePoint(source)
}

const classEscapes: Readonly<Record<string, CharacterTest>> = {
  d: isDigit,
  D: (code) => !isDigit(code),
  w: isWord,
  W: (code) => !isWord(code),
  s: isSpace,
  S: (code) => !isSpace(code),
}

/** `\b` is a backspace within a class; outside of one it never comes here. */
const controlEscapes: Readonly<Record<string, number>> = {
  0: 0,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
}

function codePoint(source: string): number {
  const letter = source.charAt(1)
  if (letter === 'c') return source.charCodeAt(2) & 31
  if (letter !== 'x' && letter !== 'u') return source.charCodeAt(1)
  const [unit = 0, low] = source.match(/[\da-f]+/gi)?.map((hex) => Number.parseInt(hex, 16)) ?? []
  return low === undefined ? unit : 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** What `\w` and `\b` call a word character: ASCII only, without the `i` flag. */
export function isWord(code: number): boolean {
  return isDigit(code) || code === 0x5f || isLetter(code)
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

function isSpace(code: number): boolean {
  return /\s/.test(String.fromCodePoint(code))
}

/** The `u` flag knows all properties of characters, and none of strings. */
function property(source: string): CharacterTest {
  const members = matcherOf(source.toLowerCase().slice(0, 2) + source.slice(2))
  const has: CharacterTest = (code) => members.test(String.fromCodePoint(code))
  return source.startsWith('\\P') ? (code) => !has(code) : has
}

function matcherOf(property: string): RegExp {
  try {
    return new RegExp(`^${property}$`, 'u')
  } catch {
    throw setOfStrings()
  }
}

function setOfStrings(): Error {
  return refused('sets of strings are not supported in a URL Pattern')
}
