import type { CharacterSet } from './characters.ts'
import { tooComplex } from './refusal.ts'

export type Assertion = 'start' | 'end' | 'word-boundary' | 'no-word-boundary'

/**
 * One instruction of a matching program. All go on at the next instruction; targets are relative,
 * so that code can be moved and copied.
 *
 * - `take` consumes one character of `set`; with `repeats`, as many more as one likes
 * - `split` goes on at `by`, too
 * - `jump` goes on at `by`, only
 * - `assert` goes on when the place is right
 */
export type Instruction =
  | { readonly op: 'take'; readonly set: CharacterSet; readonly repeats: boolean }
  | { readonly op: 'split'; readonly by: number }
  | { readonly op: 'jump'; readonly by: number }
  | { readonly op: 'assert'; readonly assertion: Assertion }

export type Code = readonly Instruction[]
export type WritableCode = Instruction[]

/**
 * What one component's code may hold.
 *
 * Matching costs, for each character of a topic, one operation per 32 instructions and one per
 * branch (`split`, `jump`, `assert`) that is alive. A 4096-byte pattern cannot write more than 4096
 * instructions by hand; `(a{999}){999}` could order a million.
 */
export const maxInstructions = 5000
export const maxBranches = 1000

/** Makes what follows `start` optional. */
export function makeOptional(code: WritableCode, start: number): void {
  const length = code.length - start
  if (length > 0) code.splice(start, 0, { op: 'split', by: length + 1 })
}

/** Lets what follows `start` occur again and again, at least once. */
export function makeRepeating(code: WritableCode, start: number): void {
  const length = code.length - start
  const first = code[start]
  if (length === 1 && first?.op === 'take') code[start] = { ...first, repeats: true }
  else if (length > 0) code.push({ op: 'split', by: -length })
}

/** Lets what follows `start` occur `min` to `max` times. */
export function makeCounted(code: WritableCode, start: number, min: number, max: number): void {
  const once = code.splice(start)
  if (once.length === 0 || max === 0) return
  const copies = max === Infinity ? Math.max(min, 1) : max
  if (start + copies * (once.length + 1) > maxInstructions) throw tooComplex()

  for (let count = 0; count < min; count++) code.push(...once)
  if (max === Infinity) {
    const last = min === 0 ? code.push(...once) && start : code.length - once.length
    makeRepeating(code, last)
    if (min === 0) makeOptional(code, start)
    return
  }
  // Each optional copy skips to the very end: the fewer branches are alive at once, the cheaper.
  for (let left = max - min; left > 0; left--) {
    code.push({ op: 'split', by: left * (once.length + 1) }, ...once)
  }
}

/** Refuses code over the limits. */
export function checkSize(code: Code): void {
  if (code.length > maxInstructions) throw tooComplex()
}
