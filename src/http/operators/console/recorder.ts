import type { HubObserver } from '../../../hub/observer.ts'
import type { Hub } from '../../../hub/hub.ts'
import type { CloseReason, Subscriber } from '../../../hub/stream/subscriber.ts'
import type { Log } from '../../../log/log.ts'
import { type ErrorCode, errors } from '../../../protocol/errors.ts'
import { Durations } from './durations.ts'
import { type Field, Samples } from './samples.ts'

const everyMs = 1_000
/** A stream whose peer takes nothing for so long is shown as stalled. */
const stalledMs = 2_000
/** Streams that ended lately, to be shown among the open ones. */
const mostClosed = 200

/** A stream that has ended. */
export interface ClosedStream {
  readonly stream: Subscriber['interest']
  readonly subject: string | undefined
  readonly address: string | undefined
  readonly openedMs: number
  readonly closedMs: number
  readonly reason: CloseReason
}

type CountName = Extract<
  Field,
  'opened' | 'publishes' | 'publishesRefused' | 'streamsRefused' | 'deliveries' | 'deliveredBytes'
>

const none = {
  opened: 0,
  publishes: 0,
  publishesRefused: 0,
  streamsRefused: 0,
  deliveries: 0,
  deliveredBytes: 0,
  peer: 0,
  slow: 0,
  stalled: 0,
  expired: 0,
  rotated: 0,
  drained: 0,
  kicked: 0,
  error: 0,
} as const satisfies Record<CountName | CloseReason, number>

/**
 * Keeps the last fifteen minutes in steps of a second, so that a console that is opened in an incident
 * shows what led to it.
 *
 * The hot path adds to plain numbers. One timer looks at the hub, however many people watch; it starts
 * with the admin listener, for without one nobody can.
 */
export class Recorder {
  readonly samples = new Samples()
  readonly #acknowledged = new Durations()
  readonly #written = new Durations()
  readonly #flushed = new Durations()
  readonly #loop = new Durations()
  readonly #closed: ClosedStream[] = []
  #closedCount = 0
  #counts: Record<CountName | CloseReason, number> = { ...none }
  #cpu = process.cpuUsage()
  #cpuAtMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  /** Since when the hub would not take publishes, in milliseconds since 1970. */
  troubledSinceMs: number | undefined

  /** What `others` count is counted here too; they are a plain object. */
  beside(others: HubObserver): HubObserver {
    return {
      ...others,
      subscribed: (subscriber) => {
        others.subscribed(subscriber)
        this.#counts.opened++
      },
      closed: (subscriber, reason) => {
        others.closed(subscriber, reason)
        this.#counts[reason]++
        this.#remember(subscriber, reason)
      },
      published: (count, ms) => {
        others.published(count, ms)
        this.#counts.publishes += count
        this.#acknowledged.observe(ms)
      },
      delivered: (bytes) => {
        others.delivered(bytes)
        this.#counts.deliveries++
        this.#counts.deliveredBytes += bytes
      },
      passed: (ms) => this.#written.observe(ms),
    }
  }

  /** A group of updates was stored. */
  flushed(ms: number): void {
    this.#flushed.observe(ms)
  }

  /** The event loop was so late. */
  lagged(ms: number): void {
    this.#loop.observe(ms)
  }

  /** Only what the hub cannot do, or a limit forbids: somebody's wrong token is no incident. */
  refused(kind: string, code: ErrorCode): void {
    if (errors[code].status < 429) return
    if (kind === 'publish') this.#counts.publishesRefused++
    else if (kind === 'subscribe') this.#counts.streamsRefused++
  }

  /** Streams that ended lately, the last one first. */
  get closed(): readonly ClosedStream[] {
    return [...this.#closed].sort((one, other) => other.closedMs - one.closedMs)
  }

  start(hub: Hub, log: Log): void {
    this.#timer ??= setInterval(() => this.#look(hub, log), everyMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #remember(subscriber: Subscriber, reason: CloseReason): void {
    this.#closed[this.#closedCount++ % mostClosed] = {
      stream: subscriber.interest,
      subject: subscriber.subject,
      address: subscriber.address,
      openedMs: subscriber.openedMs,
      closedMs: performance.now(),
      reason,
    }
  }

  #look(hub: Hub, log: Log): void {
    const isWell = log.health().ok && !hub.isDraining
    if (isWell) this.troubledSinceMs = undefined
    else this.troubledSinceMs ??= Date.now()
    const { stalled: stalledClosed, ...counts } = this.#counts
    this.#counts = { ...none }
    const stats = log.stats()
    const [ackP50, ackP99] = this.#acknowledged.take()
    const [writeP50, writeP99] = this.#written.take()
    const [flushP50, flushP99] = this.#flushed.take()
    const [loopP50, loopP99] = this.#loop.take()
    this.samples.add(Date.now(), {
      ...counts,
      stalledClosed,
      ...pendingOf(hub),
      streams: hub.subscriberCount,
      replaying: hub.stats().replaying,
      ackP50,
      ackP99,
      writeP50,
      writeP99,
      flushP50,
      flushP99,
      loopP50,
      loopP99,
      logEntries: stats.entries,
      logBytes: stats.bytes,
      logWaitingBytes: stats.waitingBytes ?? 0,
      lag: Math.max(hub.lag.ms, stats.unseenMs ?? 0),
      cpu: this.#cpuShare(),
      memory: process.memoryUsage.rss(),
      ready: isWell ? 1 : 0,
    })
  }

  /** Of one core, in percent, since the last look. */
  #cpuShare(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    const ms = performance.now() - this.#cpuAtMs
    this.#cpu = process.cpuUsage()
    this.#cpuAtMs = performance.now()
    return (user + system) / ms / 10
  }
}

/** One walk over all streams. */
function pendingOf(hub: Hub) {
  const sinceMs = performance.now() - stalledMs
  let [pendingBytes, pendingMost, stalled] = [0, 0, 0]
  for (const stream of hub.streams) {
    const bytes = stream.pendingBytes
    if (bytes === 0) continue
    pendingBytes += bytes
    if (bytes > pendingMost) pendingMost = bytes
    if (stream.stuckSinceMs > 0 && stream.stuckSinceMs < sinceMs) stalled++
  }
  return { pendingBytes, pendingMost, stalled }
}
