import { HubError } from '../protocol/errors.ts'
import { type AuthorizationDetail, Grants } from '../protocol/grants.ts'
import { compileSelector } from '../protocol/legacy/selector.ts'
import { compileMatcher, isExact, type Matcher } from '../protocol/matcher.ts'
import { Topic } from '../protocol/topic.ts'
import { validateUpdate } from '../protocol/update.ts'
import type { Authenticator, Identity, Presented } from './authenticator.ts'
import { type Described, describeToken } from './token/describe.ts'

/** A matcher as somebody spells it: `selector` is one of protocol 0.x. */
export interface AskedMatcher {
  readonly type: 'exact' | 'urlpattern' | 'selector'
  readonly pattern: string
}

/** An update, and what a stream asks for. Without topics only the credentials are judged, without matchers all is asked for. */
export interface Question {
  readonly topics: readonly string[]
  readonly matchers: readonly AskedMatcher[]
  readonly isPrivate: boolean
}

/** One of the things that have to be right, with a sentence that says how it is. */
export interface Check {
  readonly about: 'token' | 'expiry' | 'update' | 'matcher' | 'grant'
  readonly isMet: boolean
  readonly says: string
}

/** One topic that a token speaks of, and whether it covers each matcher that was asked about. */
export interface GrantedTopic {
  readonly actions: readonly string[]
  readonly type: Matcher['type']
  readonly pattern: string
  readonly covers: readonly ('yes' | 'no' | 'in part')[]
}

export interface Explanation {
  readonly isAllowed: boolean
  /** What decides: the first check that is not met, in the hub's own words. */
  readonly says: string
  readonly checks: readonly Check[]
  /** What the token says about itself, verified or not; absent when there is none that can be read. */
  readonly token?: Omit<Described, 'grants'>
  readonly grants: readonly GrantedTopic[]
}

/**
 * Tells whether somebody with these credentials would receive an update (role `subscriber`) or may publish
 * it (`publisher`), and why not: by the verifier, the matchers and the grants that decide it in earnest.
 *
 * A token that is refused is explained further by what it claims, so that one answer names all that is wrong.
 */
export async function explain(
  authenticator: Authenticator,
  presented: Presented,
  question: Question,
  nowMs = Date.now(),
): Promise<Explanation> {
  const { token: text, identity, refusal } = await authenticator.examine(presented)
  const token = text === undefined ? undefined : describeToken(text, presented.hubUrl)
  const grants = identity?.grants ?? token?.grants ?? Grants.none
  const checks = [
    tokenCheck(identity, refusal, token),
    ...expiryCheck(token, refusal, nowMs),
    ...(presented.role === 'publisher'
      ? publishChecks(question, grants, presented.hubUrl)
      : receiveChecks(question, grants, presented.hubUrl)),
  ]
  const failed = checks.find(({ isMet }) => !isMet)
  return {
    isAllowed: failed === undefined,
    says: failed?.says ?? consent(presented.role, question, text !== undefined),
    checks,
    ...(token === undefined ? {} : { token: withoutGrants(token) }),
    grants: grantedTopics(grants, question, presented.hubUrl),
  }
}

/** Those stand in the answer by themselves, as what they cover. */
function withoutGrants({
  header,
  claims,
  protocol,
  ...rest
}: Described): Omit<Described, 'grants'> {
  const { expiresAtMs } = rest
  return { header, claims, protocol, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) }
}

function consent(role: Presented['role'], { topics }: Question, hasToken: boolean): string {
  const who = hasToken ? 'the token' : 'a request without a token'
  if (topics.length === 0) return `the hub accepts ${who}`
  return `${who} ${role === 'publisher' ? 'may publish' : 'would receive'} this update`
}

