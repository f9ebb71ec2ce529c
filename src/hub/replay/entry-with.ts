import type { Entry, Log } from '../../log/log.ts'

/** The first entry with this id while it is kept; undefined for none, and for messages between hubs. */
export async function entryWith(log: Log, id: string): Promise<Entry | undefined> {
  const position = await log.locate(id)
  if (position === undefined) return undefined
  const bounds = { maxEntries: 1, maxBytes: 1, upTo: position, isPassing: true }
  const { entries } = await log.read(position - 1, bounds)
  const [entry] = entries
  return entry?.update.id === id && entry.kind !== 'control' ? entry : undefined
}
