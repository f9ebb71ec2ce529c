import { Arguments } from '../arguments.ts'
import { boolean } from '../../config/options/parsers.ts'
import type { Settings } from '../../config/settings.ts'
import {
  HubRefusal,
  subscribe as subscribeTo,
  type SubscriptionState,
  type Update,
} from '../../client/index.ts'
import { byPattern, exactly } from '../tokens/claims.ts'
import { audienceOf, callOf, hubUrl } from '../hub-address.ts'
import { complain, note, print } from '../output.ts'
import { ownSettings } from '../own-settings.ts'
import { plainUrlInstead } from '../client/request.ts'
import { StreamNotes } from '../client/stream-notes.ts'
import { checkMatchers } from '../tokens/matchers.ts'
import { givenToken, isStranger, ownTokens, type TokenSource } from '../tokens/own-token.ts'

export const subscribeHelp = `Usage: cinnabar subscribe [--match T]… [--urlpattern P]… [--topic S]… [options]

Prints events as they come. A cut connection is resumed where it ended; a hub that is not there
yet is waited for. Ends with 0 when the hub says that there is nothing more (204), with 1 when it
refuses.

  --match T           events of the topic T, or of all with "*"; repeatable
  --urlpattern P      events of the topics that fit a URL Pattern; repeatable
  --topic S           protocol 0.x: a topic or URI Template; repeatable
  --last-event-id ID  start after this event; "earliest" for everything that is kept
  --json              one object per line with id, type and data
  --hub URL           the hub's URL; default: the one of the settings,
                      http://127.0.0.1:3000/.well-known/mercure
  --token TOKEN       default: one made with the hub's own key; @FILE reads it
  --anonymous         send no token
  --config FILE       the hub's configuration file
  --quiet             no notes on stderr
`

const flags = {
  match: 'list',
  urlpattern: 'list',
  topic: 'list',
  'last-event-id': 'text',
  hub: 'text',
  token: 'text',
  anonymous: 'switch',
  config: 'text',
} as const

/** `cinnabar subscribe`: prints events until a signal, or the hub, ends it. Resolves with the exit code. */
export async function subscribe(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, flags)
  args.expectNoPositionals()
  const settings = ownSettings(args.text('config'))
  const { url: hub, headers } = callOf(settings, args.parsed('hub', hubUrl))
  checkMatchers(args, { exact: ['match'], urlpattern: ['urlpattern'] }, audienceOf(settings, hub))
  const matchers = readMatchers(args)
  const isJson = args.parsed('json', boolean) ?? false
  const tokens = readTokens(args, settings, hub)
  args.expectNoProblems()
  for (const sentence of tokens?.notes ?? []) note('subscribe', sentence)
  const notes = new StreamNotes(hub)
  const subscription = subscribeTo({
    hub,
    ...matchers,
    lastEventId: args.text('last-event-id'),
    token: tokens?.token,
    fetch: fetchWith(headers),
    onState: (state) => {
      meant = state.name === 'waiting' ? plainUrlInstead(hub, state.reason) : meant
      if (meant === undefined) tell(notes, state, isStopped)
      else stop()
    },
  })
  let isStopped = false
  let meant: string | undefined
  const stop = () => {
    isStopped = true
    subscription.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  try {
    for await (const update of subscription) await print(isJson ? asLine(update) : asBlock(update))
    if (meant === undefined) return 0
    complain('subscribe', `${hub} does not speak TLS; did you mean ${meant}?`)
    return 1
  } catch (error) {
    if (!(error instanceof HubRefusal)) throw error
    complain('subscribe', `${hub} refused: ${error.message}`)
    return 1
  }
}

function readMatchers(args: Arguments) {
  const matchers = {
    match: args.list('match'),
    urlPattern: args.list('urlpattern'),
    topic: args.list('topic'),
  }
  if (Object.values(matchers).every((values) => values.length === 0))
    args.problems.push('expected a matcher: --match, --urlpattern or --topic, got none')
  return matchers
}

/** Requests that say these fields too. */
function fetchWith(more: Readonly<Record<string, string>>): typeof fetch {
  return (url, init) => {
    const headers = new Headers(init?.headers)
    for (const [name, value] of Object.entries(more)) headers.set(name, value)
    return fetch(url, { ...init, headers })
  }
}

/** That the hub ends a stream from time to time is no trouble. */
function tell(notes: StreamNotes, state: SubscriptionState, isStopped: boolean): void {
  if (state.name === 'live') notes.open()
  if (state.name === 'ended' && state.reason === undefined && !isStopped) notes.done()
  if (state.name !== 'waiting' || state.isOrdinary || state.nextAttemptAt === undefined) return
  const seconds = ((state.nextAttemptAt - Date.now()) / 1000).toFixed(1)
  notes.trouble(`${state.reason}; trying again in ${seconds} s`)
}

/** Without a token of its own, a subscriber sees what an anonymous one may see. */
function readTokens(args: Arguments, settings: Settings, hub: string): TokenSource | undefined {
  const given = givenToken(args)
  if (given !== undefined || args.text('token') !== undefined || args.isOn('anonymous'))
    return given
  if (isStranger(settings, hub)) return undefined
  const topics = args.list('topic')
  const matchers = [...args.list('match').map(exactly), ...args.list('urlpattern').map(byPattern)]
  const isLegacy = matchers.length === 0
  const wish = { publish: [], subscribe: isLegacy ? topics.map(exactly) : matchers }
  const tokens = ownTokens(settings, hub, wish, isLegacy)
  if (!('expected' in tokens)) return tokens
  note('subscribe', `without a token: expected ${tokens.expected}`)
  return undefined
}

function asLine({ id, type, data }: Update): string {
  return `${JSON.stringify({ id, type, data })}\n`
}

/** As it was on the wire, so that it can be read again. */
function asBlock({ id, type, data }: Update): string {
  const lines = data.split('\n').map((line) => `data: ${line}\n`)
  return `${type === 'message' ? '' : `event: ${type}\n`}${lines.join('')}${id === '' ? '' : `id: ${id}\n`}\n`
}
