import { randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** Random bytes for the next 256 ids: asking the system for each id costs 5 % of a publish. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** A new id for an update: a UUIDv7 URN (draft-08 § 1.3). Nothing orders by it. */
export function newId(): string {
  if (used + 16 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.subarray(used, used + 16)
  used += 16
  return `urn:uuid:${uuidv7({ random })}`
}
