import { Store } from '../shared/store.ts'
import { EventLog } from './event-log.ts'
import { Feed, type FeedWish } from './feed.ts'
import {
  type AboutUpdate,
  askAbout,
  askWhy,
  type BothExplained,
  type Config,
  getConfig,
  getPlaygroundToken,
  getStatus,
  type Status,
} from './hub.ts'

/** A browser opens six connections to a host over HTTP/1.1: one is for who listens, one for everything else. */
export const mostFeeds = 4
const statusEveryMs = 2_000
const askEveryMs = 300
const mostIds = 100

/** What the page knows and does: the hub, the token, the streams, and what they heard. Gone with the tab. */
export class Session extends Store {
  readonly log = new EventLog()
  config: Config | undefined
  status: Status | undefined
  /** Since when the hub has not answered. */
  awaySinceMs: number | undefined
  token = ''
  /** What the hub says of the token; undefined until it has. */
  verdict: BothExplained | undefined
  feeds: readonly Feed[] = []
  /** The hub's clock minus ours, as far as that can be told. */
  #skewMs = 0
  #numbers = 0
  #asked = 0
  #isAsking = false

  start(): void {
    void this.#introduce()
    void this.#poll()
    setInterval(() => void this.#poll(), statusEveryMs)
    setInterval(() => void this.#askAbout(), askEveryMs)
  }

  useToken(token: string): void {
    if (token === this.token) return
    this.token = token
    this.verdict = undefined
    this.changed()
    void this.judge()
  }

  /** Asks what the hub thinks of the token, and which stream its grants cover. */
  async judge(): Promise<void> {
    const asked = ++this.#asked
    const matchers = this.feeds.flatMap(({ wish }) => wish.matchers).slice(0, 100)
    try {
      const verdict = await askWhy(this.token, { matchers })
      if (asked !== this.#asked) return
      this.verdict = verdict
      this.changed()
      if (verdict.subscriber.isAllowed) this.#tryWithNewToken()
    } catch {
      // the hub is away, which is told elsewhere; asked again when it is back
    }
  }

  feedNamed(name: string): Feed | undefined {
    return this.feeds.find(({ wish }) => wish.name === name)
  }

  /** Opens a stream, in place of the one with this name if there is one. */
  subscribe(wish: FeedWish): Feed {
    const found = this.feedNamed(wish.name)
    const feed = found ?? new Feed(++this.#numbers, wish, this.log)
    feed.wish = wish
    if (found === undefined) {
      this.feeds = [...this.feeds, feed]
      feed.watch(() => this.changed())
    }
    feed.open(this.token, wish.after)
    void this.judge()
    return feed
  }

  /** A stream that is over, or waits, goes on where it was. */
  resume(feed: Feed): void {
    feed.open(this.token, feed.lastEventId)
  }

  remove(feed: Feed): void {
    feed.stop()
    this.feeds = this.feeds.filter((one) => one !== feed)
    this.changed()
  }

  async #introduce(): Promise<void> {
    try {
      this.config = await getConfig()
      if (this.config.playground && this.token === '')
        this.token = (await getPlaygroundToken()) ?? ''
      this.changed()
      await this.judge()
    } catch {
      // asked again by the next poll that is answered
    }
  }

  async #poll(): Promise<void> {
    const before = Date.now()
    try {
      this.status = await getStatus()
      const after = Date.now()
      const skewMs = (this.status.nowMs ?? after) - (before + after) / 2
      this.#skewMs = Math.abs(skewMs) > after - before + 1 ? Math.round(skewMs) : 0
      const wasAway = this.awaySinceMs !== undefined
      this.awaySinceMs = undefined
      if (this.config === undefined) void this.#introduce()
      else if (wasAway) this.#back()
    } catch {
      this.awaySinceMs ??= before
    }
    this.changed()
  }

  /** The hub answers again: whoever waits for it need wait no longer. */
  #back(): void {
    for (const feed of this.feeds) if (feed.state.name === 'waiting') this.resume(feed)
    void this.judge()
  }

  /** Streams that another token did not open. */
  #tryWithNewToken(): void {
    for (const feed of this.feeds) {
      const { state } = feed
      const isForToken = state.name === 'refused' && [401, 403].includes(state.refusal.status)
      if (isForToken && feed.token !== this.token) this.resume(feed)
    }
  }

  #inOurTime(event: AboutUpdate): AboutUpdate {
    return { ...event, sentMs: event.sentMs - this.#skewMs }
  }

  /** Topics, time and private mark of what arrived, in lots; not while more arrives than anybody can read. */
  async #askAbout(): Promise<void> {
    if (this.#isAsking || this.log.isBurst || this.awaySinceMs !== undefined) return
    const rows = this.log.unknown(mostIds)
    if (rows.length === 0) return
    this.#isAsking = true
    try {
      const { events } = await askAbout(this.token, [...new Set(rows.map(({ id }) => id))])
      const known = new Map(events.map((event) => [event.id, this.#inOurTime(event)]))
      for (const row of rows) row.about = known.get(row.id) ?? null
    } catch {
      for (const row of rows) row.about = null
    }
    this.#isAsking = false
    this.log.changed()
  }
}
