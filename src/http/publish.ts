import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Hub } from '../hub/hub.ts'
import { HubError } from '../protocol/errors.ts'
import type { Grants } from '../protocol/grants.ts'
import { parseRetry, type UpdateDraft } from '../protocol/update.ts'
import { type Form, parseForm } from './form.ts'

/**
 * POST on the hub URL (draft-08 § 1.6): 200 and the id, once the update is as durable as the log promises.
 */
export async function publish(
  hub: Hub,
  request: FastifyRequest,
  reply: FastifyReply,
  grants: Grants,
  hubUrl: string,
): Promise<void> {
  const draft = draftOf(parseForm(formBytes(request)))
  const id = await hub.publish(draft, grants, hubUrl)
  void reply.type('text/plain; charset=utf-8').send(id)
}

function formBytes(request: FastifyRequest): string {
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    throw new HubError('invalid_form', 'expected a body of type application/x-www-form-urlencoded')
  return Buffer.isBuffer(request.body) ? request.body.toString('latin1') : ''
}

/** `data`, `id`, `type` and `retry` count once, the first time; `private` by its presence; others not at all. */
function draftOf(form: Form): UpdateDraft {
  return {
    topics: form.getAll('topic'),
    data: form.get('data') ?? '',
    isPrivate: form.has('private'),
    id: form.get('id') ?? '',
    type: form.get('type') ?? '',
    retry: parseRetry(form.get('retry') ?? ''),
  }
}
