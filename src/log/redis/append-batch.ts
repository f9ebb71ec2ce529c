import { createHash } from 'node:crypto'
import { HubError } from '../../protocol/errors.ts'
import type { Update } from '../../protocol/update.ts'
import type { Appended, AppendOptions, EntryKind } from '../log.ts'
import { recordBytesAtMost, writeRecord } from '../record.ts'
import type { Argument, Reply } from './connection.ts'

/** A publisher that waits for its answer. */
export interface Waiting {
  readonly updates: readonly Update[]
  readonly options: AppendOptions
  readonly records: readonly Buffer[]
  readonly bytes: number
  /** When it is told that the outcome is unknown, on performance.now's clock. */
  readonly deadlineMs: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: HubError) => void
}

/** Keys and marks that are remembered at most; beyond, appends that need one are refused. */
export const maxOnceKeys = 100_000
export const maxMarks = 1_000_000

/**
 * Records as they stand in the stream: position and time are Redis' to give, so the checksum is that of
 * position 0 and time 0.
 *
 * @throws HubError `too_large` when a field is longer than a record can hold
 */
export function recordsOf(updates: readonly Update[], kind: EntryKind): Buffer[] {
  try {
    return updates.map((update) => {
      const room = Buffer.allocUnsafe(recordBytesAtMost(update))
      return room.subarray(0, writeRecord(room, 0, 0, 0, update, kind))
    })
  } catch (cause) {
    throw new HubError('too_large', 'a field of the update is too long', { cause })
  }
}

/** What the script is given for these appends (scripts/append.lua). */
export function argumentsOf(waiting: readonly Waiting[]): Argument[] {
  return waiting.flatMap(({ updates, options: { once, marks = [] }, records }) => [
    updates.length,
    ...(once === undefined
      ? ['', '', 0, '']
      : [
          digestOf(once.key),
          once.fingerprint,
          once.windowMs,
          JSON.stringify(
            once.answer === undefined ? updates.map((update) => update.id) : [once.answer],
          ),
        ]),
    marks.length,
    ...marks.flatMap(({ name, from, to }) => [name, ...optional(from), ...optional(to)]),
    ...records,
  ])
}

const optional = (value: string | undefined) => (value === undefined ? [0, ''] : [1, value])

/** Keys may be long and secret: their digest is enough to know one again. */
function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22)
}

/** Reads what the script answered for one of them. */
export function outcomeOf({ updates }: Waiting, reply: Reply): Appended | HubError {
  const text = String(reply)
  const rest = text.slice(1)
  switch (text[0]) {
    case 's':
      return { outcome: 'stored', ids: updates.map((update) => update.id), position: Number(rest) }
    case 'r': {
      const colon = rest.indexOf(':')
      const ids = JSON.parse(rest.slice(colon + 1)) as string[] // written by `argumentsOf`
      return { outcome: 'repeated', ids, position: Number(rest.slice(0, colon)) }
    }
    case 'c':
      return { outcome: 'conflict' }
    case 'x':
      return { outcome: 'refused' }
    case 'm':
      return new HubError('unavailable', 'the history holds too many marks; try again later')
    default:
      return new HubError(
        'unavailable',
        'too many idempotency keys are remembered; try again later',
      )
  }
}
