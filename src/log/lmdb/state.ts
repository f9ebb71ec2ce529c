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
  /** Updates that are kept. */
  readonly updates: number
  /** What they cost (`costOf`), for `history_max_bytes`. */
  readonly bytes: number
  /** Presence and control entries that are kept, and what they cost. */
  readonly notices: number
  readonly noticeBytes: number
  /** Before this position no notice is kept, and a record that is not there was one. */
  readonly noticesFrom: number
  readonly onceKeys: number
  readonly marks: number
  readonly lastId: string
}

export const emptyState: State = {
  revision: 1,
  first: 1,
  head: 0,
  lastTimeMs: 0,
  updates: 0,
  bytes: 0,
  notices: 0,
  noticeBytes: 0,
  noticesFrom: 1,
  onceKeys: 0,
  marks: 0,
  lastId: '',
}

/** Version 1 counted no notices: seven doubles instead of eleven. It is read, and written as 2. */
const formatVersion = 2
const textFrom = 93
const textFromInVersion1 = 61

/** Spells the state: format version, checksum, eleven doubles, the newest id. */
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
  bytes.writeDoubleBE(state.updates, 61)
  bytes.writeDoubleBE(state.notices, 69)
  bytes.writeDoubleBE(state.noticeBytes, 77)
  bytes.writeDoubleBE(state.noticesFrom, 85)
  bytes.write(state.lastId, textFrom, 'utf8')
  bytes.writeUInt32BE(crc32(bytes.subarray(5)), 1)
  return bytes
}

/** Reads the state; undefined when it is not intact. */
export function decodeState(bytes: Buffer): State | undefined {
  const version = bytes[0]
  const idFrom = version === 1 ? textFromInVersion1 : textFrom
  if (bytes.length < idFrom || (version !== 1 && version !== formatVersion)) return undefined
  if (bytes.readUInt32BE(1) !== crc32(bytes.subarray(5))) return undefined
  const first = bytes.readDoubleBE(13)
  const head = bytes.readDoubleBE(21)
  const hasNotices = version !== 1
  return {
    revision: bytes.readDoubleBE(5),
    first,
    head,
    updates: hasNotices ? bytes.readDoubleBE(61) : head - first + 1,
    notices: hasNotices ? bytes.readDoubleBE(69) : 0,
    noticeBytes: hasNotices ? bytes.readDoubleBE(77) : 0,
    noticesFrom: hasNotices ? bytes.readDoubleBE(85) : first,
    lastTimeMs: bytes.readDoubleBE(29),
    bytes: bytes.readDoubleBE(37),
    onceKeys: bytes.readDoubleBE(45),
    marks: bytes.readDoubleBE(53),
    lastId: bytes.toString('utf8', idFrom),
  }
}