function tokenCheck(
  identity: Identity | undefined,
  refusal: HubError | undefined,
  token: Described | undefined,
): Check {
  const about = 'token'
  if (refusal !== undefined && !isAboutTime(refusal))
    return { about, isMet: false, says: refusal.message }
  if (token === undefined)
    return { about, isMet: true, says: 'public updates need no token here (anonymous)' }
  const kind = `a token of protocol ${token.protocol}`
  if (identity === undefined) return { about, isMet: true, says: `it reads like ${kind}` } // its time was looked at first
  const of = identity.issuer === undefined ? '' : ` of ${identity.issuer}`
  return { about, isMet: true, says: `it is ${kind}${of}` }
}

function isAboutTime({ cause }: HubError): boolean {
  return cause === 'expired' || cause === 'not_yet_valid'
}

/** The clock is looked at for itself: a token of a wrong issuer may have expired as well. */
function expiryCheck(
  token: Described | undefined,
  refusal: HubError | undefined,
  nowMs: number,
): readonly Check[] {
  const about = 'expiry'
  if (token === undefined) return []
  const { expiresAtMs } = token
  const at = expiresAtMs === undefined ? '' : new Date(expiresAtMs).toISOString()
  if (refusal?.cause === 'not_yet_valid') return [{ about, isMet: false, says: refusal.message }]
  if (expiresAtMs === undefined) return [{ about, isMet: true, says: 'it names no end (exp)' }]
  if (expiresAtMs > nowMs) return [{ about, isMet: true, says: `it is valid until ${at}` }]
  return [{ about, isMet: false, says: `the token has expired (at ${at})` }]
}

function publishChecks(
  { topics, isPrivate }: Question,
  grants: Grants,
  hubUrl: string,
): readonly Check[] {
  if (topics.length === 0) return []
  const draft = { topics, isPrivate, data: '', type: '', retry: '' }
  const parsed = topics.map((topic) => new Topic(topic))
  const uncovered = topics.filter((_, index) => !grants.mayPublish(parsed.slice(index, index + 1)))
  return [
    attempt('update', 'its topics may be published to', () => validateUpdate(draft, hubUrl)),
    attempt(
      'grant',
      uncovered.length === 0
        ? `it grants ${listOf(grants, 'publish')}`
        : 'public updates need no grant here',
      () => grants.requirePublish(parsed, isPrivate),
      `: ${quoted(uncovered)} ${uncovered.length === 1 ? 'is' : 'are'} not covered; it grants ${listOf(grants, 'publish')}`,
    ),
  ]
}

function receiveChecks(
  { topics, matchers, isPrivate }: Question,
  grants: Grants,
  hubUrl: string,
): readonly Check[] {
  const compiled = matchers.map((asked) => ({ asked, ...compile(asked, hubUrl) }))
  const wrong = compiled.find(({ problem }) => problem !== undefined)
  if (wrong?.problem !== undefined)
    return [{ about: 'matcher', isMet: false, says: `${nameOf(wrong.asked)}: ${wrong.problem}` }]
  if (topics.length === 0) return []
  const parsed = topics.map((topic) => new Topic(topic))
  return [
    ...(compiled.length === 0 ? [] : [matcherCheck(compiled, parsed, hubUrl)]),
    isPrivate ? receiveGrantCheck(grants, parsed) : publicCheck,
  ]
}

const publicCheck: Check = {
  about: 'grant',
  isMet: true,
  says: 'a public update needs no grant',
}

function matcherCheck(
  compiled: readonly { readonly asked: AskedMatcher; readonly matcher?: Matcher }[],
  topics: readonly Topic[],
  hubUrl: string,
): Check {
  const about = 'matcher'
  for (const { asked, matcher } of compiled) {
    const topic = topics.find((one) => matcher?.matches(one))
    if (topic !== undefined)
      return { about, isMet: true, says: `${nameOf(asked)} selects ${JSON.stringify(topic.value)}` }
  }
  const names = compiled.map(({ asked }) => nameOf(asked))
  const says = `${names.join(', ')} ${names.length === 1 ? 'does' : 'do'} not select ${quoted(topics.map(({ value }) => value))}`
  return { about, isMet: false, says: says + hintAt(compiled, topics, hubUrl) }
}

