import { type ErrorCode, errors } from '../protocol/errors.ts'

/**
 * The `WWW-Authenticate` field of a refusal (draft-08 § 1.7, RFC 6750 § 3, RFC 9728 § 5.1).
 *
 * Undefined for refusals that are not about credentials. Somebody who presented no token gets no
 * error code: nothing was wrong, something was missing.
 *
 * @param resourceMetadataUrl where the protected resource metadata is; undefined when the hub
 *   cannot say who it is
 */
export function wwwAuthenticate(
  code: ErrorCode,
  resourceMetadataUrl: string | undefined,
): string | undefined {
  const row = errors[code]
  if (!('challenge' in row)) return undefined

  const attributes = [
    ...(row.challenge === '' ? [] : [`error="${row.challenge}"`]),
    ...(resourceMetadataUrl === undefined
      ? []
      : [`resource_metadata="${escaped(resourceMetadataUrl)}"`]),
  ]
  return attributes.length === 0 ? 'Bearer' : `Bearer ${attributes.join(', ')}`
}

/** The inside of a quoted-string (RFC 9110 § 5.6.4); the URL may come from a `Host` field. */
function escaped(text: string): string {
  return text.replaceAll(/["\\]/g, '\\$&')
}
