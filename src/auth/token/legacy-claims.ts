import { HubError } from '../../protocol/errors.ts'
import { type AuthorizationDetail, Grants } from '../../protocol/grants.ts'
import { compileSelector } from '../../protocol/legacy/selector.ts'
import { compileMatcher, type Matcher } from '../../protocol/matcher.ts'
import { atMs, claimNames, isNumericDate, type Validity } from './claims.ts'
import { isObject, type JsonObject, miscased } from '../json-object.ts'
import { invalidToken } from '../refusal.ts'

/** Entries that `publish` and `subscribe` may have each (draft-07 § 2.3). */
export const maxLegacyEntries = 1000

const namespaced = 'https://mercure.rocks/'

/**
 * The registered claims of a 0.x token: `exp` and `nbf` count when they are there, `iss` and `aud` never.
 *
 * A JWK Set verifies whatever its owner signs, ID tokens included. So a token that only such a set
 * vouches for must have a Mercure claim, and an end.
 *
 * @param isStatic whether the key is one that the operator set for this hub
 */
export function readLegacyClaims(
  payload: JsonObject,
  isStatic: boolean,
): Validity & { readonly subject: string | undefined } {
  const wrong = miscased(payload, claimNames)
  if (wrong !== undefined)
    throw invalidToken(
      'claims',
      `the token has a claim ${JSON.stringify(wrong)}; names are in lower case`,
    )
  const { sub, exp, nbf } = payload
  if (exp !== undefined && !isNumericDate(exp))
    throw invalidToken('claims', 'the exp of the token must be a number of seconds')
  if (nbf !== undefined && !isNumericDate(nbf))
    throw invalidToken('claims', 'the nbf of the token must be a number of seconds')
  if (!isStatic && (exp === undefined || claimOf(payload) === undefined))
    throw invalidToken(
      'claims',
      'a token of protocol 0.x that a JWK Set verifies must have a claim "mercure" and an expiration time (exp)',
    )
  return {
    subject: typeof sub === 'string' && sub !== '' ? sub : undefined,
    expiresAtMs: exp === undefined ? undefined : atMs(exp),
    notBeforeMs: nbf === undefined ? undefined : nbf * 1000,
  }
}

/** The namespaced claim replaces the short one entirely. */
function claimOf(payload: JsonObject): unknown {
  return payload[namespaced] ?? payload['mercure'] ?? undefined
}

/**
 * What the `mercure` claim of a 0.x token grants; nothing, when there is none.
 *
 * Entries are topic selectors, or objects with `match`, `match_type` and `payload`.
 *
 * @throws HubError `invalid_token`, saying where the defect is
 */
export function readLegacyGrants(
  payload: JsonObject,
  { hubUrl, compatibility }: { readonly hubUrl: string; readonly compatibility: 0 | 7 | 8 },
): Grants {
  const claim = claimOf(payload) ?? {}
  if (!isObject(claim)) throw refuse('the claim', 'must be an object')
  const publish = readEntries(claim['publish'], 'publish', hubUrl)
  const subscribe = readEntries(claim['subscribe'], 'subscribe', hubUrl)
  const options = {
    sharedPayload: claim['payload'] ?? undefined,
    mayPublishAnyPublic: compatibility === 7,
  }
  return new Grants(
    [...detailsOf('publish', publish), ...detailsOf('subscribe', subscribe)],
    options,
  )
}

interface Entry {
  readonly topic: Matcher
  readonly payload?: unknown
}

function readEntries(list: unknown, at: string, hubUrl: string): readonly Entry[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw refuse(at, 'must be an array')
  if (list.length > maxLegacyEntries)
    throw refuse(at, `must have at most ${maxLegacyEntries} entries`)
  return list.map((entry, index) => readEntry(entry, `${at}[${index}]`, hubUrl))
}

function readEntry(entry: unknown, at: string, hubUrl: string): Entry {
  if (typeof entry === 'string') return { topic: compiled(at, entry, () => compileSelector(entry)) }
  if (!isObject(entry)) throw refuse(at, 'must be a topic selector, or an object with "match"')
  const { match, match_type: type = 'exact', payload } = entry
  if (typeof match !== 'string' || match === '')
    throw refuse(`${at}.match`, 'must be a non-empty string')
  if (type !== 'exact' && type !== 'urlpattern')
    throw refuse(`${at}.match_type`, 'must be "exact" or "urlpattern"')
  const topic = compiled(`${at}.match`, match, () => compileMatcher(type, match, hubUrl))
  return payload === undefined || payload === null ? { topic } : { topic, payload }
}

function compiled(at: string, text: string, compile: () => Matcher): Matcher {
  if (/\p{Cs}/u.test(text)) throw refuse(at, 'must be well-formed Unicode')
  try {
    return compile()
  } catch (error) {
    if (error instanceof HubError) throw refuse(at, `is no matcher (${error.message})`)
    throw error
  }
}

/** Entries without a payload of their own stand together; each other one is a detail by itself. */
function detailsOf(
  action: 'publish' | 'subscribe',
  entries: readonly Entry[],
): AuthorizationDetail[] {
  const actions = new Set([action])
  const plain = entries.filter(({ payload }) => payload === undefined).map(({ topic }) => topic)
  const others = entries.filter(({ payload }) => payload !== undefined)
  return [
    ...others.map(({ topic, payload }) => ({ actions, topics: [topic], payload })),
    ...(plain.length === 0 ? [] : [{ actions, topics: plain }]),
  ]
}

function refuse(at: string, rule: string): HubError {
  return invalidToken('details', `mercure: ${at} ${rule}`)
}
