import { HubError } from '../errors.ts'
import { CharacterSet, single } from '../url-pattern/match/character-set.ts'
import {
  type Code,
  makeCounted,
  makeOptional,
  maxBranches,
} from '../url-pattern/match/instructions.ts'
import { Component } from '../url-pattern/component-pattern.ts'
import { Program } from '../url-pattern/match/bit-nfa.ts'
import { type Expression, type Piece, parseTemplate } from './template-parts.ts'
import { templateText } from './template-text.ts'

/**
 * A URI Template (RFC 6570, levels 1 to 4) as protocol 0.x selects topics with it: a topic matches
 * when some values of the variables could have expanded to it.
 *
 * Names of variables and prefix lengths do not count, and any variable may be absent: that is what
 * the hubs in the field do. It runs on the same program as URL Patterns, in time linear in the topic.
 */
export class UriTemplate {
  /** What every topic that matches begins with. */
  readonly prefix: string
  readonly #literals: string
  readonly #whole: Component

  private constructor(pieces: readonly Piece[]) {
    const inner = pieces.map((piece) =>
      typeof piece === 'string' ? (templateText(piece)?.text ?? '') : piece,
    )
    this.#literals = pieces
      .map((piece) => (typeof piece === 'string' ? (templateText(piece)?.beyond ?? '') : ''))
      .join('')
    const first = pieces[0]
    this.prefix = typeof first === 'string' ? first : ''
    this.#whole = compile(inner)
  }

  /**
   * Compiles a template; undefined when `text` is none, by the grammar of RFC 6570 § 2.
   *
   * @throws HubError `invalid_matcher` for a template with more expressions than can be matched in bounded time
   */
  static compile(text: string): UriTemplate | undefined {
    const pieces = parseTemplate(text)
    return pieces === undefined ? undefined : new UriTemplate(pieces)
  }

  test(topic: string): boolean {
    if (!topic.startsWith(this.prefix)) return false
    const translated = templateText(topic)
    return (
      translated !== undefined &&
      translated.beyond === this.#literals &&
      this.#whole.matches(translated.text)
    )
  }
}

/** Literal text at both ends is compared; only what stands between is a program. */
function compile(pieces: readonly Piece[]): Component {
  const [first = ''] = pieces
  const last = pieces.at(-1) ?? ''
  const prefix = typeof first === 'string' ? first : ''
  const suffix = typeof last === 'string' && pieces.length > 1 ? last : ''
  const between = pieces.slice(prefix === '' ? 0 : 1, suffix === '' ? undefined : -1)
  if (between.length === 0) return new Component(prefix, '')

  const code: Code = []
  for (const piece of merged(between)) {
    if (typeof piece === 'string') addText(code, piece)
    else if (piece.first === '') addRun(code, piece.run)
    else addGroup(code, piece)
  }
  const program = programOf(code)
  if (program.branches > maxBranches) throw tooComplex()
  return new Component(prefix, suffix, program)
}

function programOf(code: Code): Program {
  try {
    return new Program(code)
  } catch (cause) {
    throw tooComplex(cause)
  }
}

/** `{a}{b}` takes what the larger of the two takes; a hundred of them cost no more than one. */
function merged(pieces: readonly Piece[]): Piece[] {
  const result: Piece[] = []
  for (const piece of pieces) {
    const last = result.at(-1)
    const areRuns =
      typeof piece !== 'string' &&
      typeof last === 'object' &&
      piece.first === '' &&
      last.first === ''
    if (!areRuns) result.push(piece)
    else if (piece.run.size > last.run.size) result.splice(-1, 1, piece)
  }
  return result
}

function addText(code: Code, text: string): void {
  for (let at = 0; at < text.length; at++)
    code.push({ op: 'take', set: single(text.charCodeAt(at)), repeats: false })
}

function addRun(code: Code, run: ReadonlySet<string>): void {
  const start = code.length
  code.push({ op: 'take', set: setOf(run), repeats: true })
  makeOptional(code, start)
}

/** The operator's character, a run, and more runs behind separators; or nothing of all that. */
function addGroup(code: Code, { first, run, separator, more }: Expression): void {
  const start = code.length
  addText(code, first)
  addRun(code, run)
  if (more > 0) {
    const next = code.length
    addText(code, separator)
    addRun(code, run)
    try {
      makeCounted(code, next, 0, more)
    } catch (cause) {
      throw tooComplex(cause)
    }
  }
  makeOptional(code, start)
}

const sets = new WeakMap<ReadonlySet<string>, CharacterSet>()

function setOf(run: ReadonlySet<string>): CharacterSet {
  let set = sets.get(run)
  if (set === undefined) {
    set = new CharacterSet((code) => run.has(String.fromCharCode(code)))
    sets.set(run, set)
  }
  return set
}

function tooComplex(cause?: unknown): HubError {
  return new HubError('invalid_matcher', 'the URI Template is too complex', { cause })
}
