import type { Settings } from './settings.ts'

/** A bound and the memory that it lets the hub take when everything is at its worst. */
export interface MemoryBound {
  readonly what: string
  readonly bytes: number
}

/**
 * A remembered match result: a topic of at most 4 KiB, which results for other patterns share, and
 * the entry's own place. What a million entries really take is a fraction of it.
 */
const matchResultBytes = 4096 + 128

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
      what: `match results of ${topicMatcherCacheEntries} topics of 4 KiB`,
      bytes: topicMatcherCacheEntries * matchResultBytes,
    },
    ...historyInMemory(settings),
  ]
}

function historyInMemory({ transportUrl, historyMaxBytes }: Settings): readonly MemoryBound[] {
  if (transportUrl !== 'memory:' || historyMaxBytes === 0) return []
  return [{ what: 'history', bytes: historyMaxBytes }]
}
