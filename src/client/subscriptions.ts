import { fromFieldValue } from './connection.ts'
import { Backoff, retryAfterMs } from './backoff.ts'
import type { HubOptions, SubscriptionState } from './options.ts'
import { resolveHub } from './page.ts'
import { failureOf, isPassing, reasonOf } from './refusal.ts'
import { subscribe, type Subscription } from './subscription.ts'
import { TokenSource } from './token.ts'

/** Somebody who listens, as the hub tells it. */
export interface ActiveSubscription {
  readonly id: string
  readonly type: string
  readonly subscriber: string
  readonly match: string
  readonly match_type: string
  readonly active: boolean
  readonly payload?: unknown
}

export interface SubscriptionsOptions extends HubOptions {
  /** Only subscriptions with this matcher; default: all. */
  readonly match?: string | undefined
  /** Default: `exact`. */
  readonly matchType?: 'exact' | 'urlpattern' | undefined
  /** Told when the set has changed: at most once for all that came together. */
  readonly onChange?: ((active: ReadonlyMap<string, ActiveSubscription>) => void) | undefined
  readonly onState?: ((state: SubscriptionState) => void) | undefined
}

/** The subscriptions of a hub as one living set. */
export interface LiveSubscriptions {
  /** By id; it changes as subscribers come and go. */
  readonly active: ReadonlyMap<string, ActiveSubscription>
  readonly state: SubscriptionState
  close(): void
}

/**
 * Who listens: reads the list, then follows what changes from the list's cursor on. Nothing is missed
 * between the two, and after a gap the list is read again.
 */
export function subscriptions(options: SubscriptionsOptions): LiveSubscriptions {
  return new SubscriptionSet(options)
}

class SubscriptionSet implements LiveSubscriptions {
  readonly active = new Map<string, ActiveSubscription>()
  state: SubscriptionState = { name: 'connecting' }
  readonly #options: SubscriptionsOptions
  readonly #stop = new AbortController()
  readonly #tokens: TokenSource
  readonly #backoff = new Backoff()
  #stream: Subscription | undefined
  #isTelling = false

  constructor(options: SubscriptionsOptions) {
    this.#options = options
    this.#tokens = new TokenSource(options.token)
    options.signal?.addEventListener('abort', () => this.close(), { once: true })
    if (options.signal?.aborted) this.close()
    void Promise.resolve().then(() => this.#readList())
  }

  close(): void {
    this.#stop.abort()
    this.#stream?.close()
    this.#enter({ name: 'ended' })
  }

  /** Reads all pages, then follows; comes back while the hub may. */
  async #readList(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const outcome = await this.#pages()
      if (signal.aborted) return
      if ('cursor' in outcome) return this.#follow(outcome.cursor)
      const { status, reason } = outcome
      if (status !== 0 && !isPassing(status)) return this.#enter({ name: 'ended', status, reason })
      const waitMs = this.#backoff.afterFailure(outcome.retryAfterMs)
      this.#enter({ name: 'waiting', reason, nextAttemptAt: Date.now() + waitMs })
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }

  async #pages(): Promise<
    { cursor: string } | { status: number; reason: string; retryAfterMs: number }
  > {
    const found = new Map<string, ActiveSubscription>()
    let cursor: string | undefined
    try {
      for (let url: URL | undefined = this.#listUrl(); url !== undefined;) {
        const response = await this.#get(url)
        if (!response.ok) {
          const wait = retryAfterMs(response.headers.get('retry-after'))
          return { status: response.status, reason: await reasonOf(response), retryAfterMs: wait }
        }
        const link = response.headers.get('link') ?? ''
        cursor ??= cursorIn(link)
        const next = /<([^>]*)>; rel="next"/.exec(link)?.[1]
        url = next === undefined ? undefined : new URL(next, url)
        const page = (await response.json()) as { subscriptions: ActiveSubscription[] }
        for (const subscription of page.subscriptions) found.set(subscription.id, subscription)
      }
    } catch (error) {
      return { status: 0, reason: `cannot reach the hub: ${failureOf(error)}`, retryAfterMs: 0 }
    }
    this.active.clear()
    for (const [id, subscription] of found) this.active.set(id, subscription)
    this.#changed()
    return { cursor: cursor ?? 'earliest' }
  }

  async #get(url: URL): Promise<Response> {
    const { fetch = globalThis.fetch, credentials } = this.#options
    const common = { cache: 'no-store', ...(credentials && { credentials }) } as const
    const ask = (token: string | undefined) =>
      fetch(url, {
        ...common,
        ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
        signal: this.#stop.signal,
      })
    const response = await ask(await this.#tokens.current())
    if (response.status !== 401 || !this.#tokens.isRenewable) return response
    return ask(await this.#tokens.renew())
  }

  #listUrl(): URL {
    const { match, matchType = 'exact' } = this.#options
    const url = resolveHub(this.#options.hub)
    url.pathname += '/subscriptions'
    if (match !== undefined) url.pathname += `/${matchType}/${segment(match)}`
    return url
  }

  #follow(cursor: string): void {
    const { match, onChange: _, onState: __, matchType: ___, ...options } = this.#options
    const path = this.#listUrl().pathname
    const rest = match === undefined ? '/:type/:match/:subscriber' : '/:subscriber'
    this.#stream?.close()
    const stream = subscribe({
      ...options,
      urlPattern: path.replace(/[{}()*+?:\\]/g, '\\$&') + rest,
      lastEventId: cursor,
      signal: this.#stop.signal,
      onEvent: (update) => this.#take(update.json<ActiveSubscription>()),
      onState: (state) => {
        if (this.#stream === stream) this.#enter(state)
      },
      onGap: () => {
        if (this.#stream !== stream) return
        this.#stream = undefined
        stream.close()
        void this.#readList()
      },
    })
    this.#stream = stream
  }

  #take(change: ActiveSubscription): void {
    if (change.active) this.active.set(change.id, change)
    else this.active.delete(change.id)
    this.#changed()
  }

  #changed(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    setTimeout(() => {
      this.#isTelling = false
      if (!this.#stop.signal.aborted) this.#options.onChange?.(this.active)
    })
  }

  #enter(state: SubscriptionState): void {
    if (this.state.name === 'ended') return
    this.state = state
    this.#options.onState?.(state)
  }
}

/** As the hub spells a segment: stricter than `encodeURIComponent`. */
function segment(text: string): string {
  const escape = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text).replace(/[!'()*]/g, escape)
}

function cursorIn(link: string): string | undefined {
  const quoted = /last-event-id="((?:[^"\\]|\\.)*)"/.exec(link)?.[1]
  return quoted === undefined ? undefined : fromFieldValue(quoted.replace(/\\(.)/g, '$1'))
}
