import { HubError } from '../../protocol/errors.ts'
import { type AuthorizationDetail, Grants } from '../../protocol/grants.ts'
import { compileMatcher, type Matcher, type MatchType } from '../../protocol/matcher.ts'
import { isObject, type JsonObject, miscased } from '../json-object.ts'
import { invalidToken } from '../refusal.ts'

/** The `type` of the authorization details that are for a hub (RFC 9396 § 2, draft-08 § 1.7). */
export const detailType = 'https://mercure.rocks/authorization-detail'

/** Mercure details in a token, and topics summed over them (draft-08 § 1.7). */
export const maxDetails = 100
export const maxDetailTopics = 100

const detailMembers = ['type', 'actions', 'topics', 'payload']
const topicMembers = ['match', 'match_type']

/**
 * What a token's `authorization_details` grant; nothing, when it has none.
 *
 * Details of other types are none of our business, whatever their shape. One that is for us must be
 * right in every member, or the whole token is refused: half of a grant is not what its issuer meant.
 *
 * @param hubUrl the base of relative URL Patterns
 * @throws HubError `invalid_token`, saying where the defect is
 */
export function readGrants(claim: unknown, hubUrl: string): Grants {
  if (claim === undefined) return Grants.none
  if (!Array.isArray(claim)) throw refuse('authorization_details', 'must be an array')

  const ours = claim.map(readEntry).filter((entry) => entry.detail['type'] === detailType)
  if (ours.length > maxDetails)
    throw refuse('authorization_details', `must have at most ${maxDetails} details for a hub`)
  requireFewTopics(ours)
  return ours.length === 0
    ? Grants.none
    : new Grants(ours.map((entry) => readDetail(entry, hubUrl)))
}

/** An entry of the array, and how to call it in a message. */
interface Entry {
  readonly at: string
  readonly detail: JsonObject
}

function readEntry(detail: unknown, index: number): Entry {
  const at = `authorization_details[${index}]`
  if (!isObject(detail)) throw refuse(at, 'must be an object')
  if (typeof detail['type'] !== 'string') throw refuse(`${at}.type`, 'must be a string')
  return { at, detail }
}

/** Counted before anything is compiled: a token must not cost more than its limits allow. */
function requireFewTopics(entries: readonly Entry[]): void {
  const counts = entries.map(({ detail: { topics } }) =>
    Array.isArray(topics) ? topics.length : 0,
  )
  if (counts.reduce((sum, count) => sum + count, 0) > maxDetailTopics)
    throw refuse('authorization_details', `must have at most ${maxDetailTopics} topics in total`)
}

function readDetail({ at, detail }: Entry, hubUrl: string): AuthorizationDetail {
  const wrong = miscased(detail, detailMembers)
  if (wrong !== undefined)
    throw refuse(at, `has a member ${JSON.stringify(wrong)}; names are in lower case`)

  const { topics, payload } = detail
  if (!Array.isArray(topics) || topics.length === 0)
    throw refuse(`${at}.topics`, 'must be a non-empty array')
  if ('payload' in detail && !isObject(payload)) throw refuse(`${at}.payload`, 'must be an object')
  return {
    actions: readActions(detail['actions'], `${at}.actions`),
    topics: topics.map((topic, index) => readTopic(topic, `${at}.topics[${index}]`, hubUrl)),
    ...(payload === undefined ? {} : { payload }),
  }
}

function readActions(actions: unknown, at: string): ReadonlySet<'publish' | 'subscribe'> {
  if (!Array.isArray(actions) || actions.length === 0) throw refuse(at, 'must be a non-empty array')
  if (!actions.every((action) => typeof action === 'string'))
    throw refuse(at, 'must hold strings only')
  return new Set(actions.filter((action) => action === 'publish' || action === 'subscribe'))
}

function readTopic(topic: unknown, at: string, hubUrl: string): Matcher {
  if (!isObject(topic)) throw refuse(at, 'must be an object with a member "match"')
  const wrong = miscased(topic, topicMembers)
  if (wrong !== undefined)
    throw refuse(at, `has a member ${JSON.stringify(wrong)}; names are in lower case`)

  const { match } = topic
  if (typeof match !== 'string' || match === '')
    throw refuse(`${at}.match`, 'must be a non-empty string')
  if (/\p{Cs}/u.test(match)) throw refuse(`${at}.match`, 'must be well-formed Unicode')
  const type = readMatchType(topic, `${at}.match_type`)
  try {
    return compileMatcher(type, match, hubUrl)
  } catch (error) {
    if (error instanceof HubError) throw refuse(`${at}.match`, `is no matcher (${error.message})`)
    throw error
  }
}

function readMatchType(topic: JsonObject, at: string): MatchType {
  if (!('match_type' in topic)) return 'exact'
  const type = topic['match_type']
  if (type !== 'exact' && type !== 'urlpattern') throw refuse(at, 'must be "exact" or "urlpattern"')
  return type
}

function refuse(at: string, rule: string): HubError {
  return invalidToken('details', `${at} of the token ${rule}`)
}
