import type { Parser } from '../../config/options/parsers.ts'
import type { Settings } from '../../config/settings.ts'
import { Arguments } from '../arguments.ts'
import { ownSettings } from '../own-settings.ts'
import { failureOf, reasonOf, send, textOf } from './request.ts'

export const adminFlags = { admin: 'text', token: 'text', config: 'text' } as const

export const adminFlagsHelp = `  --admin URL    the admin listener; default: the one of the settings,
                 http://127.0.0.1:3019
  --token TOKEN  the admin token; default: the one of the settings (admin_token)
  --config FILE  the hub's configuration file
`

/** A hub that is being restarted does not keep its operator waiting. */
const patienceMs = 5_000

export const adminUrl: Parser<string> = (text) =>
  /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text)
    ? { value: text.replace(/\/$/, '') }
    : { expected: 'a URL such as "http://127.0.0.1:3019"' }

export function ownAdminUrl({ adminHost, adminPort }: Settings): string | undefined {
  if (adminPort === 'off') return undefined
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[adminHost] ?? adminHost
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${adminPort}`
}

/** The admin listener of a hub, as a command asks it. */
export class Admin {
  readonly url: string
  readonly #token: string | undefined

  private constructor(url: string, token: string | undefined) {
    this.url = url
    this.#token = token
  }

  /** @throws UsageError, ConfigError */
  static of(args: Arguments): Admin {
    const settings = ownSettings(args.text('config'))
    const url = args.parsed('admin', adminUrl) ?? ownAdminUrl(settings)
    if (url === undefined) args.problems.push('admin_port is off: --admin URL tells where to ask')
    args.expectNoProblems()
    return new Admin(url ?? '', args.text('token') ?? settings.adminToken)
  }

  /**
   * Asks, or has something done when there is a body.
   *
   * @throws Error with a sentence for the operator
   */
  async ask<T>(path: string, body?: object): Promise<T> {
    let response
    try {
      response = await send(`${this.url}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        signal: AbortSignal.timeout(patienceMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (error) {
      throw new Error(`cannot reach ${this.url}: ${failureOf(error)}`, { cause: error })
    }
    if (response.statusCode !== 200) throw new Error(await reasonOf(response))
    return JSON.parse(await textOf(response)) as T // what this version of the hub answers
  }
}
