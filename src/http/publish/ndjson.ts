import { isUtf8 } from 'node:buffer'
import { HubError } from '../../protocol/errors.ts'
import { parseRetry, type UpdateDraft } from '../../protocol/update.ts'

/**
 * A body of `application/x-ndjson`: a JSON object per line, its members named as the form's fields.
 *
 * Lines of white space alone count for nothing. Iterating reads line by line, so that a long batch can
 * be checked in slices; `line` is the number of the line that was read last, 0 before and after.
 */
export class UpdateLines implements Iterable<UpdateDraft> {
  readonly #text: string
  line = 0

  /** @throws HubError `invalid_form` when the body is not UTF-8. A byte order mark before it is skipped. */
  constructor(body: Buffer) {
    if (!isUtf8(body)) throw new HubError('invalid_form', 'the body holds bytes that are not UTF-8')
    const text = body.toString('utf8')
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
  }

  /** @throws HubError `invalid_form` for what is no update, or when there is none at all */
  *[Symbol.iterator](): Generator<UpdateDraft> {
    const text = this.#text
    let isEmpty = true
    for (let start = 0, end; start < text.length; start = end + 1) {
      this.line++
      end = text.indexOf('\n', start)
      if (end < 0) end = text.length
      const line = text.slice(start, end)
      if (isBlank(line)) continue
      isEmpty = false
      yield draftOf(parseLine(line))
    }
    this.line = 0
    if (isEmpty) throw new HubError('invalid_form', 'the batch has no updates')
  }
}

function isBlank(line: string): boolean {
  return line.length < 64 && /^[ \t\r]*$/.test(line)
}

/** The error does not quote the line, as JSON.parse would: payloads stay out of answers and logs. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new HubError('invalid_form', 'expected a JSON object')
  }
}

type Members = Record<string, unknown>

const known = new Set(['topic', 'data', 'private', 'id', 'type', 'retry'])

/**
 * Unknown members are refused, unlike unknown fields of a form: a misspelled `private` would publish
 * a secret. `null` stands for absent where that is harmless.
 */
function draftOf(value: unknown): UpdateDraft {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HubError('invalid_form', 'expected a JSON object')
  const members = value as Members // checked above
  for (const name in members)
    if (!known.has(name))
      throw new HubError(
        'invalid_form',
        `unknown member ${JSON.stringify(name.slice(0, 40))}; expected topic, data, private, id, type or retry`,
      )
  return {
    topics: topicsOf(members['topic']),
    data: textOf(members, 'data'),
    isPrivate: flagOf(members['private']),
    id: textOf(members, 'id'),
    type: textOf(members, 'type'),
    retry: retryOf(members['retry']),
  }
}

function topicsOf(topic: unknown): readonly string[] {
  if (topic === undefined) return []
  const topics: readonly unknown[] = Array.isArray(topic) ? topic : [topic]
  if (!topics.every(isText))
    throw new HubError('invalid_form', 'topic: expected a string or a list of strings')
  return topics
}

function textOf(members: Members, name: string): string {
  const value = members[name] ?? ''
  if (!isText(value)) throw new HubError('invalid_form', `${name}: expected a string`)
  return value
}

function flagOf(value: unknown): boolean {
  if (value === undefined) return false
  if (typeof value !== 'boolean')
    throw new HubError('invalid_form', 'private: expected true or false')
  return value
}

function retryOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return parseRetry(value)
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new HubError('invalid_form', 'retry: expected a number of milliseconds such as 3000')
  return parseRetry(String(value))
}

/** Half a surrogate pair (`"\ud800"`) is no text: in UTF-8 it would become another character. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}
