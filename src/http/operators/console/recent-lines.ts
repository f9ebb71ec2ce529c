/** Warnings and errors that are kept; each of at most so many characters. */
const mostLines = 200
const mostCharacters = 500

/** A warning or an error of the process's own log. */
export interface RecentLine {
  /** Counts up. */
  readonly number: number
  readonly atMs: number
  readonly level: 'warn' | 'error'
  readonly text: string
}

/** What of a line's fields says more than its sentence. */
const telling = [
  'problem',
  'reason',
  'limit',
  'code',
  'job',
  'kind',
  'times',
  'suppressed',
  'worker',
  'signal',
]

/** The last warnings and errors of the log, for people who look at the console and not at the log. */
export class RecentLines {
  #lines: RecentLine[] = []
  #number = 0

  /** A line was written: JSON, its level first. */
  see(line: string): void {
    if (!/^\{"level":[456]0,/.test(line)) return
    const fields = parsed(line)
    if (fields === undefined) return
    this.#lines.push({
      number: ++this.#number,
      atMs: Date.parse(String(fields['time'])),
      level: fields['level'] === 40 ? 'warn' : 'error',
      text: sentenceOf(fields).slice(0, mostCharacters),
    })
    if (this.#lines.length > mostLines) this.#lines.shift()
  }

  /** Those after a number, the newest first. */
  after(number: number): readonly RecentLine[] {
    return this.#lines.filter((line) => line.number > number).reverse()
  }
}

function sentenceOf({ msg, err, ...fields }: Record<string, unknown>): string {
  const details = telling
    .filter((name) => fields[name] !== undefined)
    .map((name) => `${name}: ${String(fields[name])}`)
  const cause = (err as { readonly message?: unknown } | undefined)?.message // as pino writes an error
  if (typeof cause === 'string') details.push(cause)
  return `${String(msg)}${details.length === 0 ? '' : ` (${details.join(', ')})`}`
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown> // its first characters said that it is an object
  } catch {
    return undefined // somebody else's line, or half of one
  }
}
