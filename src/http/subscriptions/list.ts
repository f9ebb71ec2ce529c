import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/authenticator.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Kept } from '../../hub/presence/record.ts'
import type { Presence } from '../../hub/presence/presence.ts'
import { HubError } from '../../protocol/errors.ts'
import { compileMatcher } from '../../protocol/matcher.ts'
import { hubPath } from '../../protocol/reserved.ts'
import {
  addressOf,
  documentOf,
  isTellable,
  type SubscriptionAddress,
} from '../../protocol/subscription.ts'
import { Topic } from '../../protocol/topic.ts'
import { type Form, parseForm } from '../request/form.ts'
import { asFieldValue } from '../subscribe/subscribe.ts'

/** Who asks, as the plugin found out. */
export interface Asking {
  readonly identity: Identity
  readonly hubUrl: string
}

/** Subscriptions that one answer looks at; more are behind its `Link: rel="next"`. */
const mostPerPage = 10_000
const chunkItems = 200
const matchTypes = ['exact', 'urlpattern']

/**
 * GET and HEAD of the subscription API, all three levels (draft-08 § 1.10): the subscriptions that are
 * active at the position its `Link` names, for whom the token grants the path.
 */
export async function subscriptions(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { identity, hubUrl }: Asking,
): Promise<FastifyReply> {
  const { path, query } = splitUrl(request.raw.url ?? '')
  const address = readAddress(path)
  if (identity.tokenHash === undefined) throw new HubError('missing_token')
  if (!identity.grants.mayReceive([new Topic(path)]))
    throw new HubError('insufficient_scope', 'the token does not grant subscribing to this path')

  await presence.settled()
  if (address.subscriber !== undefined) return one(hub, presence, request, reply, address)
  return several(hub, presence, request, reply, { path, query, address, hubUrl })
}

function splitUrl(url: string): { path: string; query: Form } {
  const at = url.indexOf('?')
  if (at < 0) return { path: url, query: parseForm('') }
  return { path: url.slice(0, at), query: parseForm(url.slice(at + 1)) }
}

function readAddress(path: string): SubscriptionAddress {
  const address = addressOf(path)
  if (address === undefined) {
    if (hasBadEscape(path)) throw new HubError('invalid_request', 'the path is badly escaped')
    throw new HubError('not_found', 'there is nothing at this path')
  }
  if (address.type !== undefined && !matchTypes.includes(address.type))
    throw new HubError('invalid_request', `match types are ${matchTypes.join(' and ')}`)
  return address
}

function hasBadEscape(path: string): boolean {
  try {
    decodeURIComponent(path)
    return false
  } catch {
    return true
  }
}

async function one(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { type, match, subscriber }: SubscriptionAddress,
): Promise<FastifyReply> {
  for (let after = ''; ;) {
    const page = await presence.page({ type, match }, after, mostPerPage)
    const found = page.kept.find((kept) => kept.subscriber === subscriber)
    if (found !== undefined) {
      if (isUnchanged(request, reply, await hub.cursorFor(page.position))) return reply
      return reply.send(Buffer.from(JSON.stringify(documentOf(found, true))))
    }
    if (page.next === undefined)
      throw new HubError('not_found', 'there is no such subscription, or not any more')
    after = page.next
  }
}

interface Listing {
  readonly path: string
  readonly query: Form
  readonly address: SubscriptionAddress
  readonly hubUrl: string
}

async function several(
  hub: Hub,
  presence: Presence,
  request: FastifyRequest,
  reply: FastifyReply,
  { path, query, address, hubUrl }: Listing,
): Promise<FastifyReply> {
  const isWanted = filterOf(query, hubUrl)
  const limit = limitOf(query)
  const after = query.get('after') ?? ''
  const page = await presence.page(address, after, limit)
  const cursor = query.get('cursor') ?? (await hub.cursorFor(page.position))
  const wanted = page.kept.filter(isWanted)
  let count: number | undefined =
    after === '' && page.next === undefined ? wanted.length : undefined
  if (request.method === 'HEAD' && count === undefined)
    count = await countAll(presence, address, isWanted)
  if (count !== undefined) void reply.header('mercure-subscription-count', count)
  if (isUnchanged(request, reply, cursor, nextOf(path, query, page.next, cursor))) return reply
  if (request.method === 'HEAD') return reply.send()
  return reply.send(Readable.from(chunksOf(path, wanted), { objectMode: false }))
}

