import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/authenticator.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Kept } from '../../hub/presence/record.ts'
import type { KeptPage, Presence } from '../../hub/presence/presence.ts'
import { HubError } from '../../protocol/errors.ts'
import {
  inContext,
  isSelector,
  listDocument,
  printed,
  type SelectorAddress,
  selectorAddressOf,
  selectorDocument,
} from '../../protocol/legacy/subscription.ts'
import { Topic } from '../../protocol/topic.ts'
import { queryOf } from '../request/legacy.ts'
import { asFieldValue } from '../subscribe/subscribe.ts'

const pageSize = 10_000
const chunkItems = 200
/** Types under which one text may be kept: which of them it is depends on who subscribed. */
const selectorTypes = ['exact', 'uritemplate']

/**
 * GET and HEAD of the subscription API as protocol 0.x has it (draft-07 § 2.5): JSON-LD, one list
 * without pages, the cursor within the document. For 0.x tokens only.
 */
export async function legacySubscriptions(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { grants }: Identity,
): Promise<FastifyReply> {
  const target = targetOf(request)
  if (!grants.mayReceive([new Topic(target)]))
    throw new HubError('insufficient_scope', 'the token does not grant subscribing to this URL')
  const address = readAddress(target)

  await presence.settled()
  if (address.subscriber !== undefined) return one(hub, presence, request, reply, address)
  return list(hub, presence, request, reply, { target, address })
}

/** The request's target, which tokens name with its query; a token in the query is no part of it. */
function targetOf(request: FastifyRequest): string {
  const [path = ''] = (request.raw.url ?? '').split('?', 1)
  const rest = queryOf(request.raw)
    .split('&')
    .filter((pair) => !isToken(pair))
    .join('&')
  return rest === '' ? path : `${path}?${rest}`
}

function isToken(pair: string): boolean {
  return new URLSearchParams(pair).has('authorization')
}

function readAddress(target: string): SelectorAddress {
  try {
    const address = selectorAddressOf(target.replace(/\?.*$/s, ''))
    if (address !== undefined) return address
  } catch {
    throw new HubError('invalid_request', 'the path is badly escaped')
  }
  throw new HubError('not_found', 'there is nothing at this path')
}

async function one(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { topic, subscriber }: SelectorAddress,
): Promise<FastifyReply> {
  for await (const { kept, position } of pagesOf(presence, topic)) {
    const found = kept.find((candidate) => candidate.subscriber === subscriber)
    if (found === undefined) continue
    const cursor = await hub.cursorFor(position)
    if (isUnchanged(request, reply, cursor)) return reply
    return reply.send(Buffer.from(printed(inContext(selectorDocument(found, true, cursor)))))
  }
  throw new HubError('not_found', 'there is no such subscription, or not any more')
}

async function list(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { target, address }: { readonly target: string; readonly address: SelectorAddress },
): Promise<FastifyReply> {
  const pages = pagesOf(presence, address.topic)
  const first = await pages.next()
  const position = first.done === true ? 0 : first.value.position
  const cursor = await hub.cursorFor(position)
  if (isUnchanged(request, reply, cursor)) return reply
  if (request.method === 'HEAD') return reply.send()
  const head = printed({ ...listDocument(target, cursor), subscriptions: [] })
  const items = itemsOf(first.done === true ? [] : first.value.kept, pages)
  return reply.send(Readable.from(chunksOf(head, items), { objectMode: false }))
}

/** Pages of what 0.x has words for: all of it, or what was asked for by this selector. */
async function* pagesOf(presence: Presence, topic?: string): AsyncGenerator<KeptPage, void> {
  for (const type of topic === undefined ? [undefined] : selectorTypes) {
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: KeptPage = await presence.page({ type, match: topic }, after, pageSize)
      yield { ...page, kept: page.kept.filter(isSelector) }
      after = page.next
    }
  }
}

async function* itemsOf(
  first: readonly Kept[],
  pages: AsyncGenerator<KeptPage, void>,
): AsyncGenerator<readonly Kept[]> {
  for (let at = 0; at < first.length; at += chunkItems) yield first.slice(at, at + chunkItems)
  for await (const { kept } of pages)
    for (let at = 0; at < kept.length; at += chunkItems) yield kept.slice(at, at + chunkItems)
}

/** The whole answer is never one string. Printed like the rest, two levels further in. */
async function* chunksOf(
  head: string,
  items: AsyncGenerator<readonly Kept[]>,
): AsyncGenerator<string> {
  const end = ']\n}'
  yield head.slice(0, -end.length)
  let isFirst = true
  for await (const some of items) {
    const texts = some.map((kept) => printed(selectorDocument(kept, true)).replace(/^/gm, '    '))
    yield `${isFirst ? '\n' : ',\n'}${texts.join(',\n')}`
    isFirst = false
  }
  yield isFirst ? end : `\n  ${end}`
}

/** Sets the fields of an answer; true when the client has it already, and was told so. The tag is bare. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply, cursor: string): boolean {
  const tag = asFieldValue(cursor)
  void reply.header('etag', tag).type('application/ld+json')
  if (request.headers['if-none-match'] !== tag) return false
  void reply.code(304).send()
  return true
}
