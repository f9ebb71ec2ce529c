import { getHeapStatistics } from 'node:v8'
import type { Log, Retention } from './log.ts'
import type { LmdbOptions } from './lmdb/lmdb-log.ts'
import { MemoryLog } from './memory/memory-log.ts'
import { preparePlace } from './lmdb/directory.ts'
import type { RedisOptions } from './redis/redis-log.ts'
import { isRedisUrl } from '../net/redis-url.ts'

/**
 * Looks whether a history can be opened without harm, as `openLog` does before it opens it; once for
 * several processes that will.
 *
 * @throws Error with a sentence for the operator
 */
export async function probeLog(transportUrl: string): Promise<void> {
  if (!transportUrl.startsWith('lmdb:')) return
  const { probeStore } = await import('./lmdb/probe.ts')
  const directory = transportUrl.slice('lmdb:'.length)
  preparePlace(directory)
  await probeStore(directory)
}

/**
 * Opens the history that a transport URL names: `memory:`, `lmdb:PATH` or one of the `redis:` family.
 *
 * @throws Error with a sentence for the operator
 */
export async function openLog(
  transportUrl: string,
  retention: Retention,
  options: LmdbOptions & RedisOptions = {},
): Promise<Log> {
  if (transportUrl.startsWith('memory:')) return new MemoryLog(withinHeap(retention))
  if (transportUrl.startsWith('lmdb:')) {
    const { LmdbLog } = await import('./lmdb/lmdb-log.ts') // its binary is only loaded where it is used
    return LmdbLog.open(transportUrl.slice('lmdb:'.length), retention, options)
  }
  if (isRedisUrl(transportUrl)) {
    const { RedisLog } = await import('./redis/redis-log.ts')
    return RedisLog.open(transportUrl, retention, options)
  }
  throw new Error(
    `transport_url: this version knows memory:, lmdb:PATH and redis:, got ${JSON.stringify(new URL(transportUrl).protocol)}`,
  )
}

/** A history in memory that could take the whole heap would end the process: a quarter is its bound. */
function withinHeap(retention: Retention): Retention {
  const mostBytes = Math.floor(getHeapStatistics().heap_size_limit / 4)
  const maxBytes = retention.maxBytes === 0 ? mostBytes : Math.min(retention.maxBytes, mostBytes)
  return { ...retention, maxBytes }
}
