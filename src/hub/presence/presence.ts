import type { Log } from '../../log/log.ts'
import type { Grants } from '../../protocol/grants.ts'
import type { Matcher } from '../../protocol/matcher.ts'
import type { TellSubscription } from '../../protocol/subscription.ts'
import { Changes } from './change-queue.ts'
import { Held } from './local-subscription.ts'
import { newSubscriberId } from '../ids.ts'
import { inherit } from './takeover.ts'
import { absencesOf, type Kept, keptIn, keptPrefix, payloadOf, prefixFor } from './record.ts'
import { type Change, type Kind, PresenceWriter } from './writer.ts'
import type { CloseReason } from '../stream/subscriber.ts'

export interface Subscribing {
  readonly matchers: readonly Matcher[]
  readonly grants: Grants
  readonly issuer?: string | undefined
  readonly subject?: string | undefined
}

export interface PresenceOptions {
  readonly nodeId: () => string
  /** A subscriber that comes back within it, to whichever hub of the log, never left. */
  readonly graceMs: number
  /** The words in which starts and ends are told. */
  readonly tell: TellSubscription
  readonly onError: (error: unknown) => void
}

/** The longest a stream stays open after its time, so that its successor finds that it left. */
const leavingMs = 1_000

/**
 * Who is listening: a mark for each subscription, and an event in the log for each that starts or ends.
 *
 * Mark and event are written in one step, so what the list says at a position of the log and what the
 * events after it say agree. Changes are gathered and appended behind the stream's back: nobody
 * waits for them but who asks for the list.
 *
 * With a grace, a subscription whose stream closed gets a second mark, of its absence, and no event. Whichever
 * hub sees the same identity first takes both over, by compare-and-set; else the hub that wrote it
 * ends the subscription when the grace is over, or, should it die, the one that inherits from it.
 */
export class Presence {
  readonly #log: Log
  readonly #options: PresenceOptions
  readonly #changes: Changes<Change>
  readonly #held = new Set<Held>()
  readonly #writer: PresenceWriter

