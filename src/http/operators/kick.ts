import type { FastifyInstance } from 'fastify'
import type { Kicked, KickTarget } from '../../hub/cluster/kicks.ts'
import { HubError } from '../../protocol/errors.ts'
import { keptPathOf } from '../../protocol/legacy/subscription.ts'
import { addressOf } from '../../protocol/subscription.ts'

export interface KickOptions {
  readonly kick: (target: KickTarget) => Promise<Kicked>
  /** Whose subjects there are now: issuers, and the empty one where tokens of 0.x have keys of their own. */
  readonly issuers: () => readonly string[]
}

/**
 * `POST /kick` on the admin listener: closes the streams of a subject, or the one that has a
 * subscription, and answers how many, with the hubs that did not say so within two seconds.
 */
export function kick(app: FastifyInstance, { kick, issuers }: KickOptions): void {
  app.post('/kick', async (request) => kick(targetIn(request.body, issuers())))
}

const expected =
  'expected {"sub": "…"}, {"sub": "…", "iss": "…"} or {"subscription": "…"}, one of them, as JSON'

function targetIn(body: unknown, issuers: readonly string[]): KickTarget {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new HubError('invalid_request', expected)
  const { sub, iss, subscription, ...others } = body as Readonly<Record<string, unknown>>
  const isOne = (sub === undefined) !== (subscription === undefined)
  if (!isOne || Object.keys(others).length > 0 || (iss !== undefined && sub === undefined))
    throw new HubError('invalid_request', expected)
  if (sub === undefined) return { subscription: urlIn(textIn('subscription', subscription)) }
  return { sub: textIn('sub', sub), issuers: issuersIn(iss, issuers) }
}

function textIn(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new HubError('invalid_request', `${expected}; ${name} must be a string, and not empty`)
}

/** The issuer named, or the only one there is with tokens of 0.x that the same keys verify. */
function issuersIn(iss: unknown, issuers: readonly string[]): readonly string[] {
  if (typeof iss === 'string') return [iss]
  if (iss !== undefined)
    throw new HubError(
      'invalid_request',
      `${expected}; iss must be a string, empty for tokens of protocol 0.x`,
    )
  if (issuers.length <= 1) return [...issuers, '']
  const known = issuers.map((issuer) => JSON.stringify(issuer)).join(', ')
  throw new HubError(
    'invalid_request',
    `iss: expected the issuer of the subject, who is somebody else at each of them; here ${known}`,
  )
}

function urlIn(value: string): string {
  const url = addressOf(value)?.subscriber === undefined ? keptPathOf(value) : value
  if (url !== undefined) return url
  throw new HubError(
    'invalid_request',
    'subscription: expected the URL of one subscription, as the list tells it',
  )
}
