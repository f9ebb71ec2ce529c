/** Characters that no topic, id, type or matcher may hold: C0, DEL, C1 and Unicode's category Cf (draft-08 § 1.2). */
const forbidden = /[\p{Cc}\p{Cf}]/u

/** True when `text` holds no control or formatting character. */
export function isPlainText(text: string): boolean {
  return !forbidden.test(text)
}

/** The length of `text` in bytes of UTF-8, which is what the protocol's limits count. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}
