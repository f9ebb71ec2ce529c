import { characterSet, escapeSource } from './character-class.ts'
import { anyButLineTerminators, type CharacterSet, single } from './character-set.ts'
import { type Assertion, type Code, makeCounted, maxInstructions } from './instructions.ts'
import { refused, tooComplex } from '../errors.ts'

/**
 * Compiles the source of a custom regexp group, behind the code that is already there.
 *
 * V8 must have accepted the source with the `v` flag before (see `component.ts`): here stands only
 * what an accepted source means, and what of it we refuse. Nothing recurses, so that depth costs no
 * stack.
 */
export function compileRegexp(source: string, code: Code, sets: CharacterSets): void {
  new RegexpCompiler(source, code, sets).compile()
}

/** The sets that the groups of one component use, by their source. */
export type CharacterSets = Map<string, CharacterSet>

/**
 * Distinct character sets, and property escapes, that one component may use. V8 needs 40 µs for a
 * property: 800 of them took 29 ms, before any of our limits could stop it.
 */
const maxSets = 128
const maxProperties = 16

/** Refuses a source that V8 alone would need milliseconds for. */
export function checkProperties(source: string): void {
  if ((source.match(/\\p\{/gi)?.length ?? 0) > maxProperties) throw tooComplex()
}

/** An open group: its code begins at `start`, its current alternative at `alternative`. */
interface Level {
  readonly start: number
  alternative: number
  /** Where the alternatives that are complete jump to the end of the group. */
  readonly jumps: number[]
}

const assertions: Readonly<Record<string, Assertion>> = {
  '^': 'start',
  $: 'end',
  '\\b': 'word-boundary',
  '\\B': 'no-word-boundary',
}

const quantifier = /(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/y
const groupOpening = /\((?:\?:|\?<[^=!][^>]*>)?/y

class RegexpCompiler {
  readonly #source: string
  readonly #code: Code
  readonly #sets: CharacterSets
  readonly #levels: Level[] = []
  #level: Level
  #at = 0

  constructor(source: string, code: Code, sets: CharacterSets) {
    this.#source = source
    this.#code = code
    this.#sets = sets
    this.#level = this.#newLevel()
  }

  compile(): void {
    while (this.#at < this.#source.length) this.#compileNext()
    this.#closeAlternatives()
  }

  #compileNext(): void {
    const char = this.#source.charAt(this.#at)
    if (char === '(') this.#openGroup()
    else if (char === ')') this.#closeGroup()
    else if (char === '|') this.#nextAlternative()
    else this.#addAtom(this.#atom(char))
    if (this.#code.length > maxInstructions) throw tooComplex()
  }

  #openGroup(): void {
    const opening = this.#consume(groupOpening)
    if (this.#source[this.#at] === '?' && opening === '(')
      throw refused('look-around and inline modifiers are not supported in a URL Pattern')
    this.#levels.push(this.#level)
    this.#level = this.#newLevel()
  }

  #closeGroup(): void {
    this.#at++
    this.#closeAlternatives()
    const { start } = this.#level
    this.#level = this.#levels.pop() ?? this.#level
    this.#quantify(start)
  }

  #nextAlternative(): void {
    this.#at++
    this.#branchToNextAlternative()
    this.#level.alternative = this.#code.length
  }

  #branchToNextAlternative(): void {
    const { alternative, jumps } = this.#level
    const length = this.#code.length - alternative
    this.#code.splice(alternative, 0, { op: 'split', by: length + 2 })
    jumps.push(this.#code.length)
    this.#code.push({ op: 'jump', by: 0 })
  }

  #closeAlternatives(): void {
    for (const jump of this.#level.jumps)
      this.#code[jump] = { op: 'jump', by: this.#code.length - jump }
  }

  #newLevel(): Level {
    const start = this.#code.length
    return { start, alternative: start, jumps: [] }
  }

  /** The source of the next thing that stands for one character, or for an assertion. */
  #atom(char: string): string {
    if (char === '[') return this.#characterClass()
    if (char === '\\') return this.#consume(escapeSource)
    this.#at++
    return char
  }

  #addAtom(source: string): void {
    const start = this.#code.length
    const assertion = assertions[source]
    if (assertion === undefined)
      this.#code.push({ op: 'take', set: this.#setOf(source), repeats: false })
    else this.#code.push({ op: 'assert', assertion })
    this.#quantify(start)
  }

  #quantify(start: number): void {
    quantifier.lastIndex = this.#at
    const found = quantifier.exec(this.#source)
    if (found === null) return
    this.#at = quantifier.lastIndex

    const [, sign, min, comma, max] = found
    if (sign === '*') makeCounted(this.#code, start, 0, Infinity)
    else if (sign === '+') makeCounted(this.#code, start, 1, Infinity)
    else if (sign === '?') makeCounted(this.#code, start, 0, 1)
    else if (comma === '') makeCounted(this.#code, start, Number(min), Number(min))
    else makeCounted(this.#code, start, Number(min), max === '' ? Infinity : Number(max))
  }

  #setOf(source: string): CharacterSet {
    if (source.length === 1)
      return source === '.' ? anyButLineTerminators : single(source.charCodeAt(0))
    const known = this.#sets.get(source)
    if (known !== undefined) return known
    if (this.#sets.size === maxSets) throw tooComplex()

    const set = characterSet(source)
    this.#sets.set(source, set)
    return set
  }

  /** From `[` to its `]`, with the classes nested in between. */
  #characterClass(): string {
    const start = this.#at
    let depth = 0
    do {
      const char = this.#source[this.#at]
      if (char === '[') depth++
      else if (char === ']') depth--
      else if (char === '\\') this.#at++
      this.#at++
    } while (depth > 0 && this.#at < this.#source.length)
    return this.#source.slice(start, this.#at)
  }

  #consume(token: RegExp): string {
    token.lastIndex = this.#at
    const text = token.exec(this.#source)?.[0] ?? this.#source.charAt(this.#at)
    this.#at += text.length
    return text
  }
}
