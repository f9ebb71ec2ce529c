import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { authorization, refusalOf } from './hub.ts'

export type SubscriptionState =
  | { readonly name: 'connecting' }
  | { readonly name: 'live' }
  | { readonly name: 'waiting'; readonly reason: string; readonly nextAttemptAt?: number }
  | { readonly name: 'ended'; readonly reason?: string; readonly status?: number }

export interface SubscribeOptions {
  readonly hub: string
  readonly match: readonly string[]
  readonly urlPattern: readonly string[]
  readonly topic: readonly string[]
  readonly token: string | undefined
  readonly lastEventId: string | undefined
  readonly onEvent: (update: {
    readonly id: string
    readonly type: string
    readonly data: string
  }) => void
  readonly onGap: (gap: { readonly requested: string; readonly resumedAfter: string }) => void
  readonly onState: (state: SubscriptionState) => void
}

export interface Subscription {
  readonly lastEventId: string
  close(): void
}

const firstRetryMs = 1_000
const doublings = 4

/** A stream through fetch: with a token, with events of every type, and with the reason of a refusal. It resumes by itself. */
export function subscribe(options: SubscribeOptions): Subscription {
  const ending = new AbortController()
  let lastEventId = options.lastEventId ?? ''
  let retryMs = firstRetryMs

  const parser = () =>
    createParser({
      onEvent: take,
      onRetry: (ms) => (retryMs = ms),
    })

  function take({ id, event: type = 'message', data }: EventSourceMessage): void {
    if (id !== undefined) lastEventId = id
    const gap = type === 'mercure' ? gapOf(data) : undefined
    if (gap === undefined) options.onEvent({ id: id ?? '', type, data })
    else options.onGap(gap)
  }

  async function run(): Promise<void> {
    await Promise.resolve() // whoever opened it has it first
    for (let failures = 0; !ending.signal.aborted; failures++) {
      options.onState({ name: 'connecting' })
      const end = await connect().catch((error: unknown) => ({
        reason: String(error),
        wasOpen: false,
      }))
      if (ending.signal.aborted) return
      if (end === undefined || 'status' in end) return options.onState({ name: 'ended', ...end })
      if (end.wasOpen) failures = 0
      const waitMs = retryMs * 2 ** Math.min(failures, doublings)
      options.onState({ name: 'waiting', reason: end.reason, nextAttemptAt: Date.now() + waitMs })
      await pause(waitMs, ending.signal)
    }
  }

  async function connect() {
    const url = urlOf(options, lastEventId)
    const headers = authorization(options.token ?? '')
    const response = await fetch(url, { headers, cache: 'no-store', signal: ending.signal })
    if (response.status === 204) return undefined
    if (response.status >= 500) return { reason: (await refusalOf(response)).says, wasOpen: false }
    if (!response.ok || response.body === null) {
      const { status, says } = await refusalOf(response)
      return { status, reason: says }
    }
    options.onState({ name: 'live' })
    await read(response.body.pipeThrough(new TextDecoderStream()))
    return { reason: 'the hub ended the connection', wasOpen: true }
  }

  async function read(body: ReadableStream<string>): Promise<void> {
    const blocks = parser()
    try {
      for await (const text of body) blocks.feed(text)
    } catch {
      // the connection broke, which is an end like another
    }
  }

  void run()
  return {
    get lastEventId() {
      return lastEventId
    },
    close: () => ending.abort(),
  }
}

function urlOf({ hub, match, urlPattern, topic }: SubscribeOptions, lastEventId: string): string {
  const query = new URLSearchParams()
  for (const pattern of match) query.append('match', pattern)
  for (const pattern of urlPattern) query.append('match_urlpattern', pattern)
  for (const pattern of topic) query.append('topic', pattern)
  if (lastEventId !== '') query.append('last_event_id', lastEventId)
  return `${hub}?${query}`
}

function gapOf(data: string) {
  try {
    const {
      type,
      requested,
      resumed_after: resumedAfter,
    } = JSON.parse(data) as Record<string, unknown>
    return type === 'gap'
      ? { requested: String(requested), resumedAfter: String(resumedAfter) }
      : undefined
  } catch {
    return undefined
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
