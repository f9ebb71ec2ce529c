import { Backoff, retryAfterMs } from './backoff.ts'
import type { HubOptions } from './options.ts'
import { resolveHub } from './page.ts'
import { failureOf, HubRefusal, isPassing, reasonOf } from './refusal.ts'
import { TokenSource } from './token.ts'

/** An update to publish. */
export interface Publication {
  /** The canonical topic, then alternates. */
  readonly topic: string | readonly string[]
  readonly data?: string | undefined
  /** Only for subscribers whose token grants one of the topics. */
  readonly private?: boolean | undefined
  readonly id?: string | undefined
  readonly type?: string | undefined
  /** The reconnection time for subscribers, in milliseconds. */
  readonly retry?: number | undefined
}

export interface PublishingOptions extends HubOptions {
  /** The same for all requests that mean the same; default: a new one for each call. */
  readonly idempotencyKey?: string | undefined
  /** How long to try while it may still work, in milliseconds; `0` for once; default: 30,000. */
  readonly retryFor?: number | undefined
}

export interface PublishOptions extends PublishingOptions, Publication {}

export interface PublishBatchOptions extends PublishingOptions {
  readonly updates: readonly Publication[]
}

const usualRetryForMs = 30_000

/**
 * Publishes an update; resolves with its id once the hub has stored it.
 *
 * A request whose answer was lost is sent again with the same `Idempotency-Key`, so that a hub that knows the
 * field stores it once. Where the hub does not, `retryFor: 0` keeps an update from being published twice.
 *
 * @throws HubRefusal with the hub's sentence, or with why it could not be reached (status 0)
 */
export async function publish(options: PublishOptions): Promise<string> {
  const form = new URLSearchParams()
  const { topic, data, id, type, retry } = options
  for (const one of typeof topic === 'string' ? [topic] : topic) form.append('topic', one)
  for (const [name, value] of Object.entries({ data, id, type, retry: retry?.toString() }))
    if (value !== undefined) form.append(name, value)
  if (options.private === true) form.append('private', 'on')
  return send(options, 'application/x-www-form-urlencoded', form.toString())
}

/**
 * Publishes several updates, all or none; resolves with their ids, in order.
 *
 * @throws HubRefusal as `publish` does; its sentence names the line
 */
export async function publishBatch(options: PublishBatchOptions): Promise<readonly string[]> {
  const lines = options.updates.map(({ topic, data, private: isPrivate, id, type, retry }) =>
    JSON.stringify({ topic, data, private: isPrivate, id, type, retry }),
  )
  return JSON.parse(await send(options, 'application/x-ndjson', lines.join('\n'))) as string[]
}

async function send(options: PublishingOptions, type: string, body: string): Promise<string> {
  const { fetch = globalThis.fetch, credentials, signal, retryFor = usualRetryForMs } = options
  const hub = resolveHub(options.hub)
  const tokens = new TokenSource(options.token)
  const backoff = new Backoff()
  const key = options.idempotencyKey ?? newKey()
  const until = Date.now() + retryFor
  for (let refusals = 0; ;) {
    const token = await tokens.current()
    const headers = {
      'content-type': type,
      'idempotency-key': `"${key}"`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const init = { method: 'POST', headers, body, ...(credentials && { credentials }) } as const
    const outcome = await attempt(() => fetch(hub, { ...init, ...(signal && { signal }) }))
    if (typeof outcome === 'string') return outcome
    signal?.throwIfAborted()
    const { status, reason } = outcome
    if (status === 401 && tokens.isRenewable && refusals++ === 0) {
      await tokens.renew()
      continue
    }
    const waitMs = backoff.afterFailure(outcome.retryAfterMs)
    const isLast = (status !== 0 && !isPassing(status)) || Date.now() + waitMs > until
    if (isLast) throw new HubRefusal(status, reason)
    await pause(waitMs, signal)
  }
}

interface Failure {
  /** `0` when there was no answer. */
  readonly status: number
  readonly reason: string
  readonly retryAfterMs: number
}

async function attempt(request: () => Promise<Response>): Promise<string | Failure> {
  try {
    const response = await request()
    const { status, headers } = response
    if (response.ok) return await response.text()
    const reason = await reasonOf(response)
    return { status, reason, retryAfterMs: retryAfterMs(headers.get('retry-after')) }
  } catch (error) {
    return { status: 0, reason: `cannot reach the hub: ${failureOf(error)}`, retryAfterMs: 0 }
  }
}

function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16)) // randomUUID is kept from pages without TLS
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Rejects when it is aborted. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    const stop = () => {
      clearTimeout(timer)
      resolve()
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
  signal?.throwIfAborted()
}
