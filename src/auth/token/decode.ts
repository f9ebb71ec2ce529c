import { isObject, type JsonObject } from '../json-object.ts'
import { invalidToken } from '../refusal.ts'

/** A JWS in compact form, taken apart and not yet believed. */
export interface Token {
  readonly text: string
  readonly header: JsonObject
  readonly claims: JsonObject
  /** Header and payload as they were signed. */
  readonly signed: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Takes a token apart (RFC 7515 § 7.1, RFC 7519 § 7.2).
 *
 * Only the canonical base64url is accepted: otherwise the unused bits of the last character would
 * give one token several spellings, each with a hash of its own.
 *
 * @throws HubError `invalid_token`
 */
export function decodeToken(text: string): Token {
  const parts = text.split('.')
  const [header, payload, signature] = parts
  if (
    parts.length !== 3 ||
    header === undefined ||
    payload === undefined ||
    signature === undefined
  )
    throw unreadable()
  if (!parts.every(isCanonical)) throw unreadable()
  return {
    text,
    header: decodeObject(header),
    claims: decodeObject(payload),
    signed: `${header}.${payload}`,
  }
}

function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part
}

function decodeObject(part: string): JsonObject {
  const value = parseJson(Buffer.from(part, 'base64url'))
  if (!isObject(value)) throw unreadable()
  return value
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    throw unreadable()
  }
}

function unreadable(): Error {
  return invalidToken('format', 'the token is not a signed JWT in compact form')
}
