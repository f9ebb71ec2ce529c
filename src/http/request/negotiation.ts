import type { FastifyReply, FastifyRequest } from 'fastify'
import { HubError } from '../../protocol/errors.ts'
import { mediaTypeOf } from '../publish/idempotency.ts'
import { linesOf } from './credentials.ts'
import { formType } from '../publish/publish.ts'

/** Ranges that match an event stream, the ones that count most first (RFC 9110 § 12.5.1). */
const ranges = ['text/event-stream', 'text/*', '*/*']

/** Media ranges of one `Accept` field that are looked at. */
const mostRanges = 100

/**
 * Whether an `Accept` field lets an event stream be the answer: the range that says most about it decides.
 * Without the field, or with nothing in it, anything is fine.
 */
export function acceptsStream(accept: string | undefined): boolean {
  if (accept === undefined || accept === '*/*' || accept.trim() === '') return true
  const weights = new Map<string, boolean>()
  for (const part of accept.toLowerCase().split(',', mostRanges)) {
    const type = mediaTypeOf(part)
    if (ranges.includes(type)) weights.set(type, weights.get(type) === true || !isRefused(part))
  }
  const deciding = ranges.find((range) => weights.has(range))
  return deciding !== undefined && weights.get(deciding) === true
}

/** `q=0`, with as many digits as one likes, is no. */
function isRefused(range: string): boolean {
  return /;[ \t]*q=0(?:\.0*)?[ \t]*(?:;|$)/.test(range)
}

/** @throws HubError `not_acceptable` */
export function requireStream(request: FastifyRequest): void {
  if (!acceptsStream(request.headers.accept))
    throw new HubError(
      'not_acceptable',
      'the answer is an event stream: Accept must allow text/event-stream',
    )
}

/**
 * The body of a QUERY is a form, and says so. The answer to any other tells what is taken.
 *
 * @throws HubError `invalid_request` without a content type, `unsupported_media_type` with another one
 */
export function requireForm(request: FastifyRequest, reply: FastifyReply): void {
  if (request.method !== 'QUERY') return
  const [type] = linesOf(request.raw, 'content-type')
  if (type !== undefined && mediaTypeOf(type) === formType) return
  void reply.header('accept-query', formType)
  if (type === undefined)
    throw new HubError('invalid_request', `a QUERY needs a Content-Type: ${formType}`)
  throw new HubError('unsupported_media_type', `the body of a QUERY is of type ${formType}`)
}
