import type { IncomingMessage } from 'node:http'
import type { Presented } from '../../auth/authenticator.ts'
import type { HubUrls } from './hub-urls.ts'
import { legacyCredentialsOf } from './legacy.ts'

/** What a request shows of who asks. */
export function presentedBy(
  request: IncomingMessage,
  { origin, hubUrl, audience }: HubUrls,
  speaksLegacy: boolean,
): Presented {
  const { method, headers } = request
  return {
    ...(speaksLegacy ? legacyCredentialsOf(request) : {}),
    role: method === 'POST' ? 'publisher' : 'subscriber',
    authorization: linesOf(request, 'authorization'),
    cookie: headers.cookie,
    isUnsafe: method === 'POST',
    origin: headers.origin,
    referer: headers.referer,
    ownOrigin: origin,
    hubUrl,
    audience,
  }
}

/** All lines of a field: Node keeps the first of some and joins others. */
export function linesOf({ rawHeaders }: IncomingMessage, name: string): string[] {
  const lines: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === name.length && rawHeaders[i]?.toLowerCase() === name)
      lines.push(rawHeaders[i + 1] ?? '')
  return lines
}