/** The commonest mistake: a pattern given as an exact topic. */
function hintAt(
  compiled: readonly { readonly asked: AskedMatcher }[],
  topics: readonly Topic[],
  hubUrl: string,
): string {
  const other = compiled.find(({ asked: { type, pattern } }) => {
    const { matcher } = compile({ type: 'urlpattern', pattern }, hubUrl)
    return type === 'exact' && topics.some((topic) => matcher?.matches(topic))
  })
  return other === undefined
    ? ''
    : `; as a URL Pattern ${JSON.stringify(other.asked.pattern)} would`
}

function receiveGrantCheck(grants: Grants, topics: readonly Topic[]): Check {
  const about = 'grant'
  const isMet = grants.mayReceive(topics)
  const granted = listOf(grants, 'subscribe')
  if (isMet) return { about, isMet, says: `it grants ${granted}` }
  const says = `the token does not grant subscribing to any topic of this private update; it grants ${granted}`
  return { about, isMet, says }
}

function attempt(about: Check['about'], says: string, run: () => void, more = ''): Check {
  try {
    run()
    return { about, isMet: true, says }
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return { about, isMet: false, says: error.message + more }
  }
}

/** Compiles a matcher, or says in the hub's words what is wrong with it. */
export function compile(
  { type, pattern }: AskedMatcher,
  hubUrl: string,
): { readonly matcher?: Matcher; readonly problem?: string } {
  try {
    if (pattern === '') return { problem: 'a matcher must not be empty' }
    return {
      matcher:
        type === 'selector' ? compileSelector(pattern) : compileMatcher(type, pattern, hubUrl),
    }
  } catch (error) {
    if (error instanceof HubError) return { problem: error.message }
    throw error
  }
}

const kinds = { exact: 'match', urlpattern: 'URL Pattern', selector: 'selector' } as const

function nameOf({ type, pattern }: AskedMatcher): string {
  return `${kinds[type]} ${JSON.stringify(pattern)}`
}

function quoted(texts: readonly string[]): string {
  return texts.map((text) => JSON.stringify(text)).join(', ')
}

function listOf({ details }: Grants, action: 'publish' | 'subscribe'): string {
  const topics = details.filter(({ actions }) => actions.has(action)).flatMap((one) => one.topics)
  if (topics.length === 0) return `no ${action === 'publish' ? 'publishing' : 'subscribing'} at all`
  const shown = topics
    .slice(0, mostShown)
    .map(({ type, pattern }) => `${type === 'exact' ? '' : `${type} `}${JSON.stringify(pattern)}`)
  const rest = topics.length - shown.length
  return shown.join(', ') + (rest === 0 ? '' : ` and ${rest} more`)
}

const mostShown = 10

function grantedTopics(
  { details }: Grants,
  { matchers }: Question,
  hubUrl: string,
): readonly GrantedTopic[] {
  const asked = matchers.map((one) => compile(one, hubUrl).matcher)
  return details.flatMap(({ actions, topics }: AuthorizationDetail) =>
    topics.map((topic) => ({
      actions: [...actions],
      type: topic.type,
      pattern: topic.pattern,
      covers: asked.map((matcher) => coverage(topic, matcher)),
    })),
  )
}

/** Whether everything that a matcher selects is granted. Of two patterns only equal ones are sure to be. */
function coverage(granted: Matcher, matcher: Matcher | undefined): 'yes' | 'no' | 'in part' {
  if (matcher === undefined) return 'no'
  if (granted.isAny || granted.key === matcher.key) return 'yes'
  if (isExact(matcher)) return granted.matches(new Topic(matcher.pattern)) ? 'yes' : 'no'
  if (isExact(granted)) return matcher.matches(new Topic(granted.pattern)) ? 'in part' : 'no'
  return 'in part'
}
