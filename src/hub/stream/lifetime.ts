/** When a stream ends by itself, on the clock of `performance.now()`, and why. */
export interface Life {
  readonly atMs: number
  readonly reason: 'expired' | 'rotated'
}

/**
 * A stream lives until its token ends, or until a random moment of the last fifth of the longest life, so
 * that streams which began together do not come back together.
 *
 * @param longestMs 0 for no limit
 * @param expiresAtMs since 1970; absent when there is no token
 */
export function lifeOf(longestMs: number, expiresAtMs: number | undefined): Life {
  const now = performance.now()
  const rotateAt = longestMs > 0 ? now + longestMs * (0.8 + 0.2 * Math.random()) : Infinity
  const expireAt = expiresAtMs === undefined ? Infinity : now + expiresAtMs - Date.now()
  return expireAt <= rotateAt
    ? { atMs: expireAt, reason: 'expired' }
    : { atMs: rotateAt, reason: 'rotated' }
}
