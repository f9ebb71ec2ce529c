import { canonicalProtocol, specialSchemes } from './canonical.ts'
import { anyButLineTerminators, segmentOf, single } from './match/character-set.ts'
import { type Code, makeOptional, makeRepeating } from './match/instructions.ts'
import {
  type EncodingCallback,
  type FixedText,
  type Group,
  type Modifier,
  type Part,
  parsePatternString,
  type PatternOptions,
} from './parse/parts.ts'
import type { Slice } from '../slice.ts'
import { Program } from './match/bit-nfa.ts'
import { notAPattern } from './errors.ts'
import { type CharacterSets, checkProperties, compileRegexp } from './match/regexp-compiler.ts'

const defaultOptions: PatternOptions = { delimiter: '', prefix: '' }

/**
 * One compiled component: literal text, then perhaps something that varies, then literal text.
 *
 * `varying` is undefined when the whole component is literal (`prefix`), and `anything` for `*`.
 */
export class Component {
  readonly prefix: string
  readonly suffix: string
  readonly varying: Program | 'anything' | undefined
  /** What stands between slashes, from the beginning; undefined where it varies. */
  readonly segments: readonly (string | undefined)[]
  /** Whether `segments` are all there are. */
  readonly hasAllSegments: boolean

  constructor(
    prefix: string,
    suffix: string,
    varying?: Program | 'anything',
    { segments, isWhole }: Segments = { segments: [], isWhole: false },
  ) {
    this.prefix = prefix
    this.suffix = suffix
    this.varying = varying
    this.segments = segments
    this.hasAllSegments = isWhole
  }

  matches(text: string): boolean {
    if (!this.canMatch(text)) return false
    const { varying, prefix, suffix } = this
    if (varying === undefined || varying === 'anything') return true
    return varying.hasAssertions
      ? varying.matches(text, 0, text.length)
      : varying.matches(text, prefix.length, text.length - suffix.length)
  }

  /** What a text that `canMatch` has to pass, in portions. */
  *matching(text: string, slice: Slice): Generator<undefined, boolean> {
    const { varying, prefix, suffix } = this
    if (varying === undefined || varying === 'anything') return true
    return varying.hasAssertions
      ? yield* varying.matching(text, 0, text.length, slice)
      : yield* varying.matching(text, prefix.length, text.length - suffix.length, slice)
  }

  /** False when the literal text at its ends rules a text out. */
  canMatch(text: string): boolean {
    const { prefix, suffix, varying } = this
    if (varying === undefined) return text === prefix
    return (
      text.length >= prefix.length + suffix.length &&
      text.startsWith(prefix) &&
      text.endsWith(suffix)
    )
  }

  /** Steps for one character, at most; none where literal text decides. */
  get cost(): number {
    return typeof this.varying === 'object' ? this.varying.cost : 0
  }

  /** The literal text that alone matches; undefined when there are others. */
  get literal(): string | undefined {
    return this.varying === undefined ? this.prefix : undefined
  }
}

/** Compiles the pattern string of one component (URL Pattern § 1.5). */
export function compileComponent(
  input: string,
  encode: EncodingCallback,
  options: PatternOptions = defaultOptions,
): Component {
  const parts = parsePatternString(input, options, encode)
  checkRegexps(parts)
  const pieces = unfold(parts)
  const segments = segmentsOf(pieces, options.delimiter === '/')
  const prefix = isText(pieces.at(0)) ? pieces.shift() : undefined
  const suffix = isText(pieces.at(-1)) ? pieces.pop() : undefined
  const { delimiter } = options
  const middle = varying(prefix, pieces, suffix, delimiter)
  return new Component(textOf(prefix), textOf(suffix), middle, segments)
}

export function compileProtocol(input: string): Component {
  return compileComponent(input, canonicalProtocol)
}

export function matchesSpecialScheme(protocol: Component): boolean {
  return specialSchemes.some((scheme) => protocol.matches(scheme))
}

/**
 * All groups of a component become one regular expression in the standard, so V8 must accept them
 * together: a name inside must not occur twice, not even by repetition.
 */
function checkRegexps(parts: readonly Part[]): void {
  const groups = parts.flatMap((part) => {
    if (part.type !== 'regexp') return []
    const isRepeated = part.modifier === 'zero-or-more' || part.modifier === 'one-or-more'
    const isWrapped = part.prefix !== '' || part.suffix !== ''
    return isRepeated && isWrapped ? [part.value, part.value] : [part.value]
  })
  if (groups.length === 0) return
  const source = groups.map((group) => `(${group})`).join('')
  checkProperties(source)
  try {
    new RegExp(`^${source}$`, 'v')
  } catch (cause) {
    throw notAPattern(regexpFault(source), cause)
  }
}

