/**
 * A set of code points, told by one-character ECMAScript: a class, an escape, a dot.
 *
 * V8 itself says what belongs to it, with the `v` flag of the standard, so that properties, nested
 * classes and set operations mean exactly what they mean elsewhere. One character at a time, its
 * engine has nothing to backtrack into.
 */
export class CharacterSet {
  /** The ASCII members; the components of a URL hold nothing else. */
  readonly ascii: string
  readonly #source: string
  #matcher: RegExp | undefined

  constructor(source: string, ascii: string = asciiMembers(source)) {
    this.#source = source
    this.ascii = ascii
  }

  has(codePoint: number): boolean {
    this.#matcher ??= new RegExp(`^${this.#source}$`, 'v')
    return this.#matcher.test(String.fromCodePoint(codePoint))
  }
}

/** How many code points ASCII has. */
export const asciiSize = 128

const ascii = String.fromCharCode(...Array.from({ length: asciiSize }, (_, code) => code))

/** One call for all of ASCII: 10 µs, most of it for compiling the class. */
function asciiMembers(source: string): string {
  return ascii.match(new RegExp(source, 'gv'))?.join('') ?? ''
}

export const anyCharacter = new CharacterSet('[^]')
export const anyButLineTerminators = new CharacterSet('.')

/** The set of exactly `char`. */
export function literal(char: string): CharacterSet {
  return asciiLiterals[char.codePointAt(0) ?? 0] ?? newLiteral(char)
}

const asciiLiterals: readonly CharacterSet[] = Array.from(ascii, newLiteral)

function newLiteral(char: string): CharacterSet {
  const codePoint = char.codePointAt(0) ?? 0
  return new CharacterSet(`\\u{${codePoint.toString(16)}}`, codePoint < asciiSize ? char : '')
}

/** What `:name` takes: anything up to the delimiter, or anything when there is none. */
export function segmentOf(delimiter: string): CharacterSet {
  return segments.get(delimiter) ?? anyCharacter
}

const segments = new Map(['.', '/'].map((char) => [char, new CharacterSet(`[^\\${char}]`)]))
