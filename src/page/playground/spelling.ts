import { type AskedMatcher, hubUrl } from './hub.ts'

/** What the form of a publish says. Empty fields are left out: the hub has better values for them. */
export interface UpdateWish {
  readonly topics: readonly string[]
  readonly data: string
  readonly type: string
  readonly id: string
  readonly retry: string
  readonly isPrivate: boolean
}

export const publishSpellings = ['curl', 'fetch', 'cinnabar publish', 'PHP (Symfony)'] as const
export type PublishSpelling = (typeof publishSpellings)[number]
export const subscribeSpellings = ['curl', 'EventSource', 'cinnabar subscribe'] as const
export type SubscribeSpelling = (typeof subscribeSpellings)[number]

/** The token is never in a text to copy: a variable of the shell or the script stands for it. */
const bearer = 'Authorization: Bearer $TOKEN'

export function updateForm({
  topics,
  data,
  type,
  id,
  retry,
  isPrivate,
}: UpdateWish): URLSearchParams {
  const form = new URLSearchParams()
  for (const topic of topics) form.append('topic', topic)
  form.append('data', data)
  if (isPrivate) form.append('private', 'on')
  if (id !== '') form.append('id', id)
  if (type !== '') form.append('type', type)
  if (retry !== '') form.append('retry', retry)
  return form
}

/** The same request, to be sent by something else. */
export function publishAs(spelling: PublishSpelling, wish: UpdateWish): string {
  if (spelling === 'fetch') return publishByFetch(wish)
  if (spelling === 'cinnabar publish') return publishByCommand(wish)
  if (spelling === 'PHP (Symfony)') return publishByPhp(wish)
  const fields = [...updateForm(wish)].map(
    ([name, value]) => `--data-urlencode ${forShell(`${name}=${value}`)}`,
  )
  return ['curl', forShell(hubUrl), `-H "${bearer}"`, ...fields].join(' ')
}

function publishByFetch(wish: UpdateWish): string {
  const fields = JSON.stringify([...updateForm(wish)])
  return `await fetch(${JSON.stringify(hubUrl)}, { method: 'POST', headers: { authorization: \`Bearer \${TOKEN}\` }, body: new URLSearchParams(${fields}) })`
}

function publishByCommand({ topics, data, type, id, retry, isPrivate }: UpdateWish): string {
  const flags = [
    ...(isPrivate ? ['--private'] : []),
    ...(id === '' ? [] : ['--id', forShell(id)]),
    ...(type === '' ? [] : ['--type', forShell(type)]),
    ...(retry === '' ? [] : ['--retry', forShell(retry)]),
  ]
  const target = ['--hub', forShell(hubUrl), '--token "$TOKEN"']
  return [
    'cinnabar publish',
    ...topics.map(forShell),
    '--data',
    forShell(data),
    ...flags,
    ...target,
  ].join(' ')
}

function publishByPhp({ topics, data, type, id, retry, isPrivate }: UpdateWish): string {
  const list = topics.length === 1 ? forPhp(topics[0] ?? '') : `[${topics.map(forPhp).join(', ')}]`
  const values = [
    forPhp(data),
    isPrivate ? 'true' : 'false',
    id === '' ? 'null' : forPhp(id),
    type === '' ? 'null' : forPhp(type),
    ...(/^\d+$/.test(retry) ? [retry] : []),
  ]
  const isUsual = ['false', 'null', 'null']
  const more = values.slice(1).join() === isUsual.join() ? values.slice(0, 1) : values
  return `$hub->publish(new Symfony\\Component\\Mercure\\Update(${[list, ...more].join(', ')}));`
}

export function subscriptionUrl(matchers: readonly AskedMatcher[], after: string): string {
  const names = { exact: 'match', urlpattern: 'match_urlpattern', selector: 'topic' } as const
  const query = new URLSearchParams()
  for (const { type, pattern } of matchers) query.append(names[type], pattern)
  if (after !== '') query.append('last_event_id', after)
  return `${hubUrl}?${query}`
}

export function subscribeAs(
  spelling: SubscribeSpelling,
  matchers: readonly AskedMatcher[],
  after: string,
): string {
  const url = subscriptionUrl(matchers, after)
  if (spelling === 'EventSource')
    return `new EventSource(${JSON.stringify(url)}, { withCredentials: true }) // the token in the hub's cookie`
  if (spelling === 'curl') return `curl -N ${forShell(url)} -H "${bearer}"`
  const flags = { exact: '--match', urlpattern: '--urlpattern', selector: '--topic' } as const
  const asked = matchers.map(({ type, pattern }) => `${flags[type]} ${forShell(pattern)}`)
  const cursor = after === '' ? [] : ['--last-event-id', forShell(after)]
  return [
    'cinnabar subscribe',
    ...asked,
    ...cursor,
    '--hub',
    forShell(hubUrl),
    '--token "$TOKEN"',
  ].join(' ')
}

/** One word for the shell, whatever is in it. */
export function forShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function forPhp(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}
