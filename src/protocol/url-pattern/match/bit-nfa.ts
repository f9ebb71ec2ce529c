import { isWord } from './character-class.ts'
import { asciiSize } from './character-set.ts'
import { type Assertion, type Code, maxInstructions } from './instructions.ts'
import { addBits, type Layout, layOut } from './bit-layout.ts'
import { tooComplex } from '../errors.ts'

/**
 * A matching program that says yes or no in one pass over the text, without ever going back.
 *
 * It is Thompson's simulation with one bit for each instruction: the instructions that wait for a
 * character are a bit set, and a character moves those that take it one place on (an `and`, a shift
 * and an `or` for every 32 of them). Branches are followed one by one, at most twice per character.
 * Thus time is O(text × (instructions / 32 + branches)), whatever the pattern says. With the limits
 * in `code.ts`, the worst pattern we know needs 8 ms for 4000 characters, and 16 ms the first time,
 * before the runtime has compiled this file (bench/micro/pattern-dos.ts, Node 20).
 */
export class Program {
  readonly instructions: number
  readonly branches: number
  /** True when the program asks what stands around a place: then it must see the whole text. */
  readonly hasAssertions: boolean
  readonly #layout: Layout

  constructor(code: Code) {
    if (code.length > maxInstructions) throw tooComplex()
    this.#layout = layOut(code)
    this.instructions = code.length
    this.branches = this.#layout.branchCount
    this.hasAssertions = this.#layout.assertions.size > 0
  }

  /** True when the text between `from` and `to` matches as a whole. */
  matches(text: string, from: number, to: number): boolean {
    const layout = this.#layout
    let { waiting, moved } = scratch
    waiting.fill(0, 0, layout.words)
    waiting[0] = 1
    let previous = outside
    for (let at = from; at < to;) {
      const next = text.codePointAt(at) ?? outside
      if (layout.branchCount > 0) followBranches(layout, waiting, previous, next)
      if (!step(layout, waiting, moved, next)) return false
      ;[waiting, moved] = [moved, waiting]
      previous = next
      at += next > 0xffff ? 2 : 1
    }
    if (layout.branchCount > 0) followBranches(layout, waiting, previous, outside)
    return contains(waiting, this.instructions)
  }
}

/** What stands before the first and behind the last character. */
const outside = -1

const maxWords = (maxInstructions >>> 5) + 1

/** Working memory of all programs: matching is synchronous, and one at a time. */
const scratch = {
  waiting: new Int32Array(maxWords),
  moved: new Int32Array(maxWords),
}

/** Moves what takes `character` one place on; false when nothing does. */
function step(layout: Layout, waiting: Int32Array, moved: Int32Array, character: number): boolean {
  const { words, repeats } = layout
  const isAscii = character < asciiSize
  const takers = isAscii ? layout.takers : takersBeyondAscii(layout, character)
  const row = isAscii ? layout.rows[character]! : 0
  let carry = 0
  let alive = 0
  for (let word = 0; word < words; word++) {
    const taken = waiting[word]! & takers[row + word]!
    const on = (taken << 1) | carry | (taken & repeats[word]!)
    carry = taken >>> 31
    moved[word] = on
    alive |= on
  }
  return alive !== 0
}

/** Of these no URL has any. */
function takersBeyondAscii(layout: Layout, character: number): Int32Array {
  const takers = new Int32Array(layout.words)
  for (const [set, positions] of layout.positions)
    if (set.has(character)) addBits(takers, 0, positions)
  return takers
}

/**
 * Adds to `waiting` all that can be reached without a character, between `previous` and `next`.
 *
 * One sweep follows everything that leads forward. Only the end of a loop leads back, and nothing
 * leaves a loop but by its end: so whatever a second sweep finds lies inside of it, and the third
 * one at the latest finds nothing.
 */
function followBranches(layout: Layout, waiting: Int32Array, previous: number, next: number): void {
  const { words, isBranch, isSplit, targets } = layout
  const blocked = failingAssertions(layout, previous, next)
  let first = 0
  while (first < words) {
    const start = first
    first = words
    for (let word = start; word < words; word++) {
      let bits = waiting[word]!
      let left = isBranch[word]!
      for (const places of blocked) left &= ~places[word]!
      for (let found = bits & left; found !== 0; found = bits & left) {
        left &= ~found
        const ahead = found & isSplit[word]!
        bits |= ahead << 1
        if (ahead < 0) waiting[word + 1]! |= 1
        for (; found !== 0; found &= found - 1) {
          const at = (word << 5) + 31 - Math.clz32(found & -found)
          const target = targets[at]!
          const there = target >> 5
          const bit = 1 << (target & 31)
          if (there === word) bits |= bit
          else {
            if (there < first && there < word && (waiting[there]! & bit) === 0) first = there
            waiting[there]! |= bit
          }
        }
      }
      waiting[word] = bits
    }
  }
}

/** Where the assertions stand that do not hold between `previous` and `next`. */
function failingAssertions(
  { assertions }: Layout,
  previous: number,
  next: number,
): readonly Int32Array[] {
  if (assertions.size === 0) return none
  const failing: Int32Array[] = []
  for (const [assertion, places] of assertions)
    if (!holds(assertion, previous, next)) failing.push(places)
  return failing
}

const none: readonly Int32Array[] = []

function holds(assertion: Assertion, previous: number, next: number): boolean {
  if (assertion === 'start') return previous === outside
  if (assertion === 'end') return next === outside
  return (isWord(previous) !== isWord(next)) === (assertion === 'word-boundary')
}

function contains(set: Int32Array, at: number): boolean {
  return ((set[at >>> 5]! >>> (at & 31)) & 1) === 1
}
