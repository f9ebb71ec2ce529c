import { HubError } from '../protocol/errors.ts'

/** Why credentials were refused, in a word: the label of a metric, and the `cause` of the error. */
export type RefusalCause =
  | 'missing' // no credentials, and the hub wants some
  | 'malformed' // an Authorization field that is no single bearer token
  | 'origin' // a cookie on an unsafe request, and no origin that may send it
  | 'audience_unknown' // the hub cannot tell who it is for this request
  | 'format' // not a JWT that can be read
  | 'type'
  | 'legacy' // a 0.x token, which this hub does not speak
  | 'issuer'
  | 'algorithm'
  | 'key' // no key with this id
  | 'signature'
  | 'expired'
  | 'not_yet_valid'
  | 'claims' // a registered claim is missing or of the wrong type
  | 'audience'
  | 'details' // authorization_details that break a rule

/** The token is refused (401). `message` is read by whoever sent it: it never repeats the token. */
export function invalidToken(cause: RefusalCause, message: string): HubError {
  return new HubError('invalid_token', message, { cause })
}

/** The credentials are presented in a way that the protocol does not know (400). */
export function invalidCredentials(cause: RefusalCause, message: string): HubError {
  return new HubError('invalid_credentials', message, { cause })
}

/** Nothing was presented where a token is needed (401, without an error code). */
export function missingToken(): HubError {
  return new HubError('missing_token', 'this needs a token', { cause: 'missing' })
}
