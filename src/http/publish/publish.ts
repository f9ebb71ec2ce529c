import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/authenticator.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Publication } from '../../hub/publisher.ts'
import { HubError } from '../../protocol/errors.ts'
import { parseRetry, type UpdateDraft } from '../../protocol/update.ts'
import { type Form, parseForm } from '../request/form.ts'
import { mediaTypeOf, onceOf } from './idempotency.ts'
import { isQueued, itsTurn } from '../request/pipelining.ts'
import { UpdateLines } from './ndjson.ts'
import type { RateKeeper } from '../../hub/limits/publish-rate.ts'

/** Who publishes, as the plugin found out. */
export interface PublishCaller {
  readonly identity: Identity
  readonly hubUrl: string
  /** How long idempotency keys are remembered; 0 for not at all. */
  readonly idempotencyWindowMs: number
  readonly rates: RateKeeper
}

export const formType = 'application/x-www-form-urlencoded'
const batchType = 'application/x-ndjson'

/**
 * POST on the hub URL (draft-08 § 1.6): 200 and the id, once the update is as durable as the log
 * promises. A batch is answered with the list of its ids.
 */
export async function publish(
  hub: Hub,
  request: FastifyRequest,
  reply: FastifyReply,
  { identity, hubUrl, idempotencyWindowMs, rates }: PublishCaller,
): Promise<void> {
  if (isQueued(reply.raw)) await itsTurn(reply.raw) // behind a stream it never comes
  const type = mediaTypeOf(request.headers['content-type'] ?? '')
  const { grants } = identity
  if (type === formType) {
    const draft = draftOf(parseForm(bodyOf(request).toString('latin1')))
    const once = onceOf(request, identity, idempotencyWindowMs)
    const id = await hub.publish(draft, { grants, hubUrl, once })
    return void reply.type('text/plain; charset=utf-8').send(id)
  }
  if (type !== batchType)
    throw new HubError('invalid_form', `expected a body of type ${formType} or ${batchType}`)
  const once = onceOf(request, identity, idempotencyWindowMs)
  const ids = await publishBatch(hub, bodyOf(request), { grants, hubUrl, once })
  rates.charge(identity.tokenHash, ids.length - 1, performance.now())
  void reply.type('application/json').send(Buffer.from(JSON.stringify(ids)))
}

/** An error that is about one update names its line. */
async function publishBatch(hub: Hub, body: Buffer, publication: Publication): Promise<string[]> {
  const lines = new UpdateLines(body)
  try {
    return await hub.publishAll(lines, publication)
  } catch (error) {
    if (lines.line === 0 || !(error instanceof HubError)) throw error
    throw new HubError(error.code, `line ${lines.line}: ${error.message}`, error)
  }
}

const nothing = Buffer.alloc(0)

function bodyOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : nothing
}

/** `data`, `id`, `type` and `retry` count once, the first time; `private` by its presence; others not at all. */
export function draftOf(form: Form): UpdateDraft {
  return {
    topics: form.getAll('topic'),
    data: form.get('data') ?? '',
    isPrivate: form.has('private'),
    id: form.get('id') ?? '',
    type: form.get('type') ?? '',
    retry: parseRetry(form.get('retry') ?? ''),
  }
}
