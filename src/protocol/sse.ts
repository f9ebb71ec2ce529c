import type { Update, UpdateDraft } from './update.ts'

/**
 * Encodes an update as a Server-Sent Event: event, retry, one `data:` per line, id, blank line.
 *
 * The id stands last: several clients take it when its line arrives, and would never be sent again what was
 * cut behind it.
 *
 * CRLF, CR and LF each end a line, so nothing in the data can become a field of its own; ids and
 * types were checked before (validateUpdate). See draft-08 § 1.3.
 */
export function encodeUpdate(update: Update): Buffer {
  return Buffer.from(frameText(update))
}

/** Encodes several, one after the other. */
export function encodeUpdates(updates: readonly Update[]): Buffer {
  return Buffer.from(updates.map(frameText).join(''))
}

function frameText(update: Update): string {
  const event = update.type === '' ? '' : `event: ${update.type}\n`
  const retry = update.retry === '' ? '' : `retry: ${update.retry}\n`
  return `${event}${retry}${dataLines(update.data)}id: ${update.id}\n\n`
}

/** Bytes that `encodeUpdate` would need at most, without encoding: each line break may cost seven. */
export function frameBytesAtMost({ type, retry, id = '', data }: UpdateDraft): number {
  const lineBreaks = data.split(/[\r\n]/).length
  return (
    128 + 3 * (type.length + retry.length + id.length) + Buffer.byteLength(data) + 6 * lineBreaks
  )
}

function dataLines(data: string): string {
  if (!/[\r\n]/.test(data)) return `data: ${data}\n`
  return `data: ${data.split(/\r\n|\r|\n/).join('\ndata: ')}\n`
}

/** An event that the hub itself makes (decision 4): type `mercure`, JSON data, no id of its own. */
export function encodeHubEvent(
  document: { readonly type: string } & Record<string, unknown>,
): Buffer {
  return Buffer.from(`event: mercure\ndata: ${JSON.stringify(document)}\n\n`)
}

/** A block without data: by the WHATWG algorithm it moves the client's cursor and dispatches nothing. */
export function encodeCursorLine(cursor: string): string {
  return `id: ${cursor}\n\n`
}
