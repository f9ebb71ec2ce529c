import type { FastifyInstance } from 'fastify'
import { mercure } from '../../http/plugin.ts'
import type { Condition } from '../../http/operators/health.ts'
import type { Kicked, KickTarget } from '../../hub/cluster/kicks.ts'
import type { Publication } from '../../hub/publisher.ts'
import { HubError } from '../../protocol/errors.ts'
import { Grants } from '../../protocol/grants.ts'
import { compileMatcher, type Matcher } from '../../protocol/matcher.ts'
import { hubPath } from '../../protocol/reserved.ts'
import { documentOf, isTellable, type SubscriptionDocument } from '../../protocol/subscription.ts'
import { parseRetry, type UpdateDraft } from '../../protocol/update.ts'
import { assemble, type Assembly } from '../assemble.ts'
import { reload, type Reloaded } from '../reload.ts'
import { type EmbeddingOptions, loadOptions, tellerOf } from './options.ts'
import { type Gap, OwnStream } from './own-stream.ts'

/** An update that the embedding program publishes itself; it needs no token. */
export interface OwnUpdate {
  /** The canonical topic, or it and its alternates. */
  readonly topic: string | readonly string[]
  readonly data?: string
  readonly private?: boolean
  readonly id?: string
  readonly type?: string
  /** Reconnection time in milliseconds. */
  readonly retry?: number
}

/** What the embedding program wants to hear of; private updates included. */
export interface OwnSubscription {
  /** Exact topics; `*` for all. */
  readonly match?: string | readonly string[]
  /** URL Patterns (WHATWG). */
  readonly urlPattern?: string | readonly string[]
  /** Go on after this id or cursor, or from `earliest`; absent: from now on. */
  readonly lastEventId?: string
  /** Told when updates between the cursor and the next event are not kept any more. */
  readonly onGap?: (gap: Gap) => void
  /** Ends the subscription. */
  readonly signal?: AbortSignal
}

/** A hub inside another program. */
export interface EmbeddedHub {
  /** The protocol's routes; register it on a Fastify server: `await app.register(hub.plugin)`. */
  readonly plugin: (app: FastifyInstance) => Promise<void>
  /** Publishes, and resolves with the id once the update is stored. Throws HubError as a POST would. */
  publish(update: OwnUpdate): Promise<string>
  /** Stores all updates, or none, and resolves with their ids in order. */
  publishBatch(updates: Iterable<OwnUpdate>): Promise<string[]>
  /** Subscribes in this process. @throws HubError `invalid_matcher` */
  subscribe(subscription: OwnSubscription): OwnStream
  /** Closes the streams of a subject, or the one that has a subscription, on all hubs of the history. */
  kick(target: KickTarget): Promise<Kicked>
  /** The active subscriptions, page by page. @throws HubError `not_found` when the option `subscriptions` is off */
  subscriptions(): AsyncIterable<SubscriptionDocument>
  /** Live: streams are served. Ready: publishes and streams would be taken. */
  health(): Promise<{ readonly live: Condition; readonly ready: Condition }>
  /** What Prometheus scrapes; the names are those of docs/metrics.md. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
  /**
   * Takes other options over without dropping a stream: keys, issuers, limits.
   *
   * @returns which changed options count from now on, and which need a new hub
   * @throws ConfigError; nothing has changed then
   */
  reload(options: EmbeddingOptions): Promise<Reloaded>
  /** Lets every stream go over `drainMs` milliseconds and closes the history. Closing twice is harmless. */
  close(drainMs?: number): Promise<void>
}

/** Subscriptions that are read at once. */
const pageSize = 1_000

/**
 * Opens a hub for a program of your own.
 *
 * @throws ConfigError with every problem of the options; Error when history or keys cannot be opened
 */
export async function createHub(options: EmbeddingOptions = {}): Promise<EmbeddedHub> {
  const started = loadOptions(options)
  const teller = tellerOf(options)
  for (const warning of started.warnings) teller.warn(warning)
  const assembly = await assemble(started.settings, teller)
  const { hub, metrics, health } = assembly
  const { resourceIdentifier, publicUrls } = started.settings
  const hubUrl = resourceIdentifier ?? `${publicUrls[0] ?? 'http://localhost'}${hubPath}`
  const publication: Publication = { grants: everything, hubUrl }
  let current = started
  return {
    plugin: async (app) => {
      app.addHook('preClose', () => assembly.close()) // or the server would wait for its streams
      await app.register(mercure, assembly.plugin)
    },
    publish: async (update) => hub.publish(draftOf(update), publication),
    publishBatch: async (updates) => hub.publishAll(Array.from(updates, draftOf), publication),
    subscribe: (subscription) =>
      new OwnStream(hub, {
        ...subscription,
        matchers: matchersOf(subscription, hubUrl),
        grants: everything,
      }),
    kick: (target) => hub.kicks.kick(target),
    subscriptions: () => subscriptionsOf(assembly),
    health: async () => ({ live: await health.live(), ready: await health.ready() }),
    metrics: { contentType: metrics.contentType, text: () => metrics.text() },
    async reload(next) {
      const after = loadOptions(next)
      const reloaded = await reload(assembly, started, current, after)
      current = after
      return reloaded
    },
    close: (drainMs) => assembly.close(drainMs),
  }
}

const everything = new Grants([
  {
    actions: new Set(['publish', 'subscribe'] as const),
    topics: [compileMatcher('exact', '*', `http://localhost${hubPath}`)],
  },
])

function draftOf({
  topic,
  data = '',
  id = '',
  type = '',
  retry = 0,
  ...rest
}: OwnUpdate): UpdateDraft {
  return {
    topics: typeof topic === 'string' ? [topic] : topic,
    data,
    isPrivate: rest.private ?? false,
    id,
    type,
    retry: parseRetry(String(retry)),
  }
}

function matchersOf({ match = [], urlPattern = [] }: OwnSubscription, hubUrl: string): Matcher[] {
  const matchers = [
    ...[match].flat().map((one) => compileMatcher('exact', one, hubUrl)),
    ...[urlPattern].flat().map((one) => compileMatcher('urlpattern', one, hubUrl)),
  ]
  if (matchers.length === 0)
    throw new HubError('invalid_matcher', 'match or urlPattern must name at least one topic')
  return matchers
}

async function* subscriptionsOf({
  hub: { presence },
}: Assembly): AsyncGenerator<SubscriptionDocument> {
  if (presence === undefined)
    throw new HubError('not_found', 'nobody is listed: the option subscriptions is off')
  await presence.settled()
  for (let after: string | undefined = ''; after !== undefined;) {
    const page = await presence.page({}, after, pageSize)
    for (const kept of page.kept) if (isTellable(kept)) yield documentOf(kept, true)
    after = page.next
  }
}
