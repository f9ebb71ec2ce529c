import type { Gap } from './options.ts'

/** What the hub says of a gap; undefined for every other event. */
export function gapOf({ type, data }: { type: string; data: string }): Gap | undefined {
  if (type !== 'mercure') return undefined
  try {
    const event = JSON.parse(data) as Record<string, unknown> | null
    if (event?.['type'] !== 'gap') return undefined
    return {
      requested: String(event['requested']),
      resumedAfter: String(event['resumed_after']),
    }
  } catch {
    return undefined
  }
}
