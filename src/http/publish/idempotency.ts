import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/authenticator.ts'
import type { Once } from '../../hub/publisher.ts'
import { HubError } from '../../protocol/errors.ts'

/** Characters that an idempotency key may have. */
const maxKeyLength = 255

/**
 * What makes this request happen once: its `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header),
 * whose it is, and a digest of the body. Undefined when it has none, or when keys are turned off.
 *
 * A key belongs to the token's issuer and subject, or to the token when it names no subject: nobody
 * can find out or spoil another's keys.
 *
 * @param windowMs how long keys are remembered; 0 for not at all
 * @throws HubError `invalid_request`
 */
export function onceOf(
  request: FastifyRequest,
  { issuer, subject, tokenHash }: Identity,
  windowMs: number,
): Once | undefined {
  const field = request.headers['idempotency-key']
  if (field === undefined || windowMs === 0) return undefined
  const owner = subject === undefined || subject === '' ? [tokenHash] : [issuer, subject]
  const type = request.headers['content-type'] ?? ''
  const body = Buffer.isBuffer(request.body) ? request.body : ''
  return {
    key: JSON.stringify([...owner, parseKey(String(field))]),
    fingerprint: hash(
      'sha256',
      `${mediaTypeOf(type)} ${hash('sha256', body, 'base64url')}`,
      'base64url',
    ),
    windowMs,
  }
}

/** `application/x-ndjson; charset=utf-8` and `Application/X-NDJSON` are the same. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
}

/** A string of structured fields (RFC 9651 § 3.3.3), parameters after it ignored. */
const quoted =
  /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"\s*(?:;[\x20\x21\x23-\x2b\x2d-\x7e]*)?$/
/** What many clients send instead: the same without quotes. */
const bare = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/

function parseKey(field: string): string {
  const text = field.trim()
  const key = quoted.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? bare.exec(text)?.[0]
  if (key === undefined || key === '')
    throw new HubError(
      'invalid_request',
      'Idempotency-Key: expected one string such as "8e03978e-40d5-43dd-bc93-6894a57f9324"',
    )
  if (key.length > maxKeyLength)
    throw new HubError(
      'invalid_request',
      `Idempotency-Key: at most ${maxKeyLength} characters are allowed`,
    )
  return key
}
