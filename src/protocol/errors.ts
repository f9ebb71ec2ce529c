import type { LimitName } from './limits.ts'

/**
 * Every way a request can be refused: its code, its status and the sentence a client reads.
 *
 * A new code needs a row here, and nowhere else: the HTTP layer and the embedding API take status
 * and title from this table. `challenge` is the `error` attribute of `WWW-Authenticate`
 * (RFC 6750 § 3.1; empty: a challenge without an error code), absent where none is sent.
 */
export const errors = {
  missing_token: { status: 401, title: 'Unauthorized', challenge: '' },
  invalid_token: { status: 401, title: 'Unauthorized', challenge: 'invalid_token' },
  invalid_credentials: { status: 400, title: 'Bad Request', challenge: 'invalid_request' },
  insufficient_scope: { status: 403, title: 'Forbidden', challenge: 'insufficient_scope' },
  invalid_matcher: { status: 400, title: 'Bad Request' },
  invalid_update: { status: 400, title: 'Bad Request' },
  invalid_form: { status: 400, title: 'Bad Request' },
  invalid_request: { status: 400, title: 'Bad Request' },
  forbidden: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not Found' },
  method_not_allowed: { status: 405, title: 'Method Not Allowed' },
  not_acceptable: { status: 406, title: 'Not Acceptable' },
  too_large: { status: 413, title: 'Content Too Large' },
  unsupported_media_type: { status: 415, title: 'Unsupported Media Type' },
  misdirected: { status: 421, title: 'Misdirected Request' },
  conflicting_idempotency_key: { status: 422, title: 'Unprocessable Content' },
  too_many_subscribers: { status: 429, title: 'Too Many Requests' },
  too_many_publishes: { status: 429, title: 'Too Many Requests' },
  internal: { status: 500, title: 'Internal Server Error' },
  unavailable: { status: 503, title: 'Service Unavailable' },
} as const satisfies Record<string, { status: number; title: string; challenge?: string }>

export type ErrorCode = keyof typeof errors

export interface RefusalOptions extends ErrorOptions {
  /** The limit that was hit. */
  readonly limit?: LimitName | undefined
  /** When trying again may help. */
  readonly retryAfterSeconds?: number | undefined
}

/**
 * A request that the hub refuses.
 *
 * `message` is for the client: it says what was wrong and what to do, and never holds a token, a
 * payload or a compiler's text. `cause` is for the log.
 */
export class HubError extends Error {
  override readonly name = 'HubError'
  readonly code: ErrorCode
  readonly limit: LimitName | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string = errors[code].title, options?: RefusalOptions) {
    super(message, options)
    this.code = code
    this.limit = options?.limit
    this.retryAfterSeconds = options?.retryAfterSeconds
  }

  get status(): number {
    return errors[this.code].status
  }
}
