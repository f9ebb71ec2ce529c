import type { CharacterSet } from './character-set.ts'
import { tooComplex } from '../errors.ts'

export type Assertion = 'start' | 'end' | 'word-boundary' | 'no-word-boundary'

/**
 * One instruction of a matching program. Targets are relative, so that code can be moved and copied.
 *
 * - `take` consumes one character of `set` (with `repeats`, one or more), then goes on behind itself
 * - `split` goes on behind itself and at `by`
 * - `jump` goes on at `by`
 * - `assert` goes on behind itself when it stands at the right place
 */
export type Instruction =
  | { readonly op: 'take'; readonly set: CharacterSet; readonly repeats: boolean }
  | { readonly op: 'split'; readonly by: number }
  | { readonly op: 'jump'; readonly by: number }
  | { readonly op: 'assert'; readonly assertion: Assertion }

/** The code of one component; its end is where it accepts. */
export type Code = Instruction[]

/**
 * What all components of a pattern may need together.
 *
 * For each character of a topic, matching costs one operation per 32 instructions and one per living
 * branch (everything but `take`). In 4096 bytes nobody writes more than 4096 instructions by hand,
 * but `(a{999}){999}` orders a million.
 */
export const maxInstructions = 5000
export const maxBranches = 500

/** Makes the code from `start` on optional. */
export function makeOptional(code: Code, start: number): void {
  const length = code.length - start
  if (length > 0) code.splice(start, 0, { op: 'split', by: length + 1 })
}

/** Lets the code from `start` on occur once or more. */
export function makeRepeating(code: Code, start: number): void {
  const length = code.length - start
  const first = code[start]
  if (length === 1 && first?.op === 'take') code[start] = { ...first, repeats: true }
  else if (length > 0) code.push({ op: 'split', by: -length })
}

/** Lets the code from `start` on occur `min` to `max` times. */
export function makeCounted(code: Code, start: number, min: number, max: number): void {
  const once = code.splice(start)
  if (once.length === 0 || max === 0) return
  const optional = max === Infinity ? 1 : max - min
  if (start + min * once.length + optional * (once.length + 1) > maxInstructions) throw tooComplex()

  for (let count = 0; count < min; count++) code.push(...once)
  if (max !== Infinity) addOptionalCopies(code, once, max - min)
  else if (min > 0) makeRepeating(code, code.length - once.length)
  else {
    code.push(...once)
    makeRepeating(code, start)
    makeOptional(code, start)
  }
}

/** Each copy skips to the very end, so that few branches live at once. */
function addOptionalCopies(code: Code, once: Code, copies: number): void {
  for (let left = copies; left > 0; left--)
    code.push({ op: 'split', by: left * (once.length + 1) }, ...once)
}