/** Why a regular expression is none, as far as its author can be told without the compiler's words. */
function regexpFault(source: string): string {
  const classes = source.replaceAll(/\\./gs, 'x').match(/\[[^\]]*\]?/g) ?? []
  const isUnescaped = classes.some((one) => /^\[\^?-|-\]$|[/(){}|]|^\[.*\[/.test(one))
  if (isUnescaped)
    return '`/` and `-` must be escaped inside [...], as in `[^\\/]`, and so must ( ) [ { } |'
  if (/\[[^\]]*([&!#$%*+,.:;<=>?@^`~])\1/.test(source))
    return 'a doubled sign must be escaped inside [...]'
  if (/\(\?<(\w+)>.*\(\?<\1>/s.test(source)) return 'a name is there twice in its groups'
  return 'the regular expression in its ( ) is not valid'
}

/** A group without modifier is its prefix, itself and its suffix; texts side by side are one text. */
function unfold(parts: readonly Part[]): Part[] {
  const unfolded: Part[] = []
  for (const part of parts) {
    if (part.modifier !== 'none') unfolded.push(part)
    else if (part.type === 'fixed-text') appendText(unfolded, part.value)
    else {
      appendText(unfolded, part.prefix)
      unfolded.push({
        type: part.type,
        value: part.value,
        modifier: 'none',
        prefix: '',
        suffix: '',
      })
      appendText(unfolded, part.suffix)
    }
  }
  return unfolded
}

interface Segments {
  readonly segments: readonly (string | undefined)[]
  readonly isWhole: boolean
}

/** What stands between slashes, up to the first piece that may hold one, or may not be there. */
function segmentsOf(pieces: readonly Part[], endsAtSlash: boolean): Segments {
  const segments: (string | undefined)[] = []
  let current: string | undefined = ''
  for (const piece of pieces) {
    if (isText(piece)) {
      const [first = '', ...others] = piece.value.split('/')
      if (current !== undefined) current += first
      for (const text of others) {
        segments.push(current)
        current = text
      }
    } else if (piece.type === 'segment-wildcard' && piece.modifier === 'none' && endsAtSlash)
      current = undefined
    else return { segments, isWhole: false }
  }
  return { segments: [...segments, current], isWhole: true }
}

function appendText(parts: Part[], text: string): void {
  const last = isText(parts.at(-1)) ? parts.pop() : undefined
  const value = textOf(last) + text
  if (value !== '') parts.push({ type: 'fixed-text', value, modifier: 'none' })
}

function isText(part: Part | undefined): part is FixedText {
  return part?.type === 'fixed-text' && part.modifier === 'none'
}

function textOf(part: Part | undefined): string {
  return part?.type === 'fixed-text' ? part.value : ''
}

function varying(
  prefix: Part | undefined,
  parts: readonly Part[],
  suffix: Part | undefined,
  delimiter: string,
): Program | 'anything' | undefined {
  if (parts.length === 0) return undefined
  // `.` leaves out line terminators, which no component of a URL can hold.
  if (parts.every(isAnything)) return 'anything'
  const code: Code = []
  const sets: CharacterSets = new Map()
  for (const part of parts) addPart(code, part, delimiter, sets)
  if (!code.some(({ op }) => op === 'assert')) return new Program(code)

  const whole: Code = []
  addText(whole, textOf(prefix))
  whole.push(...code)
  addText(whole, textOf(suffix))
  return new Program(whole)
}

function isAnything(part: Part): boolean {
  return part.type === 'full-wildcard' && part.prefix === '' && part.suffix === ''
}

function addPart(code: Code, part: Part, delimiter: string, sets: CharacterSets): void {
  const start = code.length
  if (part.type === 'fixed-text') addText(code, part.value)
  else {
    addText(code, part.prefix)
    addBody(code, part, delimiter, sets)
    addText(code, part.suffix)
  }
  modify(code, start, part.modifier)
}

function addText(code: Code, text: string): void {
  for (const char of text)
    code.push({ op: 'take', set: single(char.codePointAt(0) ?? 0), repeats: false })
}

function addBody(code: Code, group: Group, delimiter: string, sets: CharacterSets): void {
  const start = code.length
  if (group.type === 'regexp') compileRegexp(group.value, code, sets)
  else if (group.type === 'segment-wildcard')
    code.push({ op: 'take', set: segmentOf(delimiter), repeats: true })
  else {
    code.push({ op: 'take', set: anyButLineTerminators, repeats: true })
    makeOptional(code, start)
  }
}

function modify(code: Code, start: number, modifier: Modifier): void {
  if (modifier === 'one-or-more' || modifier === 'zero-or-more') makeRepeating(code, start)
  if (modifier === 'optional' || modifier === 'zero-or-more') makeOptional(code, start)
}
