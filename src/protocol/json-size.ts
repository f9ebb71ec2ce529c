/** What JSON of a stranger may hold: values, counting those within others, and levels of nesting. */
export interface JsonLimits {
  readonly values: number
  readonly levels: number
}

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Whether JSON is within limits, told before it is parsed: a value costs far more than the byte or two that
 * it takes, and what is nested deeply ends the stack of whoever walks it. One pass, which makes nothing.
 *
 * Of what is no JSON it may say either; the parser says the rest.
 */
export function isWithin(text: string, { values, levels }: JsonLimits): boolean {
  let [count, depth] = [1, 0]
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (code === comma) count++
    else if (code === closeList || code === closeObject) depth--
    else if (code === openList || code === openObject) {
      count++
      depth++
    }
    if (count > values || depth > levels) return false
  }
  return true
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) return at
    if (code === backslash) at++
  }
  return text.length
}
