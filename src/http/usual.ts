import type { IncomingMessage } from 'node:http'

/** Fields that change nothing about a publish or a stream, whoever adds them on the way. */
export const harmless = [
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'connection',
  'forwarded',
  'host',
  'traceparent',
  'tracestate',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
] as const

/**
 * Whether a request is one that a short way may take: HTTP/1.1 on a connection that stays, one `Host`,
 * one `Authorization` at most, and no other fields than these.
 */
export function isUsual(
  { rawHeaders, headers, httpVersion }: IncomingMessage,
  fields: ReadonlySet<string>,
): boolean {
  let hosts = 0
  let tokens = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (!fields.has(name)) return false
    if (name === 'host') hosts++
    else if (name === 'authorization') tokens++
  }
  const { connection } = headers
  return (
    hosts === 1 &&
    tokens <= 1 &&
    httpVersion === '1.1' &&
    (connection === undefined || connection === 'keep-alive')
  )
}
