/** The hub that serves this page: it stands one folder above. */
export const hubUrl = new URL('../../mercure', location.href).href

/** What the hub is for, and how it calls itself. */
export interface Config {
  readonly playground: boolean
  readonly anonymous: boolean
  readonly subscriptions: boolean
  readonly cookieName: string
  readonly version: string
  readonly isOneOfSeveral: boolean
  readonly speaksLegacy: boolean
  readonly hubUrl: string
  readonly audience?: string
}

export interface Status {
  readonly isReady: boolean
  readonly reason?: string
  readonly connected?: number
  readonly nowMs?: number
}

export type MatcherKind = 'exact' | 'urlpattern' | 'selector'

export interface AskedMatcher {
  readonly type: MatcherKind
  readonly pattern: string
}

export type Matched = { readonly matches: boolean } | { readonly problem: string }

/** What does not stand on the wire of an update. */
export interface AboutUpdate {
  readonly id: string
  readonly topics: readonly string[]
  readonly isPrivate: boolean
  readonly sentMs: number
}

export interface Check {
  readonly about: string
  readonly isMet: boolean
  readonly says: string
}

export interface Explanation {
  readonly isAllowed: boolean
  readonly says: string
  readonly checks: readonly Check[]
  readonly token?: {
    readonly claims: Readonly<Record<string, unknown>>
    readonly protocol: string
    readonly expiresAtMs?: number
  }
  readonly grants: readonly {
    readonly actions: readonly string[]
    readonly type: string
    readonly pattern: string
    readonly covers: readonly ('yes' | 'no' | 'in part')[]
  }[]
}

export interface BothExplained {
  readonly publisher: Explanation
  readonly subscriber: Explanation
}

/** What the hub answered to a request that it refused. */
export interface Refusal {
  readonly status: number
  readonly says: string
}

export async function getConfig(): Promise<Config> {
  return (await fetch('config.json')).json() as Promise<Config>
}

export async function getStatus(): Promise<Status> {
  const response = await fetch('status', { cache: 'no-store', signal: AbortSignal.timeout(3_000) })
  if (response.ok) return response.json() as Promise<Status>
  return { isReady: false, reason: (await refusalOf(response)).says } // who refuses is there
}

/** A token that the playground lends to its page; undefined when it lends none. */
export async function getPlaygroundToken(): Promise<string | undefined> {
  const response = await fetch('playground-token', { cache: 'no-store' })
  return response.ok ? (await response.text()).trim() : undefined
}

export function askMatches(
  topic: string,
  matchers: readonly AskedMatcher[],
): Promise<{ readonly results: readonly Matched[] }> {
  return ask('match', { topic, matchers }, '')
}

export function askWhy(
  token: string,
  question: {
    readonly topics?: readonly string[]
    readonly matchers?: readonly AskedMatcher[]
    readonly isPrivate?: boolean
  },
): Promise<BothExplained> {
  return ask('explain', question, token)
}

export function askAbout(
  token: string,
  ids: readonly string[],
): Promise<{ readonly events: readonly AboutUpdate[] }> {
  return ask('events', { ids }, token)
}

async function ask<T>(path: string, question: object, token: string): Promise<T> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization(token) },
    body: JSON.stringify(question),
    cache: 'no-store',
  })
  if (!response.ok) throw new Error((await refusalOf(response)).says)
  return response.json() as Promise<T>
}

/** The token stands in a field of the request and nowhere else: addresses end up in logs. */
export function authorization(token: string): Record<string, string> {
  return token === '' ? {} : { authorization: `Bearer ${token}` }
}

/** The hub's own sentence, or the status when something before it answered. */
export async function refusalOf(response: Response): Promise<Refusal> {
  const text = (await response.text()).trim()
  const { status } = response
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return { status, says: detail }
  } catch {
    // plain text, as the hub answers those who ask for nothing else
  }
  return {
    status,
    says: text.replace(/^[A-Z][A-Za-z ]+: /, '').slice(0, 400) || response.statusText,
  }
}
