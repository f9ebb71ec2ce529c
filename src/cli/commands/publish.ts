import { text as readAll } from 'node:stream/consumers'
import type { Parser } from '../../config/options/parsers.ts'
import { Arguments } from '../arguments.ts'
import { exactly } from '../tokens/claims.ts'
import { callOf, type HubCall, hubUrl } from '../hub-address.ts'
import { answer, complain, note } from '../output.ts'
import { ownSettings } from '../own-settings.ts'
import { givenToken, ownTokens } from '../tokens/own-token.ts'
import { reasonOf, send, textOf, unreachable } from '../client/request.ts'

export const publishHelp = `Usage: cinnabar publish TOPIC… [options]

Publishes an update to one or several topics and prints its id.

  --data TEXT      what subscribers receive; - reads it from stdin
  --private        only for subscribers whose token grants one of the topics
  --id ID          the update's id; default: the hub makes one
  --type TYPE      the event's type; default: message
  --retry MS       reconnection time for the subscribers, in milliseconds
  --hub URL        the hub's URL; default: the one of the settings,
                   http://127.0.0.1:3000/.well-known/mercure
  --token TOKEN    default: one made with the hub's own key; @FILE reads it
  --config FILE    the hub's configuration file
  --json           the id as an object, and failures too
  --quiet          no notes on stderr
`

const flags = {
  data: 'text',
  private: 'switch',
  id: 'text',
  type: 'text',
  retry: 'text',
  hub: 'text',
  token: 'text',
  config: 'text',
} as const

const digits: Parser<string> = (text) =>
  /^[0-9]+$/.test(text) ? { value: text } : { expected: 'milliseconds such as "5000"' }

/** `cinnabar publish`: publishes one update. Resolves with the exit code. */
export async function publish(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, flags)
  const settings = ownSettings(args.text('config'))
  const hub = callOf(settings, args.parsed('hub', hubUrl))
  const form = readForm(args)
  args.expectNoProblems()
  const wish = { publish: args.positionals.map(exactly), subscribe: [] }
  const tokens = givenToken(args) ?? ownTokens(settings, hub.url, wish)
  if ('expected' in tokens) args.refuse('token', tokens.expected, tokens.got)
  args.expectNoProblems()
  if ('expected' in tokens) return 2
  for (const sentence of tokens.notes) note('publish', sentence)
  if (args.text('data') === '-') form.set('data', await readAll(process.stdin))
  return post(hub, form, await tokens.token())
}

function readForm(args: Arguments): URLSearchParams {
  const form = new URLSearchParams()
  for (const topic of args.positionals) form.append('topic', topic)
  if (args.positionals.includes('')) args.problems.push('expected a topic, got ""')
  if (args.positionals.length === 0) args.problems.push('expected a topic, got none')
  for (const field of ['data', 'id', 'type'] as const) {
    const value = args.text(field)
    if (value !== undefined) form.set(field, value)
  }
  const retry = args.parsed('retry', digits)
  if (retry !== undefined) form.set('retry', retry)
  if (args.isOn('private')) form.set('private', 'on')
  return form
}

async function post(hub: HubCall, form: URLSearchParams, token: string): Promise<number> {
  try {
    const response = await send(hub.url, {
      method: 'POST',
      headers: {
        ...hub.headers,
        authorization: `Bearer ${token}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
    })
    if (response.statusCode !== 200) {
      complain('publish', `${hub.url} refused: ${await reasonOf(response)}`)
      return 1
    }
    const id = (await textOf(response)).trimEnd()
    await answer(`${id}\n`, { id })
    return 0
  } catch (error) {
    complain('publish', unreachable(hub.url, error))
    return 1
  }
}
