import { availableParallelism } from 'node:os'
import type { Settings } from './settings.ts'

/** A bound and the memory that it lets the hub take when everything is at its worst. */
export interface MemoryBound {
  readonly what: string
  readonly bytes: number
}

/** Measured on the cache itself: 48 bytes for each place, reserved at the start, and 64 when it is taken. */
const matchResultBytes = 112
/** A result's key holds a topic of at most 4 KiB, in at most two bytes per character. */
const matchKeyBytes = 2 * 4096
/** The registry bounds all keys together to 32 Mi characters, however many places there are. */
const allMatchKeysBytes = 2 * 32 * 1024 ** 2

/** What the bounds imply, for the start-up log. A bound that is off is told per subscriber, or not at all. */
export function worstCaseMemory(settings: Settings): readonly MemoryBound[] {
  const { subscriberBufferBytes, maxSubscribers, topicMatcherCacheEntries } = settings
  return [
    maxSubscribers === 0
      ? {
          what: 'buffer of each subscriber (max_subscribers is 0, no limit)',
          bytes: subscriberBufferBytes,
        }
      : {
          what: `buffers of ${maxSubscribers} subscribers`,
          bytes: maxSubscribers * subscriberBufferBytes,
        },
    {
      what: `${topicMatcherCacheEntries} match results`,
      bytes: matchResults(topicMatcherCacheEntries),
    },
    ...historyInMemory(settings),
    ...historyAtHand(settings),
  ]
}

function matchResults(entries: number): number {
  return entries * matchResultBytes + Math.min(entries * matchKeyBytes, allMatchKeysBytes)
}

function historyInMemory({ transportUrl, historyMaxBytes }: Settings): readonly MemoryBound[] {
  if (transportUrl !== 'memory:' || historyMaxBytes === 0) return []
  return [{ what: 'history', bytes: historyMaxBytes }]
}

/** Decoded entries that an `lmdb:` history keeps at hand, in each process. */
const bytesAtHand = 32 * 1024 ** 2

/** Buffers and match results are totals, whatever the number of workers; this is not. */
function historyAtHand({ transportUrl, workers }: Settings): readonly MemoryBound[] {
  if (!transportUrl.startsWith('lmdb:')) return []
  const count = workers === 'auto' ? availableParallelism() : workers
  const what = count === 1 ? 'history at hand' : `history at hand of ${count} workers`
  return [{ what, bytes: count * bytesAtHand }]
}
