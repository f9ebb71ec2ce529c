import type { FastifyInstance } from 'fastify'
import type { Kicked, KickTarget } from '../../hub/cluster/kicks.ts'
import { HubError } from '../../protocol/errors.ts'
import { keptPathOf } from '../../protocol/legacy/subscription.ts'
import { addressOf } from '../../protocol/subscription.ts'

/**
 * `POST /kick` on the admin listener: closes the streams of a subject, or the one that has a
 * subscription, and answers how many, with the hubs that did not say so within two seconds.
 */
export function kick(app: FastifyInstance, kick: (target: KickTarget) => Promise<Kicked>): void {
  app.post('/kick', async (request) => kick(targetIn(request.body)))
}

function targetIn(body: unknown): KickTarget {
  const expected = 'expected {"sub": "…"} or {"subscription": "…"}, one of them, as JSON'
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new HubError('invalid_request', expected)
  const members = Object.entries(body)
  const [member] = members
  if (member === undefined || members.length > 1) throw new HubError('invalid_request', expected)
  const [name, value] = member as [string, unknown]
  if (typeof value !== 'string' || value === '')
    throw new HubError('invalid_request', `${expected}; ${name} must be a string, and not empty`)
  if (name === 'sub') return { sub: value }
  if (name !== 'subscription') throw new HubError('invalid_request', expected)
  const url = addressOf(value)?.subscriber === undefined ? keptPathOf(value) : value
  if (url === undefined)
    throw new HubError(
      'invalid_request',
      'subscription: expected the URL of one subscription, as the list tells it',
    )
  return { subscription: url }
}
