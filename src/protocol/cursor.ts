/**
 * Where a client stands, as it tells us: nothing, the beginning, an update's id, or one of our own
 * cursor lines.
 */
export type Cursor =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'position'; readonly epoch: string; readonly position: number }

/** The reserved cursor that asks for all the history there is (draft-08 § 1.11). */
export const earliest = 'earliest'

/**
 * Spells a position as the id of a cursor line.
 *
 * `#` is reserved for hubs, so no publisher's id collides; the position says how many entries the
 * log took, never what they were.
 */
export function formatPosition(epoch: string, position: number): string {
  return `#${epoch}.${position.toString(36)}`
}

/** Reads a cursor that a client sent. What is no cursor line of ours is an id. */
export function parseCursor(value: string): Cursor {
  if (value === earliest) return { kind: 'earliest' }
  const ours = /^#([0-9a-z-]{1,64})\.([0-9a-z]{1,11})$/.exec(value)
  if (ours?.[1] === undefined || ours[2] === undefined) return { kind: 'id', id: value }
  return { kind: 'position', epoch: ours[1], position: Number.parseInt(ours[2], 36) }
}
