import { storeFor } from './cursor-store.ts'
import type {
  CursorStore,
  End,
  Feed,
  Gap,
  Matchers,
  Sink,
  SubscribeOptions,
  SubscriptionState,
  Update,
} from './options.ts'
import { HubRefusal } from './refusal.ts'
import { changed } from './request.ts'
import { ResumingFeed } from './resuming-feed.ts'
import { UpdateQueue } from './update-queue.ts'

/** An update as `EventSource` would dispatch it. */
export interface UpdateEvent extends Event {
  readonly data: string
  readonly lastEventId: string
}

/**
 * A living subscription: an `EventTarget` that dispatches updates by their type, as `EventSource` does, and
 * an async iterable of all of them. Leaving the loop closes it.
 *
 * Iterating, the stream is read as fast as updates are taken, and a refusal is thrown.
 */
export class Subscription extends EventTarget implements AsyncIterable<Update> {
  /** Resolves when it is over, whyever. */
  readonly ended: Promise<End>
  readonly #options: SubscribeOptions
  readonly #store: CursorStore | undefined
  readonly #queues = new Set<UpdateQueue>()
  #matchers: Matchers
  #state: SubscriptionState = { name: 'connecting' }
  #lastEventId: string
  #feed: Feed | undefined
  #resolveEnded: (end: End) => void = () => {}

  constructor(options: SubscribeOptions) {
    super()
    const { hub, match, urlPattern, topic, persist, lastEventId, signal } = options
    this.#options = options
    this.#matchers = { match, urlPattern, topic }
    this.#store = storeFor(persist, hub, this.#matchers)
    this.#lastEventId = this.#store?.load() ?? lastEventId ?? ''
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve))
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    void Promise.resolve().then(() => this.#start()) // listeners come first
  }

  /** Listens for updates of a type; `message` for those without. */
  override addEventListener(
    type: string,
    listener: ((event: UpdateEvent) => void) | { handleEvent(event: UpdateEvent): void } | null,
    options?: boolean | { readonly once?: boolean; readonly signal?: AbortSignal },
  ): void {
    super.addEventListener(type, listener as (event: Event) => void, options) // no others are dispatched
  }

  get state(): SubscriptionState {
    return this.#state
  }

  /** The cursor: where another subscription would go on. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  close(): void {
    this.#feed?.close()
    this.#end({ name: 'ended' })
  }

  /** Subscribes to more; resolves once the hub has agreed. Nothing is missed, or told twice. */
  async add(matchers: Matchers): Promise<void> {
    return this.#change(changed(this.#matchers, matchers, 'added'))
  }

  /** Subscribes to less; resolves once the hub has agreed. */
  async remove(matchers: Matchers): Promise<void> {
    return this.#change(changed(this.#matchers, matchers, 'removed'))
  }

  [Symbol.asyncIterator](): AsyncIterator<Update, undefined> {
    const queue = new UpdateQueue({
      consumed: (id) => this.#save(id),
      left: () => {
        this.#queues.delete(queue)
        this.close()
      },
    })
    if (this.#state.name === 'ended') queue.end(refusalOf(this.#state))
    else this.#queues.add(queue)
    return queue
  }

  readonly #onAbort = () => this.close()

  async #start(): Promise<void> {
    const { shared, signal } = this.#options
    if (signal?.aborted) return this.close()
    if (this.#state.name === 'ended') return
    if (shared === undefined || shared === false) {
      this.#feed = new ResumingFeed(this.#options, this.#matchers, this.#lastEventId, this.#sink)
    } else {
      const { SharedFeed } = await import('./shared-feed.ts')
      this.#feed = new SharedFeed(this.#options, this.#matchers, this.#lastEventId, this.#sink)
    }
    if ((this.#state as SubscriptionState).name === 'ended') this.#feed.close()
    else this.#feed.start()
  }

  async #change(matchers: Matchers): Promise<void> {
    const before = this.#matchers
    this.#matchers = matchers
    try {
      await this.#feed?.follow(matchers) // before it has started there is nothing to change
    } catch (error) {
      if (this.#matchers === matchers) this.#matchers = before
      throw error
    }
  }

  readonly #sink: Sink = {
    update: ({ id, type, data }) => {
      this.#lastEventId = id
      const update: Update = { id, type, data, json: <T>() => JSON.parse(data) as T }
      this.#tell(() => this.#options.onEvent?.(update))
      this.dispatchEvent(new MessageEvent(type, { data, lastEventId: id }))
      if (this.#queues.size === 0) return this.#save(id)
      const full = [...this.#queues].map((queue) => queue.push(update)).filter(isDefined)
      return full.length === 0 ? undefined : Promise.all(full).then(() => {})
    },
    cursor: (id) => {
      this.#lastEventId = id
      if ([...this.#queues].every((queue) => queue.isEmpty)) this.#save(id)
    },
    gap: (gap: Gap) => this.#tell(() => this.#options.onGap?.(gap)),
    state: (state) => (state.name === 'ended' ? this.#end(state) : this.#enter(state)),
  }

  #enter(state: SubscriptionState): void {
    if (this.#state.name === 'ended') return
    this.#state = state
    this.#tell(() => this.#options.onState?.(state))
  }

  #end(end: End): void {
    if (this.#state.name === 'ended') return
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#enter(end)
    for (const queue of this.#queues) queue.end(refusalOf(end))
    this.#queues.clear()
    this.#resolveEnded(end)
  }

  #save(id: string): void {
    this.#tell(() => this.#store?.save(id))
  }

  /** Whoever is told may throw: that is reported, and stops nothing here. */
  #tell(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

interface MessageEventConstructor {
  new (type: string, init: { data: string; lastEventId: string }): UpdateEvent
}

/** There in every browser, and in Node.js though its types do not say so. */
const { MessageEvent } = globalThis as unknown as { MessageEvent: MessageEventConstructor }

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined
}

function refusalOf({ reason, status }: End): HubRefusal | undefined {
  return reason === undefined ? undefined : new HubRefusal(status ?? 0, reason)
}

/**
 * Subscribes to a Mercure hub, and stays subscribed: through restarts, expired tokens, sleep and lost
 * networks it comes back to where it was.
 *
 * @example
 * for await (const update of subscribe({ hub, match: 'https://example.com/books/1' }))
 *   console.log(update.id, update.json())
 */
export function subscribe(options: SubscribeOptions): Subscription {
  return new Subscription(options)
}
