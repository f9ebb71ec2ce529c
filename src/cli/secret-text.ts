import { readFileSync } from 'node:fs'
import type { Parser } from '../config/options/parsers.ts'

/** A text given literally, as `@FILE`, or as `@-` on stdin; one line end after it is dropped. */
export const secretText: Parser<string> = (text) => {
  if (!text.startsWith('@')) return { value: text }
  try {
    const content = readFileSync(text === '@-' ? 0 : text.slice(1), 'utf8')
    return { value: content.replace(/\r?\n$/, '') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return { expected: `a file to read after @ (${code})` }
  }
}
