import type { Parser } from '../../config/options/parsers.ts'
import type { Settings } from '../../config/settings.ts'
import { Arguments } from '../arguments.ts'
import { note, print } from '../output.ts'
import { ownSettings } from '../own-settings.ts'
import { failureOf, reasonOf, send, textOf } from '../client/request.ts'

export const kickHelp = `Usage: cinnabar kick (--sub ID | --subscription URL) [options]

Closes streams, and denies their tokens until they end. Prints how many were closed.

  --sub ID            all streams of this subject (the token's sub)
  --subscription URL  the stream with this subscription, as the list tells it
  --admin URL         the admin listener; default: the one of the settings,
                      http://127.0.0.1:3019
  --token TOKEN       the admin token; default: the one of the settings (admin_token)
  --config FILE       the hub's configuration file

Exit code 0: closed, also when there was nothing to close; 1: refused, unreachable,
or a hub of the same history did not answer.
`

const flags = {
  sub: 'text',
  subscription: 'text',
  admin: 'text',
  token: 'text',
  config: 'text',
} as const

const adminUrl: Parser<string> = (text) =>
  /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text)
    ? { value: text.replace(/\/$/, '') }
    : { expected: 'a URL such as "http://127.0.0.1:3019"' }

/** `cinnabar kick`: closes streams through the admin listener. Resolves with the exit code. */
export async function kick(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, flags)
  args.expectNoPositionals()
  const [sub, subscription] = [args.text('sub'), args.text('subscription')]
  if ((sub === undefined) === (subscription === undefined))
    args.problems.push('expected --sub ID or --subscription URL, one of them')
  const settings = ownSettings(args.text('config'))
  const admin = args.parsed('admin', adminUrl) ?? ownAdminUrl(settings)
  if (admin === undefined) args.problems.push('admin_port is off: --admin URL tells where to ask')
  args.expectNoProblems()
  const target = sub === undefined ? { subscription } : { sub }
  return post(`${admin}/kick`, target, args.text('token') ?? settings.adminToken)
}

function ownAdminUrl({ adminHost, adminPort }: Settings): string | undefined {
  if (adminPort === 'off') return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[adminHost] ?? adminHost
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${adminPort}`
}

async function post(url: string, target: object, token: string | undefined): Promise<number> {
  try {
    const response = await send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(target),
    })
    if (response.statusCode !== 200) {
      note('kick', await reasonOf(response))
      return 1
    }
    const { closed, unanswered } = JSON.parse(await textOf(response)) as {
      readonly closed: number
      readonly unanswered: readonly string[]
    }
    await print(`${closed}\n`)
    for (const hub of unanswered) note('kick', `the hub ${hub} did not answer`)
    return unanswered.length === 0 ? 0 : 1
  } catch (error) {
    note('kick', `cannot reach ${url}: ${failureOf(error)}`)
    return 1
  }
}