  constructor(log: Log, options: PresenceOptions) {
    this.#log = log
    this.#options = options
    this.#writer = new PresenceWriter(log, {
      ...options,
      onForgotten: (held) => this.#forget(held),
    })
    this.#changes = new Changes({
      append: (changes) => this.#writer.append(changes.filter(({ isDone }) => !isDone)),
      together,
      condense: withoutNews,
      onError: options.onError,
    })
  }

  /** Subscriptions of this process, those in their grace included. */
  get size(): number {
    return this.#held.size
  }

  /** Changes that are not in the log yet. */
  get waiting(): number {
    return this.#changes.waiting
  }

  /** A stream opened: one subscription for each matcher. `left` wants them back. */
  arrived({ matchers, grants, issuer, subject }: Subscribing): readonly Held[] {
    const subscriber = newSubscriberId()
    const seen = new Set<string>()
    return matchers.map(({ type, pattern }) => {
      const payload = payloadOf(grants, pattern)
      const kept: Kept = {
        type,
        match: pattern,
        // Two equal matchers of one connection are two subscriptions, which need two ids.
        subscriber: seen.has(`${type} ${pattern}`) ? newSubscriberId() : subscriber,
        ...(payload === undefined ? {} : { payload }),
        node: this.#options.nodeId(),
        ...(issuer === undefined ? {} : { issuer }),
        ...(subject === undefined ? {} : { subject }),
      }
      seen.add(`${type} ${pattern}`)
      const held = new Held(kept)
      this.#held.add(held)
      this.#push(held, 'start')
      return held
    })
  }

  /** A stream closed. Its subscriptions end now, or when their grace is over. */
  left(streams: readonly Held[], reason: CloseReason): void {
    for (const held of streams) {
      if (!this.#held.has(held)) continue
      if (reason === 'kicked' || !this.#mayComeBack(held)) this.#end(held)
      else if (held.absence === undefined) this.#leave(held)
    }
  }

  /**
   * A stream is about to be closed. Resolves when the log knows that it left, so that its successor finds
   * its place, or soon after; undefined when there is nothing to wait for.
   */
  leaving(streams: readonly Held[]): Promise<void> | undefined {
    const those = streams.filter((held) => this.#held.has(held) && this.#mayComeBack(held))
    if (those.length === 0) return undefined
    for (const held of those) if (held.absence === undefined) this.#leave(held)
    let timer: NodeJS.Timeout | undefined
    const atMost = new Promise<void>((resolve) => (timer = setTimeout(resolve, leavingMs)))
    return Promise.race([this.#changes.settled(false), atMost]).finally(() => clearTimeout(timer))
  }

  #mayComeBack({ kept }: Held): boolean {
    return this.#options.graceMs > 0 && absencesOf(kept) !== undefined
  }

  #leave(held: Held): void {
    held.leave(this.#options.graceMs, () => this.#end(held))
    this.#push(held, 'leave')
  }

  #end(held: Held): void {
    this.#forget(held)
    this.#push(held, 'end')
  }

  #forget(held: Held): void {
    held.letGo()
    this.#held.delete(held)
  }

  #push(held: Held, kind: Kind): void {
    this.#changes.push({ held, kind, isTried: false, isDone: false })
  }

  /** This hub has another id now: its subscriptions are told again where they were ended meanwhile. */
  adoptAll(): void {
    for (const held of this.#held) this.#push(held, 'adopt')
  }

  /** Takes over what a hub that is gone left open: what has a grace left waits here, the rest ends. Each of them once, whoever else does the same. */
  async inherit(node: string, silentMs: number): Promise<void> {
    const { graceMs, nodeId, tell } = this.#options
    const heir = { node: nodeId(), graceMs, silentMs, tell }
    for await (const { kept, absenceName, absence, restMs } of inherit(this.#log, node, heir)) {
      const held = new Held(kept)
      held.leave(restMs, () => this.#end(held))
      held.absence = absence
      this.#held.add(held)
      this.#writer.tookOver(held, absenceName)
    }
  }

  /** Resolves when the changes so far are in the log. Never rejects; gives up when the log does. */
  settled(): Promise<void> {
    return this.#changes.settled()
  }

  /**
   * Ends what is left and waits until that is told. Resolves with whether something stays for who inherits:
   * subscriptions in their grace, which may go on at another hub.
   */
  async close(): Promise<boolean> {
    const held = [...this.#held]
    this.left(held, 'drained')
    for (const one of held) one.letGo()
    await this.settled()
    this.#changes.close()
    return held.some(({ absence }) => absence !== undefined)
  }

  /** Kept subscriptions in the order of their marks, with the position for which the page is exact. */
  async page(
    { type, match }: { readonly type?: string | undefined; readonly match?: string | undefined },
    after: string,
    limit: number,
  ): Promise<KeptPage> {
    const wanted = type === undefined || match === undefined ? keptPrefix : prefixFor(type, match)
    const read = this.#log.marks(wanted, after, limit)
    const { marks, position } = read instanceof Promise ? await read : read
    const kept = marks.map(({ value }) => keptIn(value)).filter((one) => one !== undefined)
    const isLast = marks.length < limit
    return { kept, position, next: isLast ? undefined : marks.at(-1)?.name }
  }
}

export interface KeptPage {
  readonly kept: readonly Kept[]
  readonly position: number
  /** Where the next page starts; undefined when this is the last one. */
  readonly next: string | undefined
}

/** None of a subscription that is among them already, and nobody's return with their leave. */
function together(queue: readonly Change[], most: number): number {
  const taken = new Set<Held>()
  const left = new Set<string | undefined>()
  for (const { held, kind } of queue) {
    if (taken.size >= most || taken.has(held)) break
    if (left.size > 0 && kind === 'start' && left.has(absencesOf(held.kept) ?? '')) break
    taken.add(held)
    if (kind === 'leave') left.add(absencesOf(held.kept))
  }
  return taken.size
}

/** What was never told needs no end: a log that is away for long keeps the queue no longer than the streams. */
function withoutNews(queue: readonly Change[]): Change[] {
  const due = queue.filter(({ isDone }) => !isDone)
  const started = due.filter(({ kind, isTried }) => kind === 'start' && !isTried)
  const untold = new Set(started.map(({ held }) => held))
  const ended = new Set(due.filter(({ kind }) => kind === 'end').map(({ held }) => held))
  return due.filter(({ held }) => !(ended.has(held) && untold.has(held)))
}
