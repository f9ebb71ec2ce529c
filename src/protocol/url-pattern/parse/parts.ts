import { notAPattern } from '../errors.ts'
import { type Token, tokenize, type TokenType } from './tokenizer.ts'

export type Modifier = 'none' | 'optional' | 'zero-or-more' | 'one-or-more'

/**
 * One piece of a parsed pattern string.
 *
 * A group stands between a literal `prefix` and `suffix`, and its modifier counts for all three.
 * All texts are canonical.
 */
export type Part = FixedText | Group

export interface FixedText {
  readonly type: 'fixed-text'
  readonly value: string
  readonly modifier: Modifier
}

export interface Group {
  readonly type: 'regexp' | 'segment-wildcard' | 'full-wildcard'
  /** The source of a custom regexp; for wildcards whatever was written. */
  readonly value: string
  readonly modifier: Modifier
  readonly prefix: string
  readonly suffix: string
}

/** What a kind of component adds to the pattern syntax. */
export interface PatternOptions {
  /** The character at which `:name` stops; empty when it stops nowhere. */
  readonly delimiter: string
  /** The character that belongs to a group behind it; empty for none. */
  readonly prefix: string
}

/** Turns literal text of a pattern into the form it has in a parsed URL; throws when no URL can hold it. */
export type EncodingCallback = (text: string) => string

const modifiers: Readonly<Record<string, Modifier>> = {
  '?': 'optional',
  '*': 'zero-or-more',
  '+': 'one-or-more',
}

/** Parses the pattern string of one component (URL Pattern § 2.1.5). */
export function parsePatternString(
  input: string,
  options: PatternOptions,
  encode: EncodingCallback,
): readonly Part[] {
  return new PatternParser(tokenize(input, 'strict'), options, encode).parse()
}

/** The regexp that `:name` stands for; a custom group with exactly this source is a segment wildcard too. */
function segmentWildcardSource(delimiter: string): string {
  return `[^${delimiter === '' ? '' : `\\${delimiter}`}]+?`
}

class PatternParser {
  readonly #tokens: readonly Token[]
  readonly #options: PatternOptions
  readonly #encode: EncodingCallback
  readonly #segmentWildcard: string
  readonly #parts: Part[] = []
  readonly #names = new Set<string>()
  #index = 0
  #pendingText = ''
  #nextNumericName = 0

  constructor(tokens: readonly Token[], options: PatternOptions, encode: EncodingCallback) {
    this.#tokens = tokens
    this.#options = options
    this.#encode = encode
    this.#segmentWildcard = segmentWildcardSource(options.delimiter)
  }

  parse(): readonly Part[] {
    while (this.#index < this.#tokens.length) {
      const char = this.#tryConsume('char')
      const name = this.#tryConsume('name')
      const body = this.#tryConsumeBody(name)
      if (name !== undefined || body !== undefined) {
        this.#addBareGroup(char, name, body)
        continue
      }
      const text = char ?? this.#tryConsume('escaped-char')
      if (text !== undefined) {
        this.#pendingText += text.value
        continue
      }
      if (this.#tryConsume('open') !== undefined) {
        this.#addBracedGroup()
        continue
      }
      this.#flushPendingText()
      this.#require('end')
    }
    return this.#parts
  }

  /** `/:name(regexp)?`, where only the options' prefix character belongs to the group. */
  #addBareGroup(char: Token | undefined, name: Token | undefined, body: Token | undefined): void {
    let prefix = char?.value ?? ''
    if (prefix !== this.#options.prefix) {
      this.#pendingText += prefix
      prefix = ''
    }
    this.#flushPendingText()
    this.#addPart(prefix, name, body, '', this.#tryConsumeModifier())
  }

  /** `{prefix:name(regexp)suffix}?`, behind its brace. */
  #addBracedGroup(): void {
    const prefix = this.#consumeText()
    const name = this.#tryConsume('name')
    const body = this.#tryConsumeBody(name)
    const suffix = this.#consumeText()
    this.#require('close')
    this.#addPart(prefix, name, body, suffix, this.#tryConsumeModifier())
  }

  #addPart(
    prefix: string,
    name: Token | undefined,
    body: Token | undefined,
    suffix: string,
    modifier: Modifier,
  ): void {
    const isText = name === undefined && body === undefined
    if (isText && modifier === 'none') {
      this.#pendingText += prefix
      return
    }
    this.#flushPendingText()
    if (isText) {
      if (prefix !== '') this.#addText(prefix, modifier)
      return
    }
    this.#claimName(name?.value ?? `${this.#nextNumericName++}`)
    this.#parts.push({
      type: this.#groupType(body),
      value: body?.value ?? '',
      modifier,
      prefix: this.#encode(prefix),
      suffix: this.#encode(suffix),
    })
  }

  #groupType(body: Token | undefined): Group['type'] {
    if (body === undefined || body.value === this.#segmentWildcard) return 'segment-wildcard'
    return body.type === 'asterisk' || body.value === '.*' ? 'full-wildcard' : 'regexp'
  }

  #claimName(name: string): void {
    if (this.#names.has(name)) throw notAPattern(`the name "${name.slice(0, 40)}" is there twice`)
    this.#names.add(name)
  }

  #flushPendingText(): void {
    if (this.#pendingText === '') return
    this.#addText(this.#pendingText, 'none')
    this.#pendingText = ''
  }

  #addText(text: string, modifier: Modifier): void {
    this.#parts.push({ type: 'fixed-text', value: this.#encode(text), modifier })
  }

  #consumeText(): string {
    let text = ''
    for (;;) {
      const token = this.#tryConsume('char') ?? this.#tryConsume('escaped-char')
      if (token === undefined) return text
      text += token.value
    }
  }

  #tryConsumeBody(name: Token | undefined): Token | undefined {
    const regexp = this.#tryConsume('regexp')
    return regexp === undefined && name === undefined ? this.#tryConsume('asterisk') : regexp
  }

  #tryConsumeModifier(): Modifier {
    const token = this.#tryConsume('other-modifier') ?? this.#tryConsume('asterisk')
    return modifiers[token?.value ?? ''] ?? 'none'
  }

  #tryConsume(type: TokenType): Token | undefined {
    const token = this.#tokens[this.#index]
    if (token?.type !== type) return undefined
    this.#index++
    return token
  }

  #require(type: TokenType): void {
    if (this.#tryConsume(type) !== undefined) return
    if (type === 'close')
      throw notAPattern('a `{` must be closed, and hold one group at most and no other `{`')
    const { value = '' } = this.#tokens[this.#index] ?? {}
    throw notAPattern(`\`${value}\` has nothing to belong to (itself it is written \`\\${value}\`)`)
  }
}
