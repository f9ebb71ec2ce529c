import type { ServerResponse } from 'node:http'
import type { Answer } from './errors.ts'

type Fields = Readonly<Record<string, string>>

/**
 * Answers without the framework, written together at the end of the turn.
 *
 * Publishers that were answered together send together, so the next turn finds more of them and what
 * a turn costs is shared.
 */
export class Answers {
  /** Names and values in turn, as `writeHead` takes them: with an array it makes no object of them. */
  readonly #always: readonly string[]
  #waiting: [ServerResponse, Answer][] = []

  /** @param always fields of every answer */
  constructor(always: Fields) {
    this.#always = Object.entries(always).flat()
  }

  give(response: ServerResponse, answer: Answer): void {
    this.#waiting.push([response, answer])
    if (this.#waiting.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const [response, answer] of waiting) this.#write(response, answer)
  }

  #write(response: ServerResponse, { status, fields, text }: Answer): void {
    const lines = [...this.#always]
    for (const name in fields) lines.push(name, fields[name] ?? '')
    lines.push('content-length', String(Buffer.byteLength(text)))
    response.writeHead(status, lines)
    response.end(text)
  }
}
