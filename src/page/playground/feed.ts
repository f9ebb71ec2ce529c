import { sizeOf } from '../shared/format.ts'
import { Store } from '../shared/store.ts'
import { subscribe, type Subscription, type SubscriptionState } from '../../client/index.ts'
import type { EventLog } from './event-log.ts'
import { type AskedMatcher, hubUrl, type Refusal } from './hub.ts'

export interface FeedWish {
  readonly name: string
  readonly matchers: readonly AskedMatcher[]
  /** A cursor; empty: from now on. */
  readonly after: string
}

export type FeedState =
  | { readonly name: 'connecting'; readonly sinceMs: number }
  | { readonly name: 'live'; readonly sinceMs: number; readonly tookMs: number }
  | {
      readonly name: 'waiting'
      readonly sinceMs: number
      readonly nextMs: number
      readonly attempt: number
      readonly reason: string
    }
  | {
      readonly name: 'refused'
      readonly sinceMs: number
      readonly refusal: Refusal
      readonly isExpired: boolean
    }
  | { readonly name: 'ended' }
  | { readonly name: 'stopped' }

const rateOverSeconds = 5

/** One stream of the page: what it asks for, how it is, and what it counted. */
export class Feed extends Store {
  readonly number: number
  readonly #log: EventLog
  wish: FeedWish
  state: FeedState = { name: 'stopped' }
  received = 0
  hasGap = false
  /** When it began to be live, the last time. */
  liveSinceMs: number | undefined
  lastEventId = ''
  /** What it was opened with. */
  token = ''
  #subscription: Subscription | undefined
  #startedMs = 0
  #attempt = 0
  #perSecond = new Map<number, number>()

  constructor(number: number, wish: FeedWish, log: EventLog) {
    super()
    this.number = number
    this.wish = wish
    this.#log = log
  }

  get colour(): string {
    return `s${((this.number - 1) % 4) + 1}`
  }

  get isOpen(): boolean {
    return ['connecting', 'live', 'waiting'].includes(this.state.name)
  }

  /** Events a second, over the last seconds. */
  get rate(): number {
    const now = Math.floor(Date.now() / 1000)
    let sum = 0
    for (const [second, count] of this.#perSecond) {
      if (second <= now - rateOverSeconds) this.#perSecond.delete(second)
      else if (second <= now) sum += count
    }
    return sum / rateOverSeconds
  }

  /** Opens the stream, after what it saw last when it is opened again. */
  open(token: string, after: string): void {
    this.#subscription?.close()
    this.token = token
    this.#attempt = 0
    this.hasGap = false
    this.#startedMs = Date.now()
    this.#enter({ name: 'connecting', sinceMs: this.#startedMs })
    const { matchers } = this.wish
    const patterns = (type: AskedMatcher['type']) =>
      matchers.filter((one) => one.type === type).map(({ pattern }) => pattern)
    const subscription: Subscription = subscribe({
      hub: hubUrl,
      match: patterns('exact'),
      urlPattern: patterns('urlpattern'),
      topic: patterns('selector'),
      token: token === '' ? undefined : token,
      lastEventId: after === '' ? undefined : after,
      onEvent: (update) => this.#received(update),
      onGap: ({ requested, resumedAfter }) => {
        this.hasGap = true
        this.#log.gap({ feed: this.number, atMs: Date.now(), requested, resumedAfter })
      },
      onState: (state) => {
        if (subscription === this.#subscription) this.#follow(state, token)
      },
    })
    this.#subscription = subscription
  }

  stop(): void {
    this.#remember()
    this.#subscription?.close()
    this.#subscription = undefined
    this.#enter({ name: 'stopped' })
  }

  #received({ id, type, data }: { id: string; type: string; data: string }): void {
    const atMs = Date.now()
    this.received++
    this.lastEventId = id
    const second = Math.floor(atMs / 1000)
    this.#perSecond.set(second, (this.#perSecond.get(second) ?? 0) + 1)
    const bytes = sizeOf(data)
    this.#log.event({ feed: this.number, atMs, id, type, data, bytes, rule: ruleOf(this.wish) })
  }

  #follow(state: SubscriptionState, token: string): void {
    const now = Date.now()
    this.#remember()
    if (state.name === 'connecting') {
      if (this.state.name !== 'connecting') this.#enter({ name: 'connecting', sinceMs: now })
    } else if (state.name === 'live') this.#live(now)
    else if (state.name === 'waiting') {
      this.#attempt++
      const { reason, nextAttemptAt = now } = state
      this.#enter({
        name: 'waiting',
        sinceMs: now,
        nextMs: nextAttemptAt,
        attempt: this.#attempt,
        reason,
      })
    } else if (state.reason === undefined) this.#enter({ name: 'ended' })
    else {
      const refusal = { status: state.status ?? 0, says: wordsOf(state.reason) }
      const isExpired = state.status === 401 && /expired/.test(state.reason) && token !== ''
      this.#enter({ name: 'refused', sinceMs: now, refusal, isExpired })
    }
  }

  #live(now: number): void {
    if (this.state.name === 'live') return
    const isFirst = this.liveSinceMs === undefined
    this.#attempt = 0
    this.liveSinceMs = now
    this.#enter({ name: 'live', sinceMs: now, tookMs: now - this.#startedMs })
    const says = `${this.wish.name} ${isFirst ? 'subscribed' : 'subscribed again'}`
    this.#log.divide({ feed: this.number, atMs: now, says })
  }

  #remember(): void {
    if (this.#subscription !== undefined) this.lastEventId = this.#subscription.lastEventId
  }

  #enter(state: FeedState): void {
    this.state = state
    this.changed()
  }
}

/** The client says status and sentence; here the status has a place of its own. */
function wordsOf(reason: string): string {
  return reason.replace(/^\d{3} /, '').replace(/^[A-Z][A-Za-z ]+: /, '')
}

/** What a stream asks for, in a word: what stands for topics that nobody may know. */
export function ruleOf({ matchers }: FeedWish): string {
  const [first] = matchers
  if (first === undefined) return ''
  return matchers.length === 1 ? first.pattern : `${first.pattern} and ${matchers.length - 1} more`
}
