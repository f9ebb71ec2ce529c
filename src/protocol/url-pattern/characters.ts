/**
 * A set of code points, told by one-character ECMAScript: a class, an escape, a dot.
 *
 * V8 itself says what belongs to it, with the `v` flag of the standard, so that properties, nested
 * classes and set operations mean exactly what they mean elsewhere. One character at a time, its
 * engine has nothing to backtrack into.
 */
export class CharacterSet {
  readonly #source: string
  #matcher: RegExp | undefined
  /** The ASCII members; URL components hold nothing else. */
  readonly ascii: string

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

function asciiMembers(source: string): string {
  return ascii.match(new RegExp(source, 'gv'))?.join('') ?? ''
}

/** `.`, and the bodies of the two wildcards, which most patterns share. */
export const anyButLineTerminators = new CharacterSet('.')
const wildcards = new Map(
  ['', '.', '/'].map((delimiter) => [delimiter, new CharacterSet(delimiter && `[^\\${delimiter}]`)]),
)
const literals = Array.from(ascii, (char) => {
  const hex = char.charCodeAt(0).toString(16).padStart(2, '0')
  return new CharacterSet(`\\x${hex}`, char)
})
