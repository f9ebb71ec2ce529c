import { Arguments } from '../arguments.ts'
import { boolean } from '../../config/options/parsers.ts'
import type { Settings } from '../../config/settings.ts'
import type { StreamEvent } from '../../protocol/event-stream-parser.ts'
import { byPattern, exactly } from '../tokens/claims.ts'
import { audienceOf, callOf, hubUrl } from '../hub-address.ts'
import { complain, note, print } from '../output.ts'
import { ownSettings } from '../own-settings.ts'
import { StreamNotes } from '../client/stream-notes.ts'
import { checkMatchers } from '../tokens/matchers.ts'
import { givenToken, isStranger, ownTokens, type TokenSource } from '../tokens/own-token.ts'
import { Subscription } from '../client/subscription.ts'

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
  const url = withMatchers(hub, args)
  const isJson = args.parsed('json', boolean) ?? false
  const tokens = readTokens(args, settings, hub)
  args.expectNoProblems()
  for (const sentence of tokens?.notes ?? []) note('subscribe', sentence)
  const notes = new StreamNotes(hub)
  const subscription = new Subscription({
    url,
    headers,
    lastEventId: args.text('last-event-id') ?? '',
    token: tokens?.token,
    onEvent: (event) => print(isJson ? asLine(event) : asBlock(event)),
    onOpen: () => notes.open(),
    onTrouble: (sentence) => notes.trouble(sentence),
  })
  process.once('SIGINT', () => subscription.stop())
  process.once('SIGTERM', () => subscription.stop())
  const end = await subscription.run()
  if (end.isDone === true) notes.done()
  if (end.reason === undefined) return 0
  complain('subscribe', end.isUnreachable ? end.reason : `${hub} refused: ${end.reason}`)
  return 1
}

const parameters = { match: 'match', urlpattern: 'match_urlpattern', topic: 'topic' } as const

function withMatchers(hub: string, args: Arguments): string {
  const url = new URL(hub)
  for (const flag of ['match', 'urlpattern', 'topic'] as const)
    for (const value of args.list(flag)) url.searchParams.append(parameters[flag], value)
  if (['match', 'urlpattern', 'topic'].every((flag) => args.list(flag).length === 0))
    args.problems.push('expected a matcher: --match, --urlpattern or --topic, got none')
  return url.href
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

function asLine({ id, type, data }: StreamEvent): string {
  return `${JSON.stringify({ id, type, data })}\n`
}

/** As it was on the wire, so that it can be read again. */
function asBlock({ id, type, data }: StreamEvent): string {
  const lines = data.split('\n').map((line) => `data: ${line}\n`)
  return `${id === '' ? '' : `id: ${id}\n`}${type === 'message' ? '' : `event: ${type}\n`}${lines.join('')}\n`
}
