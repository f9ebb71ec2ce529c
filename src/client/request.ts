import { asFieldValue } from './connection.ts'
import { type Matchers, type OneOrMore } from './options.ts'

/** A longer URL is refused by some servers: its parameters go into the body of a QUERY. */
const longestUrl = 8000

const parameters = { match: 'match', urlPattern: 'match_urlpattern', topic: 'topic' } as const

export interface StreamRequest {
  readonly url: string
  readonly init: RequestInit
}

/** The request of a stream, from where the last one ended. */
export function streamRequest(
  hub: URL,
  matchers: Matchers,
  lastEventId: string,
  token: string | undefined,
  credentials: 'omit' | 'same-origin' | 'include' | undefined,
): StreamRequest {
  const form = new URLSearchParams()
  for (const name of ['match', 'urlPattern', 'topic'] as const)
    for (const value of listOf(matchers[name])) form.append(parameters[name], value)
  form.append('cursor_lines', '1') // this client takes blocks without data for what they are
  const headers: Record<string, string> = { accept: 'text/event-stream' }
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`
  const field = asFieldValue(lastEventId)
  if (field === undefined) form.append('last_event_id', lastEventId)
  else if (field !== '') headers['last-event-id'] = field

  const url = new URL(hub)
  const init = { headers, cache: 'no-store', ...(credentials && { credentials }) } as const
  if (url.href.length + form.toString().length > longestUrl)
    return { url: url.href, init: { ...init, method: 'QUERY', body: form } }
  for (const [name, value] of form) url.searchParams.append(name, value)
  return { url: url.href, init }
}

export function listOf(values: OneOrMore | undefined): readonly string[] {
  return values === undefined ? [] : typeof values === 'string' ? [values] : values
}

/** The matchers with others added, or taken away. */
export function changed(
  matchers: Matchers,
  by: Matchers,
  change: 'added' | 'removed',
): Required<Matchers> {
  const one = (name: keyof Matchers) => {
    const [had, given] = [listOf(matchers[name]), listOf(by[name])]
    return change === 'added'
      ? [...new Set([...had, ...given])]
      : had.filter((value) => !given.includes(value))
  }
  return { match: one('match'), urlPattern: one('urlPattern'), topic: one('topic') }
}
