/** A line of a Caddyfile: its words, and the lines in its braces. */
export interface Directive {
  readonly words: readonly string[]
  readonly block: readonly Directive[] | undefined
}

type Token =
  { readonly kind: 'word'; readonly text: string } | { readonly kind: 'open' | 'close' | 'end' }

/** A quoted text, a text in backticks, a comment, the end of a line, or a word, at the place it is tried. */
const shapes =
  /"((?:\\.|[^"\\])*)"|`([^`]*)`|(#[^\n]*)|(\\\r?\n)|(\r?\n)|([^\s"`]\S*|["`]\S*)|[^\S\n]+/gy

/** Reads a Caddyfile, or some lines of one. Braces that are left open are taken to end with the text. */
export function parseCaddyfile(text: string): readonly Directive[] {
  return directives(tokens(text))
}

function* tokens(text: string): Generator<Token> {
  shapes.lastIndex = 0
  for (const [all, quoted, raw, comment, joined, end, word] of text.matchAll(shapes)) {
    if (quoted !== undefined) yield { kind: 'word', text: quoted.replaceAll(/\\(["\\])/g, '$1') }
    else if (raw !== undefined) yield { kind: 'word', text: raw }
    else if (end !== undefined) yield { kind: 'end' }
    else if (word === '{') yield { kind: 'open' }
    else if (word === '}') yield { kind: 'close' }
    else if (word !== undefined) yield { kind: 'word', text: all }
    else if (comment !== undefined || joined !== undefined) continue
  }
  yield { kind: 'end' }
}

function directives(source: Iterator<Token>): readonly Directive[] {
  const found: Directive[] = []
  let words: string[] = []
  const finish = (block?: readonly Directive[]) => {
    if (words.length > 0 || block !== undefined) found.push({ words, block })
    words = []
  }
  for (let next = source.next(); next.done !== true; next = source.next()) {
    const token = next.value
    if (token.kind === 'word') words.push(token.text)
    else if (token.kind === 'open') finish(directives(source))
    else finish()
    if (token.kind === 'close') return found
  }
  finish()
  return found
}
