import type { IncomingHttpHeaders } from 'node:http'

/** Who gets cursor lines: everybody, nobody, or those that are known to take them. */
export type CursorLines = boolean | 'auto'

/** By `cursor_lines=1` a client says that a block without data is no message to it. */
export const cursorLinesParameter = 'cursor_lines'

/**
 * Whether a stream carries blocks without data that move the client's cursor.
 *
 * They are right by the standard, and messages to widely used clients all the same, some of which then
 * reconnect for ever. So they go to who asks for them, and to the `EventSource` of browsers.
 */
export function takesCursorLines(
  to: CursorLines,
  headers: IncomingHttpHeaders,
  asksForThem: boolean,
): boolean {
  if (to !== 'auto') return to
  return asksForThem || isNativeEventSource(headers)
}

/**
 * Whether a browser's own `EventSource` sends these fields: it accepts nothing else, never asks a cache,
 * and cannot send a token. `fetch` looks the same only when told not to store, and without a token.
 */
function isNativeEventSource(headers: IncomingHttpHeaders): boolean {
  return (
    headers.accept === 'text/event-stream' &&
    headers['cache-control'] === 'no-cache' &&
    headers.pragma === 'no-cache' &&
    headers['sec-fetch-dest'] === 'empty' &&
    headers.authorization === undefined
  )
}
