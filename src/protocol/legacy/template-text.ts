/** A text as templates are matched against it: ASCII only, so that a program needs small tables. */
export interface TemplateText {
  readonly text: string
  /** All characters beyond ASCII, in order: a template has them in literals only, so they are compared. */
  readonly beyond: string
}

/** What a hexadecimal digit of a percent-escape becomes: no topic holds control characters. */
const shifted: ReadonlyMap<string, string> = new Map(
  Array.from('0123456789abcdefABCDEF', (digit, index) => [digit, String.fromCharCode(index + 1)]),
)

/** The characters that stand for the digits of escapes: variables take them, literals know which. */
export const escapedDigits: readonly string[] = [...shifted.values()]

const beyondAscii = '\x1f'

/**
 * Translates a text, so that one character at a time tells whether it belongs to a percent-escape.
 *
 * Otherwise a variable could end within an escape, and `{a}41` would match `%41`. Undefined for a
 * text that no template matches: it has a `%` that escapes nothing, or a control character.
 */
export function templateText(text: string): TemplateText | undefined {
  if (isSimple.test(text)) return { text, beyond: '' }
  if (isImpossible.test(text)) return undefined
  const beyond = text.match(/[^\0-\x7f]/gu)?.join('') ?? ''
  return {
    text: text
      .replace(/%../g, ([, high = '', low = '']) => `%${shifted.get(high)}${shifted.get(low)}`)
      .replace(/[^\0-\x7f]/gu, beyondAscii),
    beyond,
  }
}

const isSimple = /^[!-$&-~]*$/
const isImpossible = /\p{Cc}|%(?![\da-fA-F]{2})/u
