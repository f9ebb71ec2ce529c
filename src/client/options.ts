/** An update as it came: `id` is the cursor after it, `type` is `message` when the publisher gave none. */
export interface Update {
  readonly id: string
  readonly type: string
  readonly data: string
  /** The data, parsed as JSON. */
  readonly json: <T = unknown>() => T
}

/** Updates that cannot be had any more; what follows starts after `resumedAfter`, or at the earliest one kept. */
export interface Gap {
  /** The cursor that was asked for. */
  readonly requested: string
  readonly resumedAfter: string
}

export type SubscriptionState =
  | {
      readonly name: 'connecting'
      /** Why it takes so long, once it does. */
      readonly reason?: string
    }
  | {
      readonly name: 'live'
      /** What is odd about the stream, such as a proxy that holds it back. */
      readonly reason?: string
    }
  | {
      readonly name: 'waiting'
      readonly reason: string
      /** The hub ended the stream, as it does from time to time. */
      readonly isOrdinary?: boolean
      /** When the next attempt is made, in milliseconds since 1970; absent while the page is away. */
      readonly nextAttemptAt?: number
    }
  | {
      readonly name: 'ended'
      /** The hub's sentence when it refused; absent when there is nothing more, or it was closed. */
      readonly reason?: string
      /** The hub's status when it refused. */
      readonly status?: number
    }

export type End = Extract<SubscriptionState, { name: 'ended' }>

/** Where a cursor survives a reload. Both are called synchronously; `save` after each update was handed over. */
export interface CursorStore {
  load(): string | null | undefined
  save(lastEventId: string): void
}

/** A token, or where to get one: asked again before the token's `exp`, and after the hub refused it. */
export type TokenOption =
  string | (() => string | null | undefined | Promise<string | null | undefined>)

export type OneOrMore = string | readonly string[]

export interface Matchers {
  /** Topics, compared byte for byte; `*` for all. */
  readonly match?: OneOrMore | undefined
  /** URL Patterns; relative ones are resolved against the hub's URL. */
  readonly urlPattern?: OneOrMore | undefined
  /** Selectors of protocol 0.x: topics or URI Templates. */
  readonly topic?: OneOrMore | undefined
}

/** How to reach the hub. */
export interface HubOptions {
  /** The hub's URL; in a page it may be relative. */
  readonly hub: string | URL
  readonly token?: TokenOption | undefined
  /** Whether cookies are sent; default: the one of `fetch`, `same-origin`. */
  readonly credentials?: 'omit' | 'same-origin' | 'include' | undefined
  readonly signal?: AbortSignal | undefined
  /** Another `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

export interface SubscribeOptions extends HubOptions, Matchers {
  /** Start after this update; `earliest` for everything that is kept. A persisted cursor goes before it. */
  readonly lastEventId?: string | undefined
  /** Remember the cursor in `sessionStorage` (under this name), or in a store of yours; default: `false`. */
  readonly persist?: boolean | string | CursorStore | undefined
  /** One connection for all tabs of this origin that subscribe to the same (under this name); default: `false`. */
  readonly shared?: boolean | string | undefined
  /** The hub's heartbeat in milliseconds, `0` for none; default: 40,000 until two heartbeats have shown it. */
  readonly heartbeat?: number | undefined
  /** Told of every update, whatever its type. */
  readonly onEvent?: ((update: Update) => void) | undefined
  readonly onState?: ((state: SubscriptionState) => void) | undefined
  /** Something is missing: fetch anew what you show. */
  readonly onGap?: ((gap: Gap) => void) | undefined
}

/** What feeds a subscription, and what it tells of. */
export interface Sink {
  /** The feed reads on when this has settled. */
  update(event: { id: string; type: string; data: string }): void | Promise<void>
  /** The cursor moved without an update. */
  cursor(lastEventId: string): void
  gap(gap: Gap): void
  state(state: SubscriptionState): void
}

export interface Feed {
  start(): void
  close(): void
  /** Follows other matchers from now on; resolves when the stream does. */
  follow(matchers: Matchers): Promise<void>
}
