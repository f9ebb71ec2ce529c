import type { FastifyReply, FastifyRequest } from 'fastify'
import { wwwAuthenticate } from '../auth/challenge.ts'
import { errors, HubError } from '../protocol/errors.ts'
import { legacyRefusal } from './request/legacy.ts'

/** Seconds after which a client may try again when the hub cannot serve it now. */
const retryAfterSeconds = 5

/** An answer as it goes over the wire. */
export interface Answer {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly text: string
}

/**
 * A refusal's status, challenge, and a sentence as text or, for who asks for JSON, as RFC 9457 says. A
 * 0.x request is answered with the statuses of 0.x.
 */
export function refusalOf(
  error: HubError,
  accept: string | undefined,
  metadataUrl: string | undefined,
  isLegacy = false,
): Answer {
  const { status, title } = isLegacy ? legacyRefusal(error) : errors[error.code]
  const challenge = isLegacy ? undefined : wwwAuthenticate(error.code, metadataUrl)
  const fields: Record<string, string> = {}
  if (challenge !== undefined) fields['www-authenticate'] = challenge
  if (status === 503 || status === 429)
    fields['retry-after'] = String(error.retryAfterSeconds ?? retryAfterSeconds)
  if (error.code === 'too_large') fields['connection'] = 'close'
  fields['cache-control'] = 'no-store'
  if (wantsJson(accept)) {
    const problem = { type: 'about:blank', title, status, detail: error.message, code: error.code }
    fields['content-type'] = 'application/problem+json'
    return { status, fields, text: JSON.stringify(problem) }
  }
  fields['content-type'] = 'text/plain; charset=utf-8'
  const text = error.message === title ? title : `${title}: ${error.message}`
  return { status, fields, text: `${text}\n` }
}

/** Answers a refusal through the framework. */
export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: HubError,
  metadataUrl: string | undefined,
  isLegacy = false,
): void {
  const { status, fields, text } = refusalOf(error, request.headers.accept, metadataUrl, isLegacy)
  void reply.code(status).headers(fields)
  if (request.raw.httpVersionMajor > 1) void reply.removeHeader('connection')
  if (request.method === 'HEAD') void reply.removeHeader('content-type').send()
  else void reply.send(Buffer.from(text)) // of a string the framework would name the charset, which JSON has not
}

function wantsJson(accept = ''): boolean {
  return /\bapplication\/(problem\+)?json\b/i.test(accept)
}

/** What the framework throws, in the hub's own words; what nobody expected becomes `internal`. */
export function asHubError(error: unknown): HubError {
  if (error instanceof HubError) return error
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new HubError('too_large', 'the body is larger than max_request_body_size', {
      limit: 'max_request_body_size',
    })
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH')
    return new HubError('invalid_form', 'expected a body of type application/x-www-form-urlencoded')
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new HubError('invalid_request', 'the request is malformed', { cause: error })
  return new HubError('internal', undefined, { cause: error })
}
