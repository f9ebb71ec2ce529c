import type { ComponentName } from '../url-components.ts'
import { compileProtocol, matchesSpecialScheme } from '../component-pattern.ts'
import { type Token, tokenize } from './tokenizer.ts'

/** Pattern strings by component; what is absent was not said. */
export type PatternStrings = { -readonly [name in ComponentName]?: string }

type State = 'init' | 'authority' | ComponentName

const beforePathname: readonly State[] = [
  'protocol',
  'authority',
  'username',
  'password',
  'hostname',
  'port',
]
const beforeHostname = beforePathname.slice(0, 4)

/** Cuts a whole URL Pattern into the pattern strings of its components (URL Pattern § 1.6). */
export function parseConstructorString(input: string): PatternStrings {
  return new ConstructorStringParser(input).parse()
}

/** The standard's state machine, step by step and under its names. */
class ConstructorStringParser {
  readonly #input: string
  readonly #tokens: readonly Token[]
  readonly #result: PatternStrings = {}
  #componentStart = 0
  #tokenIndex = 0
  #tokenIncrement = 1
  #groupDepth = 0
  #bracketDepth = 0
  #protocolIsSpecial = false
  #state: State = 'init'

  constructor(input: string) {
    this.#input = input
    this.#tokens = tokenize(input, 'lenient')
  }

  parse(): PatternStrings {
    for (; this.#tokenIndex < this.#tokens.length; this.#tokenIndex += this.#tokenIncrement) {
      this.#tokenIncrement = 1
      const { type } = this.#tokenAt(this.#tokenIndex)
      if (type === 'end') {
        if (this.#state !== 'init' && this.#state !== 'authority') break
        this.#endEarly()
      } else if (type === 'open') this.#groupDepth++
      else if (this.#groupDepth === 0) this.#step()
      else if (type === 'close') {
        this.#groupDepth--
        this.#step()
      }
    }
    this.#keepComponent()
    // Without a port a host means the default one; any port is said with `:*`.
    if (this.#result.hostname !== undefined) this.#result.port ??= ''
    return this.#result
  }

  /** The end came before a `:` (the pattern is relative) or before an `@` (there is no user). */
  #endEarly(): void {
    if (this.#state === 'authority') {
      this.#rewindTo('hostname')
      return
    }
    this.#rewind()
    if (this.#isChar('#')) this.#changeState('hash', 1)
    else if (this.#isSearchPrefix()) this.#changeState('search', 1)
    else this.#changeState('pathname', 0)
  }

  #step(): void {
    switch (this.#state) {
      case 'init':
        if (this.#isChar(':')) this.#rewindTo('protocol')
        return
      case 'protocol':
        if (this.#isChar(':')) this.#endProtocol()
        return
      case 'authority':
        if (this.#isChar('@')) this.#rewindTo('username')
        else if (this.#isChar('/') || this.#isSearchPrefix() || this.#isChar('#'))
          this.#rewindTo('hostname')
        return
      case 'username':
        if (this.#isChar(':')) this.#changeState('password', 1)
        else if (this.#isChar('@')) this.#changeState('hostname', 1)
        return
      case 'password':
        if (this.#isChar('@')) this.#changeState('hostname', 1)
        return
      case 'hostname':
        if (this.#isChar('[')) this.#bracketDepth++
        else if (this.#isChar(']')) this.#bracketDepth--
        else if (this.#isChar(':') && this.#bracketDepth === 0) this.#changeState('port', 1)
        else this.#endAuthority()
        return
      case 'port':
        this.#endAuthority()
        return
      case 'pathname':
        this.#endPathname()
        return
      case 'search':
        if (this.#isChar('#')) this.#changeState('hash', 1)
        return
      case 'hash':
    }
  }

  #endProtocol(): void {
    this.#protocolIsSpecial = matchesSpecialScheme(compileProtocol(this.#componentString()))
    const slashes = this.#isChar('/', 1) && this.#isChar('/', 2)
    if (slashes) this.#changeState('authority', 3)
    else this.#changeState(this.#protocolIsSpecial ? 'authority' : 'pathname', 1)
  }

  #endAuthority(): void {
    if (this.#isChar('/')) this.#changeState('pathname', 0)
    else this.#endPathname()
  }

  #endPathname(): void {
    if (this.#isSearchPrefix()) this.#changeState('search', 1)
    else if (this.#isChar('#')) this.#changeState('hash', 1)
  }

  #changeState(state: ComponentName | 'authority', skip: number): void {
    this.#keepComponent()
    if (this.#state !== 'init') this.#fillSkippedComponents(state)
    this.#state = state
    this.#tokenIndex += skip
    this.#componentStart = this.#tokenIndex
    this.#tokenIncrement = 0
  }

  #keepComponent(): void {
    if (this.#state === 'init' || this.#state === 'authority') return
    this.#result[this.#state] = this.#componentString()
  }

  /** What stands between two given components is empty; what comes after the last one may be anything. */
  #fillSkippedComponents(next: State): void {
    const isBeforePathname = beforePathname.includes(this.#state)
    const toSearch = next === 'search' || next === 'hash'
    if (
      beforeHostname.includes(this.#state) &&
      (toSearch || next === 'port' || next === 'pathname')
    )
      this.#result.hostname ??= ''
    if (isBeforePathname && toSearch) this.#result.pathname ??= this.#protocolIsSpecial ? '/' : ''
    if ((isBeforePathname || this.#state === 'pathname') && next === 'hash')
      this.#result.search ??= ''
  }

  #rewind(): void {
    this.#tokenIndex = this.#componentStart
    this.#tokenIncrement = 0
  }

  #rewindTo(state: State): void {
    this.#rewind()
    this.#state = state
  }

  #componentString(): string {
    const start = this.#tokenAt(this.#componentStart).index
    return this.#input.slice(start, this.#tokenAt(this.#tokenIndex).index)
  }

  /** A bare `?` begins the search unless it can be the modifier of what stands before it. */
  #isSearchPrefix(): boolean {
    if (this.#isChar('?')) return true
    if (this.#tokenAt(this.#tokenIndex).value !== '?') return false
    if (this.#tokenIndex === 0) return true
    const { type } = this.#tokenAt(this.#tokenIndex - 1)
    return type !== 'name' && type !== 'regexp' && type !== 'close' && type !== 'asterisk'
  }

  #isChar(value: string, offset = 0): boolean {
    const token = this.#tokenAt(this.#tokenIndex + offset)
    return (
      token.value === value &&
      (token.type === 'char' || token.type === 'escaped-char' || token.type === 'invalid-char')
    )
  }

  /** Beyond the last token stands the end. */
  #tokenAt(index: number): Token {
    return this.#tokens[index] ?? { type: 'end', index: this.#input.length, value: '' }
  }
}
