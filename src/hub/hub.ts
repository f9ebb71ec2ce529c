import type { Entry, Log, LogReset } from '../log/log.ts'
import { earliest } from '../protocol/cursor.ts'
import { HubError } from '../protocol/errors.ts'
import type { Grants } from '../protocol/grants.ts'
import type { Matcher } from '../protocol/matcher.ts'
import { patternCostOf } from '../protocol/pattern-cost.ts'
import { tellSubscription } from '../protocol/subscription.ts'
import { Topic } from '../protocol/topic.ts'
import type { UpdateDraft } from '../protocol/update.ts'
import { Interest } from '../registry/interest.ts'
import { Intermission } from './dispatch/yielding.ts'
import type { Wire } from './stream/outbox.ts'
import { Refills } from './stream/flush-queue.ts'
import { Registry, type RegistryStats } from '../registry/registry.ts'
import { Audit } from './audit.ts'
import { ClusterSeats } from './limits/cluster-stream-limits.ts'
import { Cursors, type Start } from './stream/cursors.ts'
import { Dispatcher } from './dispatch/dispatcher.ts'
import { drainOver } from './stream/drain.ts'
import { Kicks } from './cluster/kicks.ts'
import { lifeOf } from './stream/lifetime.ts'
import { Liveness } from './dispatch/liveness.ts'
import { Nodes } from './cluster/members.ts'
import { areQuickPayloads, payloadsOf } from './presence/record.ts'
import { type HubObserver, silent } from './observer.ts'
import type { HubOptions, Subscription } from './options.ts'
import { OwnLines } from './stream/control-frames.ts'
import { Pacing } from './stream/admission.ts'
import { PatternWork, takesTooLong } from './dispatch/pattern-work.ts'
import { Presence } from './presence/presence.ts'
import { type Publication, Publisher } from './publisher.ts'
import { Pulse } from './stream/heartbeat.ts'
import { entryWith } from './replay/entry-with.ts'
import { Replays } from './replay/replays.ts'
import {
  type Seat,
  type SeatCounts,
  type SeatKeeper,
  type SeatLimits,
  Seats,
} from './limits/stream-limits.ts'
import { type CloseReason, type Host, Subscriber } from './stream/subscriber.ts'

/**
 * The hub: publishes into the log, and follows it for its subscribers.
 *
 * It knows no HTTP and no tokens: whoever publishes or subscribes was authenticated before, and hands
 * over what they are granted.
 */
