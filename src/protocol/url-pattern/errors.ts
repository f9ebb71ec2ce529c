import { HubError } from '../errors.ts'

/** What the standard answers with a TypeError: the string is no URL Pattern. `reason` says why, in our words. */
export function notAPattern(reason?: string, cause?: unknown): HubError {
  const why = reason === undefined ? '' : `: ${reason}`
  return new HubError('invalid_matcher', `the matcher is not a valid URL Pattern${why}`, { cause })
}

/** A valid pattern that we do not compile, because it would cost too much or mean another thing. */
export function refused(message: string): HubError {
  return new HubError('invalid_matcher', message)
}

export function tooComplex(): HubError {
  return refused('the URL Pattern is too complex')
}
