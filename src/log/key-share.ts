import { HubError } from '../protocol/errors.ts'
import type { AppendOptions } from './log.ts'

export type Once = NonNullable<AppendOptions['once']>

/** Idempotency keys that are remembered at most, where the append does not say. */
export const usualKeys = 100_000

/**
 * Why a new idempotency key cannot be remembered: `all` are, and `own` of them are its owner's.
 *
 * An owner has at most as many as are left for all others: half the table, the next one half of the
 * rest, and so on. However many keys one publisher sends, there is room for another's.
 */
export function keyRefusal(all: number, own: number, most = usualKeys): HubError | undefined {
  if (all >= most) return tableIsFull()
  return own >= most - all ? shareIsFull() : undefined
}

export function tableIsFull(): HubError {
  const text = 'too many idempotency keys are remembered; try again later'
  return new HubError('unavailable', text, { limit: 'idempotency_keys' })
}

export function shareIsFull(): HubError {
  const text =
    'too many idempotency keys of this publisher are remembered; the rest is for others; try again later'
  return new HubError('unavailable', text, { limit: 'idempotency_keys_per_publisher' })
}