export class Hub implements Host {
  readonly #options: HubOptions
  readonly #log: Log
  readonly #observer: HubObserver
  readonly #publisher: Publisher
  readonly #registry: Registry
  readonly #dispatcher: Dispatcher
  readonly #replays: Replays
  readonly #pulse: Pulse
  readonly #seats: SeatKeeper
  readonly #subscribers = new Set<Subscriber>()
  #latestInterest: Interest | undefined
  readonly #audit: Audit
  readonly #liveness: Liveness
  readonly #cursors: Cursors
  readonly #lines: OwnLines
  readonly #nodes: Nodes
  readonly #ready: Promise<void>
  readonly kicks: Kicks
  /** Absent when the hub does not tell who subscribes. */
  readonly presence: Presence | undefined
  /** Streams whose sockets have room again go on in turn. */
  readonly refills = new Refills<Subscriber>((subscriber, error) => {
    this.#observer.failed('delivery', error)
    subscriber.close('error')
  })
  /** Whoever accepts connections tells it here. */
  readonly intermission = new Intermission(this.refills)
  /** Whoever tries strangers' patterns does it here, but for the dispatcher. */
  readonly patternWork = new PatternWork()
  /** Whoever opens streams asks here first when. */
  readonly pacing = new Pacing((error) => this.#observer.failed('pacing', error))
  #isDraining = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#log = options.log
    this.#observer = options.observer ?? silent
    this.#cursors = new Cursors(options.log)
    this.#lines = new OwnLines({
      cursors: this.#cursors,
      delivered: () => this.#dispatcher.delivered,
      streams: () => this.#subscribers.size,
    })
    this.#publisher = new Publisher(options.log, {
      maxFrameBytes: options.maxFrameBytes,
      maxPatternSteps: options.maxPatternStepsPerRequest ?? 0,
      patternWork: this.patternWork,
      onPublished: (count, ms) => this.#observer.published(count, ms),
      onRepeated: () => this.#observer.repeated(),
    })
    this.#registry = new Registry({
      shards: options.registryShards,
      matchCacheEntries: options.matchCacheEntries,
    })
    this.#dispatcher = new Dispatcher(options.log, this.#registry, {
      maxBytesPerPass: Math.max(1, Math.floor(options.subscriberBufferBytes / 4)),
      intermission: this.intermission,
      onLost: (entries) => this.#tellGap(entries, () => true),
      onLostNotices: (entries) =>
        this.#tellGap(entries, ({ interest }) => interest.watchesSubscriptions),
      onControl: (entry) => this.kicks.handle(entry),
      onPass: (ms) => {
        this.#replays.dispatchedMore()
        this.presence?.deliveredMore()
        if (ms !== undefined) this.#observer.passed?.(ms)
      },
      onReset: (reset) => this.#readAgain(reset),
      onError: (error) => this.#observer.failed('dispatch', error),
      onFailure: (member, error) => {
        this.#observer.failed('delivery', error)
        if (member instanceof Subscriber) member.close('error')
      },
    })
    this.#replays = new Replays(options.log, {
      patternWork: this.patternWork,
      dispatched: () => this.#dispatcher.dispatched,
      goLive: (subscriber) => this.#goLive(subscriber),
      replaying: () => this.#subscribers.size - this.#registry.size,
      cursorAt: (position) => this.#cursors.at(position),
      onReplayed: (entries) => this.#observer.replayed(entries),
      onLost: (entries) => this.#observer.lost(entries),
      onError: (error) => this.#observer.failed('replay', error),
    })
    this.#pulse = new Pulse({
      heartbeatMs: options.heartbeatMs,
      dispatchTimeoutMs: options.dispatchTimeoutMs,
      beat: (subscriber) => subscriber.send(this.#lines.beat(subscriber)),
      rotate: (subscriber) => this.#end(subscriber),
      onError: (error) => this.#observer.failed('pulse', error),
    })
    this.#liveness = new Liveness((answered) => this.#dispatcher.probe(answered))
    this.#audit = new Audit(this.#registry, this.#subscribers, this.#observer)
    this.#nodes = new Nodes(options.log, {
      hasLease: options.presence === true || options.isClustered === true,
      onDead: async (id, silentMs) => {
        await this.presence?.inherit(id, silentMs)
        await this.#seats.sweep?.()
      },
      onRenamed: () => {
        this.presence?.adoptAll()
        this.#seats.renamed?.()
      },
      onError: (error) => this.#observer.failed('nodes', error),
    })
    const own = options.seats ?? new Seats(options)
    this.#seats = options.isClustered === true ? this.#countTogether(own) : own
    this.kicks = new Kicks(options.log, {
      nodes: this.#nodes,
      subscribers: () => this.#subscribers,
      onError: (error) => this.#observer.failed('kick', error),
    })
    if (options.presence === true)
      this.presence = new Presence(options.log, {
        nodeId: () => this.#nodes.id,
        graceMs: options.subscriptionGraceMs ?? 0,
        tell: options.tellSubscription ?? tellSubscription,
        delivered: () => this.#dispatcher.delivered,
        onError: (error) => this.#observer.failed('presence', error),
      })
    this.#ready = this.#start()
  }

  #countTogether(own: SeatKeeper): SeatKeeper {
    return new ClusterSeats(this.#log, own, {
      ...this.#options,
      nodeId: () => this.#nodes.id,
      living: () => this.#nodes.living(),
      onError: (error) => this.#observer.failed('seats', error),
    })
  }

  /** Resolves when earlier kicks are known and what dead hubs of this machine left open has ended. Never rejects. */
  ready(): Promise<void> {
    return this.#ready
  }

  async #start(): Promise<void> {
    await this.kicks.start().catch((error: unknown) => this.#observer.failed('kick', error))
    await this.#nodes.start()
  }

  /**
   * The cursor that stands for a position: the id of the newest entry, where that says it and is nobody's secret, or
   * an opaque one.
   */
  async cursorFor(position: number): Promise<string> {
    if (position === 0) return earliest
    return (await this.#publicIdAt(position)) ?? this.#cursors.at(position)
  }

  /** The id of the newest entry when that is a public update, and the first one of its id. */
  async #publicIdAt(position: number): Promise<string | undefined> {
    if (this.#log.head !== position) return undefined
    const bounds = { maxEntries: 1, maxBytes: 1, upTo: position, isPassing: true }
    const [entry] = (await this.#log.read(position - 1, bounds)).entries
    if (entry?.position !== position || entry.kind !== 'update' || entry.update.isPrivate)
      return undefined
    const { id } = entry.update
    return (await this.#log.locate(id)) === position ? id : undefined
  }

  /** Stores an update and resolves with its id; see `Publisher`. */
  publish(draft: UpdateDraft, publication: Publication): Promise<string> {
    return this.#publisher.publish(draft, publication)
  }

  /** Stores a batch, all or none, and resolves with the ids; see `Publisher`. */
  publishAll(drafts: Iterable<UpdateDraft>, publication: Publication): Promise<string[]> {
    return this.#publisher.publishAll(drafts, publication)
  }

  /** Resolves the cursor that a request brings. */
  locate(requested: string): Promise<Start> {
    return this.#cursors.locate(requested)
  }

  /** The entry with this id while it is kept, for somebody who asks about one; never a message between hubs. */
  find(id: string): Promise<Entry | undefined> {
    return entryWith(this.#log, id)
  }

  /** Takes other limits from now on. Streams that are open stay, also above a limit. */
  limit(limits: SeatLimits): void {
    this.#seats.limit(limits, this.#subscribers)
  }

  /** The hub is letting its streams go and takes no new one. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Why no stream can be opened now; nothing when one can. */
  refusal(seat: Seat): HubError | undefined | Promise<HubError | undefined> {
    return this.#isDraining ? shuttingDown() : this.#seats.refusal(seat)
  }

  /** Takes a seat for a stream that is about to open, or says why it cannot have one. */
  async seat(seat: Seat): Promise<HubError | undefined> {
    if (this.#isDraining) return shuttingDown()
    const taken = this.#seats.take(seat)
    const refusal = taken instanceof Promise ? await taken : taken
    if (refusal !== undefined || !this.#isDraining) return refusal
    this.#seats.leave(seat)
    return shuttingDown()
  }

  /** Takes a seat where that needs no waiting; false takes none, and `seat` says why. */
  seatNow(seat: Seat): boolean {
    return !this.#isDraining && this.#seats.takeNow(seat)
  }

  /** Gives back the seat of a stream that did not open after all. */
  unseat(seat: Seat): void {
    this.#seats.leave(seat)
  }

  /** Whether grants cover a topic; a promise where finding out takes long. */
  mayReceive(grants: Grants, topic: string, owner = ''): boolean | Promise<boolean> {
    const topics = [new Topic(topic)]
    if (grants.isQuickToReceive(topics)) return grants.mayReceive(topics)
    const most = this.#options.maxPatternStepsPerRequest
    return this.patternWork.run(
      owner,
      (slice) => grants.receiving(topics, slice),
      most,
      takesTooLong,
    )
  }

  /**
   * What accompanies each matcher in the list of subscriptions; undefined where the stream finds it in no time.
   *
   * @throws HubError `too_large` when the token's patterns take too long for the matchers
   */
  payloads(
    grants: Grants,
    matchers: readonly Matcher[],
    owner = '',
  ): readonly unknown[] | undefined | Promise<readonly unknown[]> {
    if (this.hasQuickPayloads(grants, matchers)) return undefined
    return this.patternWork.run(
      owner,
      (slice) => payloadsOf(grants, matchers, slice),
      this.#options.maxPatternStepsPerRequest,
      takesTooLong,
    )
  }

  /** Whether a stream finds its payloads in no time, or needs none. */
  hasQuickPayloads(grants: Grants, matchers: readonly Matcher[]): boolean {
    return this.presence === undefined || areQuickPayloads(grants, matchers)
  }

  /**
   * Opens a stream, which has its seat, on a wire that writes the response's head with the first bytes it is
   * given: at once, or as soon as its arrival was told.
   */
  subscribe(wire: Wire, subscription: Subscription): Subscriber {
    const { start, expiresAtMs } = subscription
    const end = lifeOf(this.#options.writeTimeoutMs, expiresAtMs)
    const subscriber = new Subscriber(wire, this, {
      interest: this.#interestOf(subscription),
      position: start?.position ?? this.#log.head,
      maxPendingBytes: this.#options.subscriberBufferBytes,
      endAtMs: end.atMs,
      endReason: end.reason,
      tokenHash: subscription.tokenHash,
      address: subscription.address,
      patternCost: patternCostOf(subscription),
      isPlain: subscription.isPlain ?? false,
      hasCursorLines: subscription.hasCursorLines ?? false,
      issuer: subscription.issuer,
      subject: subscription.subject,
      tokenEndsAtMs: expiresAtMs,
    })
    subscriber.knowsOfGap = start?.lastEventId === earliest
    this.#subscribers.add(subscriber)
    this.#observer.subscribed(subscriber)
    if (this.presence === undefined) this.#begin(subscriber, start)
    else
      subscriber.subscriptions = this.presence.arrived(subscription, (before) => {
        if (start === undefined) this.#placeAtArrival(subscriber, before)
        this.#begin(subscriber, start)
      })
    return subscriber
  }

  /** A stream without a cursor begins with its own arrival, if it may hear of that, and else with what comes now. */
  #placeAtArrival(subscriber: Subscriber, before: number | undefined): void {
    const { head } = this.#log
    if (!subscriber.interest.watchesSubscriptions) subscriber.position = head
    else if (before !== undefined) subscriber.position = Math.min(before, head)
  }

  #begin(subscriber: Subscriber, start: Start | undefined): void {
    if (subscriber.state !== 'opening') return // it was closed meanwhile
    subscriber.state = 'replaying'
    subscriber.send(this.#lines.opening(start, subscriber))
    this.#pulse.watch(subscriber)
    this.#replays.resume(subscriber)
  }

  /** The interest of the stream before, if it asked for the very same and may have it: a crowd shares one from the start. */
  #interestOf({ matchers, grants, isPlain = false }: Subscription): Interest {
    const latest = this.#latestInterest
    if (latest?.matchers === matchers && latest.grants === grants && latest.isPlain === isPlain)
      return latest
    return (this.#latestInterest = new Interest(matchers, grants, isPlain))
  }

  #goLive(subscriber: Subscriber): void {
    subscriber.state = 'live'
    this.#registry.join(subscriber, subscriber.interest)
    if (subscriber.cohort !== undefined) subscriber.interest = subscriber.cohort.interest // one for all of them
  }

  /** Who may come back to another hub finds there that it left: that is written first. */
  #end(subscriber: Subscriber): void {
    const { subscriptions, tokenEndsAtMs = Infinity } = subscriber
    const written = this.presence?.leaving(subscriptions, tokenEndsAtMs - Date.now())
    if (written === undefined) this.#rotate(subscriber)
    else void written.then(() => this.#rotate(subscriber))
  }

  #rotate(subscriber: Subscriber): void {
    const { endReason } = subscriber
    const isRotated = endReason === 'rotated'
    subscriber.send(this.#lines[isRotated ? 'rotation' : 'blockEnd'](subscriber))
    subscriber.close(endReason)
  }

  /** Entries are missing before what was dispatched: live streams whom it concerns learn it, and so do kicks. */
  #tellGap(entries: number, concerns: (subscriber: Subscriber) => boolean): void {
    this.#observer.lost(entries)
    void this.kicks.recover()
    const gap = this.#lines.gapBefore(this.#dispatcher.dispatched)
    for (const subscriber of this.#subscribers)
      if (subscriber.state === 'live' && !subscriber.isPlain && concerns(subscriber))
        subscriber.send(gap)
  }

  /** The log lost what streams have seen: they learn it, and read on from where it is as it was. */
  #readAgain({ resumeAfter, lost }: LogReset): void {
    this.#observer.lost(lost)
    void this.kicks.recover()
    for (const subscriber of this.#subscribers) {
      subscriber.position = Math.min(subscriber.position, resumeAfter)
      if (!subscriber.isPlain && subscriber.state !== 'opening')
        subscriber.send(this.#lines.resetTo(resumeAfter, subscriber))
    }
    this.#replays.wasReset()
  }

  overflowed(subscriber: Subscriber): void {
    if (!this.#dispatcher.isLagging) return subscriber.close('slow')
    // The hub was behind, not the peer: it reads on from the log, at its own pace.
    this.#registry.leave(subscriber)
    subscriber.position = Math.max(subscriber.position, this.#dispatcher.delivered)
    subscriber.state = 'replaying'
    subscriber.knowsOfGap = false
  }

  stuck(subscriber: Subscriber): void {
    this.#pulse.stuck(subscriber)
  }

  hasRoom(subscriber: Subscriber): void {
    this.refills.push(subscriber)
  }

  drained(subscriber: Subscriber): void {
    this.#pulse.drained(subscriber)
    this.#replays.resume(subscriber)
  }

  delivered(bytes: number): void {
    this.#observer.delivered(bytes)
  }

  ended(subscriber: Subscriber, reason: CloseReason): void {
    this.#registry.leave(subscriber)
    this.#pulse.forget(subscriber)
    this.#subscribers.delete(subscriber)
    this.#seats.leave(subscriber)
    this.#replays.left()
    this.presence?.left(subscriber.subscriptions, reason)
    this.#observer.closed(subscriber, reason)
  }

  /** Streams that are open, replaying ones included. */
  get subscriberCount(): number {
    return this.#subscribers.size
  }

  /** All of them; for a look, not for a hot path. */
  get streams(): ReadonlySet<Subscriber> {
    return this.#subscribers
  }

  /** Ids of the hubs on this history, this one included. */
  nodes(): Promise<readonly string[]> {
    return this.#nodes.living()
  }

  stats(): RegistryStats & { readonly replaying: number } {
    return { ...this.#registry.stats(), replaying: this.#subscribers.size - this.#registry.size }
  }

  /** Sizes of the tables that limits ask for; 0 where another process has them. */
  seatCounts(): SeatCounts {
    return this.#seats.counts ?? { tokens: 0, addresses: 0, mostPatternCost: 0 }
  }

  /** How far this process is behind the log. */
  get lag(): { readonly entries: number; readonly ms: number } {
    const entries = Math.max(0, this.#log.head - this.#dispatcher.delivered)
    return { entries, ms: this.#dispatcher.lagMs }
  }

  /** Replays that have something to read now. */
  get replaysWaiting(): number {
    return this.#replays.waiting
  }

  /** Bytes of history that are kept for replays near each other. */
  get replayPageBytes(): number {
    return this.#replays.keptBytes
  }

  /** Bytes that wait for subscribers. Walks all of them: for a scrape, not for a hot path. */
  pendingBytes(): { readonly sum: number; readonly max: number } {
    let [sum, max] = [0, 0]
    for (const { pendingBytes } of this.#subscribers) {
      sum += pendingBytes
      if (pendingBytes > max) max = pendingBytes
    }
    return { sum, max }
  }

  /** Some of the streams, those with most pending bytes first. Walks all of them: for people, not for a hot path. */
  slowest(most: number): readonly Subscriber[] {
    return [...this.#subscribers]
      .map((subscriber) => ({ subscriber, bytes: subscriber.pendingBytes }))
      .sort((one, other) => other.bytes - one.bytes)
      .slice(0, most)
      .map(({ subscriber }) => subscriber)
  }

  /** Checks the registry in both directions; what does not agree is told, repaired and never thrown. */
  verify(): readonly string[] {
    return this.#audit.verify()
  }

  /** The event loop turns, and the dispatcher delivers. The log counts for `readiness` only. */
  isLive(): Promise<boolean> {
    return this.#liveness.isLive()
  }

  /** Ready to take publishes and streams; otherwise why not. */
  async readiness(): Promise<{ readonly isReady: boolean; readonly reason?: string }> {
    if (this.#isDraining) return { isReady: false, reason: 'draining' }
    const health = this.#log.health()
    if (!health.ok) return { isReady: false, reason: health.reason }
    if (this.pacing.isFull)
      return { isReady: false, reason: 'too many streams wait for their turn' }
    const refusal = await this.#seats.refusal({})
    return refusal === undefined ? { isReady: true } : { isReady: false, reason: refusal.message }
  }

  /**
   * Lets every stream go, spread over `drainMs`, then closes the log. New streams are refused at once.
   */
  async close(drainMs = 0): Promise<void> {
    this.#isDraining = true
    this.#audit.close()
    this.#liveness.close()
    await drainOver(this.#subscribers, drainMs, (subscriber) => {
      subscriber.send(this.#lines.blockEnd(subscriber))
      subscriber.close('drained')
    })
    this.kicks.close()
    const leavesBehind = await this.presence?.close()
    await this.#seats.close?.()
    await this.#nodes.close(leavesBehind)
    this.#dispatcher.close()
    this.#pulse.close()
    await this.#log.close()
  }
}

function shuttingDown(): HubError {
  return new HubError('unavailable', 'the hub is shutting down; come back in a moment')
}
