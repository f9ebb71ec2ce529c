import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/authenticator.ts'
import type { Start } from '../../hub/stream/cursors.ts'
import type { Hub } from '../../hub/hub.ts'
import { HubError } from '../../protocol/errors.ts'
import type { Matcher } from '../../protocol/matcher.ts'
import { type Form, parseForm } from '../request/form.ts'
import type { Wire } from '../../hub/stream/outbox.ts'
import {
  cursorParameters,
  hasSelectorsOnly,
  isLegacyRequest,
  queryOf,
  setLegacyCursor,
} from '../request/legacy.ts'
import { parseMatchers } from './matchers.ts'
import { isQueued, itsTurn } from '../request/pipelining.ts'
import { type Head, openWire } from '../connection/wire.ts'

/** Who subscribes, as the plugin found out. */
export interface Caller {
  readonly identity: Identity
  readonly hubUrl: string
  /** The client's address; undefined when no limit asks for it. */
  readonly address: string | undefined
  /** Protocol 0.x is spoken too. */
  readonly speaksLegacy: boolean
}

/** Fields of every stream's head. */
export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'private, no-cache, no-store, must-revalidate, max-age=0',
  expires: '0',
  pragma: 'no-cache',
  'x-accel-buffering': 'no',
}

/**
 * GET, QUERY and HEAD on the hub URL (draft-08 §§ 1.2 to 1.4).
 *
 * Everything that can be refused is refused before the head is written; HEAD ends there and registers
 * nobody.
 */
export async function subscribe(
  hub: Hub,
  request: FastifyRequest,
  reply: FastifyReply,
  { identity, hubUrl, address, speaksLegacy }: Caller,
): Promise<void> {
  const query = parseForm(queryOf(request.raw))
  const body = Buffer.isBuffer(request.body)
    ? parseForm(request.body.toString('latin1'))
    : undefined
  const form = query.with(body)
  const matchers = parseMatchers(form, hubUrl, speaksLegacy)
  const isLegacy = speaksLegacy && isLegacyRequest(identity.protocol, hasSelectorsOnly(form))
  if (isQueued(reply.raw)) await itsTurn(reply.raw)
  const requested = cursorOf(request, query, body, speaksLegacy)
  const start = requested === undefined ? undefined : await locate(hub, requested)
  if (start === 'unavailable') {
    if (isEventSource(request)) return tryAgain(reply)
    throw new HubError('unavailable', 'the history cannot be reached now; try again later')
  }
  const { tokenHash } = identity
  const seat = { tokenHash, address }
  if (isLegacy && start !== undefined && requested !== undefined)
    setLegacyCursor(reply, requested, asFieldValue(start.lastEventId))
  const isHead = request.method === 'HEAD'
  const refusal = await (isHead ? hub.refusal(seat) : hub.seat(seat))
  if (refusal !== undefined) {
    if (hub.isDraining && isEventSource(request)) return hangUp(reply)
    throw refusal
  }

  if (hub.kicks.isDenied(tokenHash)) {
    if (!isHead) hub.unseat(seat)
    return void reply.code(204).send() // which ends an EventSource for good
  }
  if (isHead) return void headOf(reply, start).send()
  const from = requested === '' ? undefined : start
  open(hub, { identity, address, matchers, start: from, isPlain: isLegacy }, () =>
    takeFrom(request, headOf(reply, start)),
  )
}

/** What a stream is opened with. */
export interface Opening {
  readonly identity: Identity
  readonly address: string | undefined
  readonly matchers: readonly Matcher[]
  readonly start: Start | undefined
  readonly isPlain: boolean
}

/** Opens a stream that has its seat; gives that back when `takeWire` finds that the client has gone meanwhile. */
export function open(
  hub: Hub,
  { identity, address, matchers, start, isPlain }: Opening,
  takeWire: () => Wire | undefined,
): void {
  const { grants, tokenHash, expiresAtMs, issuer, subject } = identity
  let wire: Wire | undefined
  try {
    wire = takeWire()
  } finally {
    if (wire === undefined) hub.unseat({ tokenHash, address })
  }
  if (wire === undefined) return
  // Field by field: copying what is left of an object took a tenth of what opening a stream costs.
  hub.subscribe(wire, {
    matchers,
    start,
    address,
    isPlain,
    grants,
    tokenHash,
    expiresAtMs,
    issuer,
    subject,
  })
}

function headOf(reply: FastifyReply, start: Start | undefined): FastifyReply {
  void reply.headers(streamHeaders)
  if (start !== undefined)
    void reply.header('mercure-last-event-id', asFieldValue(start.lastEventId))
  return reply
}

/** An `EventSource`, which never comes back from a status that is not 200, but does from a lost connection. */
function isEventSource(request: FastifyRequest): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/event-stream')
}

/** @throws HubError of another kind */
async function locate(hub: Hub, requested: string): Promise<Start | 'unavailable'> {
  try {
    return await hub.locate(requested)
  } catch (error) {
    if (error instanceof HubError && error.code === 'unavailable') return 'unavailable'
    throw error
  }
}

/** While the history is away: milliseconds until an `EventSource` asks again, at random between these. */
const againMs = { least: 2_000, most: 7_000 }

/**
 * A stream that says when to come back, and ends. A lost connection would do for a client, but not for a
 * proxy, which gives up in the end and answers with a status that is final.
 *
 * There is no empty line: by the letter of the standard it would take the client's cursor away.
 */
function tryAgain(reply: FastifyReply): void {
  const retryMs = Math.round(againMs.least + Math.random() * (againMs.most - againMs.least))
  void reply.headers(streamHeaders).send(`:\nretry: ${retryMs}\n`)
}

/** Closes the connection without an answer: the client, or the proxy before it, tries again elsewhere. */
function hangUp(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.destroy()
}

/** Takes the connection from the framework. */
function takeFrom(request: FastifyRequest, reply: FastifyReply): Wire | undefined {
  reply.hijack()
  return takeOver(request.raw, reply.raw, reply.getHeaders())
}

/** Makes a stream of a connection; undefined when the client has gone meanwhile. */
export function takeOver(
  request: IncomingMessage,
  response: ServerResponse,
  head: Head,
): Wire | undefined {
  if (response.destroyed || response.socket?.destroyed === true) return undefined
  return openWire(request, response, head)
}

/**
 * The cursor a client sends: the `Last-Event-ID` field, else the parameter of the query, else of the
 * body. Empty when it is there and says nothing; undefined when there is none.
 */
function cursorOf(
  request: FastifyRequest,
  query: Form,
  body: Form | undefined,
  speaksLegacy: boolean,
): string | undefined {
  const field = request.headers['last-event-id']
  const candidates = [
    field === undefined ? undefined : fromFieldValue(String(field)),
    query.get('last_event_id'),
    body?.get('last_event_id'),
    ...(speaksLegacy ? cursorParameters : []).map((name) => query.get(name)),
  ].filter((value) => value !== undefined)
  return candidates.find((value) => value !== '') ?? candidates[0]
}

/** Field values travel as bytes: UTF-8 when they are valid, as browsers send them (decision 6). */
function fromFieldValue(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(value, 'latin1'),
    )
  } catch {
    return value
  }
}

/** UTF-8 bytes, one character each: what Node writes as they are. */
export function asFieldValue(text: string): string {
  return Buffer.from(text).toString('latin1')
}
