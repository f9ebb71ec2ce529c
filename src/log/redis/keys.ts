import { createHash } from 'node:crypto'

/**
 * Keys of the history, in the order in which every script takes them. All are in one slot of a Cluster.
 *
 * ```
 * {p}:state  hash    epoch, head, first, count, bytes, … of the history
 * {p}:log    stream  position-0 → t: time in ms, r: the record (record.ts, at position 0 and time 0)
 * {p}:ids    hash    id → its first position;  {p}:next: position → the next one with the same id;
 * {p}:last   hash    id → its last position, when there are several
 * {p}:marks  hash    name → value;             {p}:names: zset of the names, in byte order
 * {p}:once   hash    key → first outcome;      {p}:due: zset of the keys by the end of their window
 * {p}:notices list   positions of entries that are no updates
 * {p}:t:…    string  a batch that was stored → its outcomes, for a while
 * ```
 */
export function keysOf(prefix: string): readonly string[] {
  return ['state', 'log', 'ids', 'next', 'last', 'marks', 'names', 'once', 'due', 'notices'].map(
    (name) => `{${prefix}}:${name}`,
  )
}

export const tokenKeyOf = (prefix: string, token: string) => `{${prefix}}:t:${token}`

/** Ids longer than this are indexed by their digest, here and in the scripts. */
export const longId = 64

export function idKeyOf(id: string): string {
  if (Buffer.byteLength(id) <= longId) return id
  return `#${createHash('sha1').update(id).digest('hex')}`
}
