/** A former name of the history, and the last position that means the same in both. */
export interface FormerEpoch {
  readonly epoch: string
  readonly upTo: number
}

/** Former epochs that are remembered; a failover that loses entries adds one. */
const maxFormer = 16
/** Positions whose fingerprints are kept to find where two histories part: more than a replica is ever behind. */
const maxFingerprints = 16_384

/** Reads the row `past` of the state: `epoch:position` words. */
export function parsePast(text: string): FormerEpoch[] {
  return text
    .split(' ')
    .map((word) => /^([0-9a-f-]{36}):(\d+)$/.exec(word))
    .flatMap((found) =>
      found?.[1] === undefined ? [] : [{ epoch: found[1], upTo: Number(found[2]) }],
    )
}

/** Adds an epoch that ends at `upTo`; what older ones share with the history ends there as well. */
export function formatPast(past: readonly FormerEpoch[], ended: FormerEpoch): string {
  return [...past, ended]
    .slice(-maxFormer)
    .map(({ epoch, upTo }) => `${epoch}:${Math.min(upTo, ended.upTo)}`)
    .join(' ')
}

/**
 * What this process has seen of the newest positions: time and checksum of each, so that it can tell
 * whether a server that it comes back to still has the same history (a failover may have lost its end).
 */
export class Fingerprints {
  readonly #found = new Map<number, string>()

  note(position: number, fingerprint: string): void {
    this.#found.set(position, fingerprint)
    this.#found.delete(position - maxFingerprints)
  }

  /** The oldest position that is known, or the one after `newest`. */
  oldest(newest: number): number {
    for (const position of this.#found.keys()) return position
    return newest + 1
  }

  get(position: number): string | undefined {
    return this.#found.get(position)
  }

  forgetAfter(position: number): void {
    for (const known of this.#found.keys()) if (known > position) this.#found.delete(known)
  }
}

/** Time in ms and the checksum of a record: what tells one entry from another at the same position. */
export function fingerprintOf(timeMs: number, record: Buffer): string {
  return `${timeMs}:${record.toString('hex', 1, 5)}`
}
