import { HubError } from '../errors.ts'

/** What the standard answers with a TypeError: the string is no URL Pattern. */
export function notAPattern(cause?: unknown): HubError {
  return new HubError('invalid_matcher', 'the matcher is not a valid URL Pattern', { cause })
}

/** A valid pattern that we do not compile, because it would cost too much or mean another thing. */
export function refused(message: string): HubError {
  return new HubError('invalid_matcher', message)
}

export function tooComplex(): HubError {
  return refused('the URL Pattern is too complex')
}
