/** Says whether a code point belongs to a set. */
export type CharacterTest = (codePoint: number) => boolean

/** A set of code points. */
export class CharacterSet {
  readonly has: CharacterTest
  /** The ASCII members; the components of a URL hold nothing else. */
  readonly ascii: readonly number[]

  constructor(has: CharacterTest) {
    this.has = has
    this.ascii = asciiCodes.filter(has)
  }
}

/** How many code points ASCII has. */
export const asciiSize = 128

const asciiCodes: readonly number[] = Array.from({ length: asciiSize }, (_, code) => code)

const lineTerminators: ReadonlySet<number> = new Set([0x0a, 0x0d, 0x2028, 0x2029])

/** `.` without the `s` flag. */
export const anyButLineTerminators = new CharacterSet((code) => !lineTerminators.has(code))

/** What `:name` takes: anything up to the delimiter, or anything when there is none. */
export function segmentOf(delimiter: string): CharacterSet {
  if (delimiter === '/') return anyButSlash
  return delimiter === '.' ? anyButDot : anyCharacter
}

const anyCharacter = new CharacterSet(() => true)
const anyButSlash = new CharacterSet((code) => code !== 0x2f)
const anyButDot = new CharacterSet((code) => code !== 0x2e)

/** The set of exactly one code point. */
export function single(codePoint: number): CharacterSet {
  return asciiSingles[codePoint] ?? new CharacterSet((code) => code === codePoint)
}

const asciiSingles = asciiCodes.map((only) => new CharacterSet((code) => code === only))
