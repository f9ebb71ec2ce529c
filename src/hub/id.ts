import { hash, randomFillSync } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'

/** Random bytes for the next 256 ids: asking the system for each id costs 5 % of a publish. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** A new id for an update: a UUIDv7 URN (draft-08 § 1.3). Nothing orders by it. */
export function newId(): string {
  return `urn:uuid:${uuidv7({ random: randomBytes() })}`
}

/** Everything that is needed to make the ids of a publication again: a time and 128 random bits. */
export function newSeed(): string {
  return `${Date.now()}.${randomBytes().toString('base64url')}`
}

/** The id of a publication's update number `index`. Who knows one of them cannot tell the others. */
export function seededId(seed: string, index: number): string {
  const random = hash('sha256', `${seed} ${index}`, 'buffer').subarray(0, 16)
  return `urn:uuid:${uuidv7({ random, msecs: Number.parseInt(seed, 10) })}`
}

function randomBytes(): Buffer {
  if (used + 16 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.subarray(used, used + 16)
  used += 16
  return random
}
