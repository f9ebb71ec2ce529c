import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Backoff, retryAfterMs } from './backoff.ts'
import { EventStream, type StreamEvent } from '../../protocol/event-stream-parser.ts'
import { failureOf, plainUrlInstead, reasonOf, send, unreachable } from './request.ts'

export interface SubscriptionOptions {
  /** The hub's URL with all parameters but the cursor. */
  readonly url: string
  readonly lastEventId: string
  /** Called for each connection, so that a token that expired is not sent again. */
  readonly token: (() => Promise<string>) | undefined
  /** The stream is read no further before this resolves. */
  readonly onEvent: (event: StreamEvent) => Promise<void>
  /** Told why there is no stream, and when the next attempt is made. */
  readonly onTrouble: (sentence: string) => void
  /** Told of each stream that opens. */
  readonly onOpen?: () => void
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The hub refused for `reason`; `isDone` when it said that there is nothing more; neither when we were stopped. */
export interface End {
  readonly isDone?: boolean
  /** The hub was never reached, and will not be at this URL. */
  readonly isUnreachable?: boolean
  readonly reason?: string
}

/** How one attempt went: over for good, or to be repeated after a while. */
type Outcome = { readonly end: End } | { readonly waitMs: number; readonly trouble?: string }

/** One subscription over as many connections as it takes; each resumes where the last one ended. */
export class Subscription {
  readonly #options: SubscriptionOptions
  readonly #backoff = new Backoff()
  readonly #stopped = new AbortController()
  #lastEventId: string

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.#lastEventId = options.lastEventId
  }

  async run(): Promise<End> {
    while (!this.#isStopped) {
      const outcome = await this.#attempt()
      if ('end' in outcome) return outcome.end
      if (this.#isStopped) break
      if (outcome.trouble !== undefined) this.#tell(outcome.trouble, outcome.waitMs)
      await sleep(outcome.waitMs, undefined, { signal: this.#stopped.signal }).catch(() => {}) // stopped
    }
    return {}
  }

  stop(): void {
    this.#stopped.abort()
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted
  }

  async #attempt(): Promise<Outcome> {
    let response: IncomingMessage
    try {
      response = await this.#connect()
    } catch (error) {
      if (plainUrlInstead(this.#options.url, failureOf(error)) !== undefined) {
        const { origin, pathname } = new URL(this.#options.url)
        return { end: { reason: unreachable(`${origin}${pathname}`, error), isUnreachable: true } }
      }
      return {
        waitMs: this.#backoff.afterFailure(),
        trouble: `cannot reach the hub: ${failureOf(error)}`,
      }
    }
    const { statusCode = 0, headers } = response
    if (statusCode === 200) return this.#read(response)
    if (statusCode === 204) return { end: this.#letGo(response, { isDone: true }) }
    const reason = await reasonOf(response).catch(() => String(statusCode)) // cut while it explained itself
    if (statusCode !== 429 && statusCode < 500) return { end: { reason } }
    return {
      waitMs: this.#backoff.afterFailure(retryAfterMs(headers['retry-after'])),
      trouble: reason,
    }
  }

  async #connect(): Promise<IncomingMessage> {
    const token = await this.#options.token?.()
    const cursor = cursorOf(this.#options.url, this.#lastEventId)
    return send(cursor.url, {
      method: 'GET',
      headers: {
        ...this.#options.headers,
        accept: 'text/event-stream',
        'cache-control': 'no-store',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...cursor.headers,
      },
      signal: this.#stopped.signal,
    })
  }

  async #read(response: IncomingMessage): Promise<Outcome> {
    const type = response.headers['content-type'] ?? 'nothing'
    if (!/^text\/event-stream *(?:;|$)/i.test(type))
      return { end: this.#letGo(response, { reason: `expected text/event-stream, got ${type}` }) }
    this.#backoff.succeeded()
    this.#options.onOpen?.()
    try {
      await this.#readEvents(response)
    } catch (error) {
      return {
        waitMs: this.#backoff.afterCut(),
        trouble: `the stream was cut: ${failureOf(error)}`,
      }
    }
    return { waitMs: this.#backoff.afterCut() }
  }

  async #readEvents(response: AsyncIterable<Buffer>): Promise<void> {
    const stream = new EventStream(this.#lastEventId)
    for await (const chunk of response) {
      for (const event of stream.push(chunk)) {
        await this.#options.onEvent(event)
        this.#lastEventId = event.id
      }
      this.#lastEventId = stream.lastEventId
      this.#backoff.retryMs = stream.retryMs ?? this.#backoff.retryMs
    }
  }

  #letGo(response: IncomingMessage, end: End): End {
    response.destroy()
    return end
  }

  #tell(trouble: string, waitMs: number): void {
    this.#options.onTrouble(`${trouble}; trying again in ${(waitMs / 1000).toFixed(1)} s`)
  }
}

/** Where to resume, as a header. Ids outside Latin-1 travel as raw UTF-8 bytes, as browsers send them. */
function cursorOf(url: string, id: string): { url: string; headers: Record<string, string> } {
  if (id === '') return { url, headers: {} }
  const bytes = Buffer.from(id, 'utf8').toString('latin1')
  if (!/[^\t\x20-\x7e\x80-\xff]/.test(bytes)) return { url, headers: { 'last-event-id': bytes } }
  const withParameter = new URL(url) // no header can hold control characters
  withParameter.searchParams.set('last_event_id', id)
  return { url: withParameter.href, headers: {} }
}
