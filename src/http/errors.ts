import type { FastifyReply, FastifyRequest } from 'fastify'
import { wwwAuthenticate } from '../auth/challenge.ts'
import { errors, HubError } from '../protocol/errors.ts'
import { legacyRefusal } from './legacy.ts'

/** Seconds after which a client may try again when the hub cannot serve it now. */
const retryAfterSeconds = 5

/**
 * Answers a refusal: status, challenge, and a sentence as text or, for who asks for JSON, as RFC 9457
 * says. A 0.x request is answered with the statuses of 0.x.
 */
export function sendError(
  request: FastifyRequest,
  reply: FastifyReply,
  error: HubError,
  metadataUrl: string | undefined,
  isLegacy = false,
): void {
  const { status, title } = isLegacy ? legacyRefusal(error) : errors[error.code]
  const challenge = isLegacy ? undefined : wwwAuthenticate(error.code, metadataUrl)
  if (challenge !== undefined) void reply.header('www-authenticate', challenge)
  if (status === 503 || status === 429)
    void reply.header('retry-after', error.retryAfterSeconds ?? retryAfterSeconds)
  if (request.raw.httpVersionMajor > 1)
    void reply.removeHeader('connection') // the framework's, on 413
  else if (error.code === 'too_large') void reply.header('connection', 'close')
  void reply.code(status).header('cache-control', 'no-store')
  if (request.method === 'HEAD') void reply.send()
  else if (wantsJson(request)) {
    const problem = { type: 'about:blank', title, status, detail: error.message, code: error.code }
    void reply.type('application/problem+json').send(JSON.stringify(problem))
  } else {
    const text = error.message === title ? title : `${title}: ${error.message}`
    void reply.type('text/plain; charset=utf-8').send(`${text}\n`)
  }
}

function wantsJson(request: FastifyRequest): boolean {
  return /\bapplication\/(problem\+)?json\b/i.test(request.headers.accept ?? '')
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
