/** The hub's path, which is also the namespace that no publisher may use (draft-08 § 1.6). */
export const hubPath = '/.well-known/mercure'

/**
 * True when `topic` addresses the reserved namespace, however it is spelled: relative to the hub,
 * with dot segments, back-slashes, percent-encoded letters, or under another scheme or host.
 *
 * @param hubUrl the hub's own URL, against which a relative topic is resolved
 */
export function isReserved(topic: string, hubUrl: string): boolean {
  if (cannotBeReserved(topic)) return false
  const url = parse(topic) ?? parse(topic, hubUrl)
  if (url === undefined) return false
  const path = decodeUnreserved(url.pathname)
  return path === hubPath || path.startsWith(`${hubPath}/`)
}

/** An absolute http(s) topic without the letters of the namespace, and without an escape that may hide them, needs no URL parser. */
function cannotBeReserved(topic: string): boolean {
  return /^https?:\/\//.test(topic) && !/well-known|%|[\t\n\r]/i.test(topic)
}

function parse(topic: string, base?: string): URL | undefined {
  return URL.canParse(topic, base) ? new URL(topic, base) : undefined
}

/** Decodes the percent-escapes of RFC 3986's unreserved characters, and only those. */
function decodeUnreserved(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : escape
  })
}
