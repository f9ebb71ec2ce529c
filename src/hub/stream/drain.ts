import type { Subscriber } from './subscriber.ts'

/** Of the drain time: the rest is for the log's last flush. */
const spread = 0.9
/** Streams let go at once, before the event loop turns. */
const batch = 200

/**
 * Lets streams go at random moments of `drainMs`, so that they come back to another hub as they left:
 * not all at once, and not in the order in which they came.
 *
 * Those who come due together go in batches that yield to the event loop; with `drainMs` 0 that is all
 * of them.
 */
export async function drainOver(
  subscribers: Iterable<Subscriber>,
  drainMs: number,
  letGo: (subscriber: Subscriber) => void,
): Promise<void> {
  const started = performance.now()
  const leaving = [...subscribers]
    .map((subscriber) => ({ subscriber, atMs: spread * drainMs * Math.random() }))
    .sort((one, other) => one.atMs - other.atMs)
  let gone = 0
  while (gone < leaving.length) {
    const elapsedMs = performance.now() - started
    const end = Math.min(gone + batch, leaving.length)
    while (gone < end) {
      const next = leaving[gone]
      if (next === undefined || next.atMs > elapsedMs) break
      letGo(next.subscriber)
      gone++
    }
    await pause(gone === end ? 0 : (leaving[gone]?.atMs ?? 0) - elapsedMs)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0) setImmediate(resolve)
    else setTimeout(resolve, Math.ceil(ms))
  })
}
