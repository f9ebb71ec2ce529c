import { HubError } from './errors.ts'
import { hubPath, isReserved } from './reserved.ts'
import { isPlainText, utf8Length } from './text.ts'

/** One update as it stands in the log and goes to subscribers (draft-08 § 1.6). */
export interface Update {
  readonly id: string
  /** The canonical topic first, then the alternates. Never empty. */
  readonly topics: readonly string[]
  readonly data: string
  readonly isPrivate: boolean
  /** The SSE event type; empty for a plain message. */
  readonly type: string
  /** The publisher's reconnection time in milliseconds, as decimal digits; empty when there is none. */
  readonly retry: string
}

/** What a publisher sends: an update that may still lack its id. */
export type UpdateDraft = Omit<Update, 'id'> & { readonly id?: string }

/** Topics that one update may have. */
export const maxTopics = 1000
/** Bytes of UTF-8 that a topic, an id or a type may have: what a matcher can select. */
export const maxFieldBytes = 4096

/**
 * Checks what a publisher sent, whatever their token grants (draft-08 § 1.6).
 *
 * @param hubUrl the hub's own URL: a topic that resolves to it or beneath it is reserved
 * @throws HubError `too_large` for too many topics or too long a field, else `invalid_update`
 */
export function validateUpdate(draft: UpdateDraft, hubUrl: string): void {
  if (draft.topics.length === 0)
    throw new HubError('invalid_update', 'an update needs at least one "topic" field')
  if (draft.topics.length > maxTopics)
    throw new HubError('too_large', `an update may have at most ${maxTopics} topics`, {
      limit: 'topics',
    })
  for (const topic of draft.topics) validateTopic(topic, hubUrl)
  validateId(draft.id ?? '')
  validateType(draft.type)
}

function validateTopic(topic: string, hubUrl: string): void {
  validateField('topic', topic)
  if (topic === '*') throw new HubError('invalid_update', 'the topic "*" is reserved for matchers')
  if (isReserved(topic, hubUrl))
    throw new HubError(
      'invalid_update',
      topic === ''
        ? 'a topic must not be empty'
        : `topics that resolve to ${hubPath} are reserved for the hub`,
      { cause: 'reserved_topic' },
    )
}

function validateId(id: string): void {
  validateField('id', id)
  // An id of white space alone says no more than an empty one, and is taken as it is.
  if (id !== id.trim() && id.trim() !== '')
    throw new HubError(
      'invalid_update',
      'an id must not begin or end with white space: it would be lost in a Last-Event-ID field',
    )
  if (id.startsWith('#')) throw new HubError('invalid_update', 'an id must not start with "#"')
  if (id === 'earliest') throw new HubError('invalid_update', 'the id "earliest" is reserved')
}

function validateType(type: string): void {
  validateField('type', type)
  if (type === 'mercure')
    throw new HubError('invalid_update', 'the type "mercure" is reserved for the hub')
}

function validateField(name: string, value: string): void {
  if (!isPlainText(value))
    throw new HubError(
      'invalid_update',
      `${name}: control and formatting characters are not allowed`,
    )
  if (utf8Length(value) > maxFieldBytes)
    throw new HubError('too_large', `${name}: at most ${maxFieldBytes} bytes are allowed`, {
      limit: 'topic_size',
    })
}

const maxRetry = 2n ** 64n - 1n

/**
 * Reads a `retry` field: ASCII digits that fit in 64 bits, without leading zeros in the result.
 *
 * @returns an empty string when the field is absent, empty or zero
 * @throws HubError `invalid_update`
 */
export function parseRetry(value: string): string {
  if (value === '') return ''
  if (!/^[0-9]+$/.test(value) || value.length > 100 || BigInt(value) > maxRetry)
    throw new HubError('invalid_update', 'retry: expected a number of milliseconds such as 3000')
  const retry = BigInt(value)
  return retry === 0n ? '' : String(retry)
}
