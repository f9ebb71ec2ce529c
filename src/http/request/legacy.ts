import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Presented, Protocol } from '../../auth/authenticator.ts'
import { errors, type HubError } from '../../protocol/errors.ts'
import { compileSelector } from '../../protocol/legacy/selector.ts'
import type { Matcher } from '../../protocol/matcher.ts'
import { Form, parseForm } from './form.ts'

/** Names that protocol 0.x had for the cursor, over the years; the newest that hubs knew first. */
export const cursorParameters = ['lastEventID', 'Last-Event-ID', 'lastEventId'] as const

/**
 * Whether a subscription is one of protocol 0.x by its parameters: it says `topic`, and no matcher of
 * 1.0. A token, once there is one, decides instead (decision 6).
 */
export function hasSelectorsOnly(query: Form): boolean {
  return query.has('topic') && !query.fields.some(([name]) => /^match/i.test(name))
}

/** Whether a request is one of protocol 0.x: its token says so or, without one, its parameters. */
export function isLegacyRequest(protocol: Protocol | undefined, saysTopicOnly: boolean): boolean {
  return protocol === undefined ? saysTopicOnly : protocol === '0.x'
}

/** The topic selectors of a subscription, whatever its token. */
export function parseSelectors(form: Form): Matcher[] {
  return form.getAll('topic').map(compileSelector)
}

/**
 * The refusal as a hub of protocol 0.x says it: anything about credentials is 401 without a challenge,
 * a reserved topic is 403, and too much of something is 400.
 */
export function legacyRefusal(error: HubError): { status: number; title: string } {
  const { status, title } = errors[error.code]
  if ('challenge' in errors[error.code]) return { status: 401, title: 'Unauthorized' }
  if (error.cause === 'reserved_topic') return { status: 403, title: 'Forbidden' }
  if (error.code === 'too_large') return { status: 400, title: 'Bad Request' }
  return { status, title }
}

/** What 0.x clients read the cursor of an answer from; they get it when they sent one that says something. */
export function setLegacyCursor(reply: FastifyReply, requested: string, fieldValue: string): void {
  if (requested !== '') void reply.header('last-event-id', fieldValue)
}

/** What the query of a request says about who asks, and in which protocol. */
export function legacyCredentialsOf(
  request: IncomingMessage,
): Pick<Presented, 'queryTokens' | 'isLegacy'> {
  const text = queryOf(request)
  if (!/topic|authorization|%/.test(text)) return {}
  const query = formOf(text)
  return {
    queryTokens: query.getAll('authorization'),
    isLegacy: request.method !== 'POST' && hasSelectorsOnly(query),
  }
}

/** A query that is no form is refused later, by who wants something of it. */
function formOf(text: string): Form {
  try {
    return parseForm(text)
  } catch {
    return new Form([])
  }
}

/** The query component of a request's target. */
export function queryOf({ url = '' }: IncomingMessage): string {
  const start = url.indexOf('?')
  return start < 0 ? '' : url.slice(start + 1)
}
