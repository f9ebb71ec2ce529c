import type { Log, Retention } from './log.ts'
import { MemoryLog } from './memory.ts'

/** Opens the log that a transport URL names. */
export async function openLog(transportUrl: string, retention: Retention): Promise<Log> {
  if (transportUrl.startsWith('memory:')) return new MemoryLog(retention)
  throw new Error(`transport_url: expected memory: or lmdb:PATH, got ${JSON.stringify(transportUrl)}`)
}