/** The whole answer is never one string. */
function* chunksOf(path: string, wanted: readonly Kept[]): Generator<string> {
  yield `{"id":${JSON.stringify(path)},"type":"subscriptions","subscriptions":[`
  for (let at = 0; at < wanted.length; at += chunkItems) {
    const items = wanted.slice(at, at + chunkItems).map((kept) => documentOf(kept, true))
    yield (at === 0 ? '' : ',') + JSON.stringify(items).slice(1, -1)
  }
  yield ']}'
}

async function countAll(
  presence: Presence,
  address: SubscriptionAddress,
  isWanted: (kept: Kept) => boolean,
): Promise<number> {
  let count = 0
  for (let after = ''; ;) {
    const page = await presence.page(address, after, mostPerPage)
    count += page.kept.filter(isWanted).length
    if (page.next === undefined) return count
    after = page.next
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** `topic`: subscriptions that would get an update of this topic; `sub`: those of this subject. */
function filterOf(query: Form, hubUrl: string): (kept: Kept) => boolean {
  const wantedTopic = query.get('topic')
  const wantedSub = query.get('sub')
  const topic = wantedTopic === undefined ? undefined : new Topic(wantedTopic)
  const matches = new Map<string, boolean>()
  const covers = ({ type, match }: Kept) => {
    if (topic === undefined || match === '*' || match === topic.value) return true
    if (type !== 'urlpattern') return false
    const known = matches.get(match)
    if (known !== undefined) return known
    const isCovered = compileMatcher('urlpattern', match, hubUrl).matches(topic)
    matches.set(match, isCovered)
    return isCovered
  }
  const isOf = ({ subject }: Kept) => wantedSub === undefined || subject === wantedSub
  return (kept) => isTellable(kept) && isOf(kept) && covers(kept)
}

function limitOf(query: Form): number {
  const limit = query.get('limit')
  if (limit === undefined) return mostPerPage
  if (!/^[1-9][0-9]{0,8}$/.test(limit))
    throw new HubError('invalid_request', 'limit: expected a number of subscriptions, 1 or more')
  return Math.min(Number(limit), mostPerPage)
}

/** The next page, with the cursor of the first: events since then tell what changed meanwhile. */
function nextOf(
  path: string,
  query: Form,
  next: string | undefined,
  cursor: string,
): string | undefined {
  if (next === undefined) return undefined
  const parameters = new URLSearchParams({ after: next, cursor })
  for (const name of ['topic', 'sub', 'limit']) {
    const value = query.get(name)
    if (value !== undefined) parameters.set(name, value)
  }
  return `<${path}?${parameters.toString()}>; rel="next"`
}

/** Sets the fields of an answer; true when the client has it already, and was told so. */
function isUnchanged(
  request: FastifyRequest,
  reply: FastifyReply,
  cursor: string,
  next?: string,
): boolean {
  const tag = `"${cursor.replace(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent)}"`
  const quoted = cursor.replace(/["\\]/g, '\\$&')
  const link = `<${hubPath}>; rel="mercure"; last-event-id="${asFieldValue(quoted)}"; type="mercure"; content-type="application/json"`
  void reply
    .header('etag', tag)
    .header('link', next === undefined ? link : `${link}, ${next}`)
    .header('cache-control', 'private, no-cache')
    .type('application/json')
  const known = String(request.headers['if-none-match'] ?? '')
  const tags: readonly string[] = known.match(/\*|"[^"]*"/g) ?? []
  if (!tags.includes(tag) && !tags.includes('*')) return false
  void reply.code(304).send()
  return true
}
