import { asciiSize, type CharacterSet } from './character-set.ts'
import type { Assertion, Code } from './instructions.ts'

/**
 * The code of a program, laid out for matching: instruction `n` is bit `n` of every bit set, and the
 * bit behind the last instruction is where the program accepts.
 */
export interface Layout {
  /** The length of a bit set. */
  readonly words: number
  /** Bit sets one after the other: which instructions take the characters of one class. */
  readonly takers: Int32Array
  /** Where in `takers` the bit set of an ASCII character begins. */
  readonly rows: Int32Array
  readonly repeats: Int32Array
  readonly isBranch: Int32Array
  readonly isSplit: Int32Array
  /** How many branches there are; the ends of loops count twice, since a second sweep follows them. */
  readonly branchCount: number
  /** The target of each branch; a split goes on behind itself, too. */
  readonly targets: Int16Array
  /** For each kind of assertion, where it stands. */
  readonly assertions: ReadonlyMap<Assertion, Int32Array>
  readonly positions: Positions
}

/** The places at which the characters of a set are taken. */
type Positions = ReadonlyMap<CharacterSet, readonly number[]>

export function layOut(code: Code): Layout {
  const words = (code.length >>> 5) + 1
  const repeats = new Int32Array(words)
  const isBranch = new Int32Array(words)
  const isSplit = new Int32Array(words)
  const targets = new Int16Array(code.length)
  const assertions = new Map<Assertion, Int32Array>()
  const positions = new Map<CharacterSet, number[]>()
  let branchCount = 0
  for (let at = 0; at < code.length; at++) {
    const instruction = code[at]!
    if (instruction.op === 'take') {
      if (instruction.repeats) addBits(repeats, 0, [at])
      addPosition(positions, instruction.set, at)
      continue
    }
    branchCount += instruction.op === 'split' && instruction.by < 0 ? 2 : 1
    addBits(isBranch, 0, [at])
    if (instruction.op === 'split') addBits(isSplit, 0, [at])
    if (instruction.op === 'assert') {
      const places = assertions.get(instruction.assertion) ?? new Int32Array(words)
      addBits(places, 0, [at])
      assertions.set(instruction.assertion, places)
    }
    targets[at] = at + (instruction.op === 'assert' ? 1 : instruction.by)
  }
  const byCharacter = takersByCharacter(positions, words)
  return {
    words,
    repeats,
    isBranch,
    isSplit,
    branchCount,
    targets,
    assertions,
    positions,
    ...byCharacter,
  }
}

/** Sets the bits at `positions` in the bit set that begins at `row`. */
export function addBits(bits: Int32Array, row: number, positions: readonly number[]): void {
  for (const at of positions) {
    const word = row + (at >>> 5)
    bits[word] = bits[word]! | (1 << (at & 31))
  }
}

function addPosition(positions: Map<CharacterSet, number[]>, set: CharacterSet, at: number): void {
  const known = positions.get(set)
  if (known === undefined) positions.set(set, [at])
  else known.push(at)
}

/** Characters that no set tells apart share a bit set: `/books/:id` needs two of them, not 128. */
function takersByCharacter(positions: Positions, words: number): Pick<Layout, 'takers' | 'rows'> {
  const classes = characterClasses([...positions.keys()])
  const takers = new Int32Array((Math.max(...classes) + 1) * words)
  const rows = classes.map((index) => index * words)
  for (const [set, places] of positions) {
    const setRows = new Set(set.ascii.map((code) => rows[code]!))
    for (const row of setRows) addBits(takers, row, places)
  }
  return { takers, rows }
}

/** The number of each ASCII character's class, without gaps. */
function characterClasses(sets: readonly CharacterSet[]): Int32Array {
  const classes = new Int32Array(asciiSize)
  let count = 1
  for (const { ascii } of sets) {
    const parts = new Map<number, number>()
    for (const code of ascii) {
      const whole = classes[code]!
      const part = parts.get(whole) ?? count++
      parts.set(whole, part)
      classes[code] = part
    }
  }
  const used = [...new Set(classes)]
  return classes.map((index) => used.indexOf(index))
}
