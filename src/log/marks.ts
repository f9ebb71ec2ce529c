/** What every log can store as the name of a mark: LMDB allows 1,978 bytes, and a name is no payload. */
const longestName = 512

export function isMarkName(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= longestName
}

/** A fault of ours: names are made by the hub, never by a client. */
export function badMark(): RangeError {
  return new RangeError(`the name of a mark has 1 to ${longestName} bytes`)
}
