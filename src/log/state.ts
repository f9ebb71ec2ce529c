import { crc32 } from 'node:zlib'

/**
 * The one row that says where the history stands.
 *
 * Every write of a group renews it in the same transaction, on condition that its revision is the
 * one the group was made for: that alone orders two processes on one file, and what the row counts
 * always agrees with the tables.
 */
export interface State {
  readonly revision: number
  readonly first: number
  readonly head: number
  readonly lastTimeMs: number
  /** What the kept entries cost (`costOf`), for `history_max_bytes`. */
  readonly bytes: number
  readonly onceKeys: number
  readonly marks: number
  readonly lastId: string
}

export const emptyState: State = {
  revision: 1,
  first: 1,
  head: 0,
  lastTimeMs: 0,
  bytes: 0,
  onceKeys: 0,
  marks: 0,
  lastId: '',
}

const formatVersion = 1
const textFrom = 61

/** Spells the state: format version, checksum, seven doubles, the newest id. */
export function encodeState(state: State): Buffer {
  const idBytes = Buffer.byteLength(state.lastId)
  const bytes = Buffer.allocUnsafeSlow(textFrom + idBytes)
  bytes[0] = formatVersion
  bytes.writeDoubleBE(state.revision, 5)
  bytes.writeDoubleBE(state.first, 13)
  bytes.writeDoubleBE(state.head, 21)
  bytes.writeDoubleBE(state.lastTimeMs, 29)
  bytes.writeDoubleBE(state.bytes, 37)
  bytes.writeDoubleBE(state.onceKeys, 45)
  bytes.writeDoubleBE(state.marks, 53)
  bytes.write(state.lastId, textFrom, 'utf8')
  bytes.writeUInt32BE(crc32(bytes.subarray(5)), 1)
  return bytes
}

/** Reads the state; undefined when it is not intact. */
export function decodeState(bytes: Buffer): State | undefined {
  if (bytes.length < textFrom || bytes[0] !== formatVersion) return undefined
  if (bytes.readUInt32BE(1) !== crc32(bytes.subarray(5))) return undefined
  return {
    revision: bytes.readDoubleBE(5),
    first: bytes.readDoubleBE(13),
    head: bytes.readDoubleBE(21),
    lastTimeMs: bytes.readDoubleBE(29),
    bytes: bytes.readDoubleBE(37),
    onceKeys: bytes.readDoubleBE(45),
    marks: bytes.readDoubleBE(53),
    lastId: bytes.toString('utf8', textFrom),
  }
}
