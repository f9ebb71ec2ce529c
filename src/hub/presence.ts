import type { Log, Mark, MarkChange } from '../log/log.ts'
import type { Grants } from '../protocol/grants.ts'
import type { Matcher } from '../protocol/matcher.ts'
import type { TellSubscription } from '../protocol/subscription.ts'
import type { Update } from '../protocol/update.ts'
import { Changes } from './changes.ts'
import { Held } from './held.ts'
import { newSubscriberId } from './id.ts'
import { inherit } from './inheritance.ts'
import {
  absenceNameOf,
  absencesOf,
  eventsOf,
  type Kept,
  keptIn,
  keptPrefix,
  nameOf,
  payloadOf,
  prefixFor,
} from './kept.ts'
import type { CloseReason } from './subscriber.ts'

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

type Kind = 'start' | 'leave' | 'end' | 'adopt'

interface Change {
  readonly held: Held
  kind: Kind
  /** An append with it may have been stored, whatever its answer was. */
  isTried: boolean
  isDone: boolean
}

/** How a change stands in the log, and what it means here once it does. */
interface Written {
  readonly marks: readonly MarkChange[]
  readonly events: readonly Update[]
  readonly done: () => void
}

/** Streams of one identity and matcher that are looked at when one of them comes back. */
const mostAbsent = 64
/** How often a change is tried when others change the same marks; each time another has succeeded. */
const mostTries = 20
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
  /** Those whose stream is gone, by the name of the mark of their absence. */
  readonly #absent = new Map<string, Held>()

  constructor(log: Log, options: PresenceOptions) {
    this.#log = log
    this.#options = options
    this.#changes = new Changes({
      append: (changes) => this.#append(changes.filter(({ isDone }) => !isDone)),
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
      this.#absent.set(absenceName, held)
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

  async #append(changes: readonly Change[]): Promise<void> {
    for (const change of changes) change.isTried = true
    const written = await this.#prepare(changes)
    const marks = written.flatMap((one) => one.marks)
    if (marks.length > 0) {
      const events = written.flatMap((one) => one.events)
      const { outcome } = await this.#log.append(events, { kind: 'presence', marks })
      if (outcome !== 'stored' && !(await this.#isDoneAlready(marks)))
        return this.#appendEach(changes)
    }
    for (const [index, change] of changes.entries()) {
      change.isDone = true
      written[index]?.done()
    }
  }

  /** Somebody else changed one of the marks, or an append was stored whose answer got lost. */
  async #appendEach(changes: readonly Change[]): Promise<void> {
    for (const change of changes)
      for (let tries = 0; !change.isDone; tries++) {
        if (tries === mostTries) throw new Error(`a presence change was refused ${tries} times`)
        const [written = nothing] = await this.#prepare([change])
        const { marks, events } = written
        const isStored =
          marks.length === 0 ||
          (await this.#log.append(events, { kind: 'presence', marks })).outcome === 'stored' ||
          (await this.#isDoneAlready(marks))
        if (!isStored && this.#thinkAgain(change, marks)) continue
        change.isDone = true
        if (isStored) written.done()
      }
  }

  /** A change was refused: whether it makes sense to try again, after somebody else's. */
  #thinkAgain(change: Change, marks: readonly MarkChange[]): boolean {
    const { held, kind } = change
    const isAway = kind === 'adopt' && held.absence !== undefined
    if (kind === 'end' || kind === 'leave' || isAway) {
      this.#forget(held) // somebody else ended it, which was told then, or has it now
      return false
    }
    if (kind === 'adopt') change.kind = 'start'
    else if (marks.length === 1) held.kept = { ...held.kept, subscriber: newSubscriberId() }
    return true
  }

  async #isDoneAlready(marks: readonly MarkChange[]): Promise<boolean> {
    const now = await Promise.all(marks.map(({ name }) => this.#markAt(name)))
    return marks.every(({ to }, index) => now[index]?.value === to)
  }

  async #prepare(changes: readonly Change[]): Promise<readonly Written[]> {
    if (this.#options.graceMs === 0) return changes.map((change) => this.#writtenAs(change))
    const found = await Promise.all(changes.map((change) => this.#absencesFor(change)))
    const claimed = new Set<string>()
    return Promise.all(
      changes.map(async (change, index) => {
        const absence = found[index]?.find(({ name }) => !claimed.has(name))
        if (absence === undefined) return this.#writtenAs(change)
        claimed.add(absence.name)
        return change.kind === 'start'
          ? this.#comeBack(change, absence)
          : this.#writtenAs(change, absence)
      }),
    )
  }

  /** Marks of absence that a change has to do with: its own, or any that a new stream may take over. */
  async #absencesFor({ held, kind }: Change): Promise<readonly Mark[]> {
    const prefix = absencesOf(held.kept)
    if (prefix === undefined || kind === 'leave' || kind === 'adopt') return []
    if (kind === 'start') return (await this.#log.marks(prefix, '', mostAbsent)).marks
    const own = await this.#markAt(absenceNameOf(held.kept))
    return own === undefined ? [] : [own]
  }

  async #markAt(name: string): Promise<Mark | undefined> {
    const { marks } = await this.#log.marks(name, '', 1)
    return marks.find((mark) => mark.name === name)
  }

  #writtenAs({ held, kind }: Change, absence?: Mark): Written {
    const { kept } = held
    if (kind === 'end') return this.#ended(held, absence)
    if (kind === 'leave') return this.#leftAs(held)
    const ours = { ...kept, node: this.#options.nodeId() }
    const isNew = kind === 'start'
    const from = isNew ? undefined : JSON.stringify(kept)
    return {
      marks: [{ name: nameOf(kept), from, to: JSON.stringify(ours) }],
      events: isNew ? eventsOf(this.#options.tell, kept, true) : [],
      done: () => (held.kept = ours),
    }
  }

  #leftAs(held: Held): Written {
    const name = nameOf(held.kept)
    const value = JSON.stringify(held.kept)
    const absence = absenceNameOf(held.kept)
    return {
      marks: [
        { name, from: value, to: value },
        { name: absence, from: undefined, to: held.absence },
      ],
      events: [],
      done: () => void this.#absent.set(absence, held),
    }
  }

  #ended({ kept, absence: ours }: Held, absence: Mark | undefined): Written {
    const done = () => void (ours !== undefined && this.#absent.delete(absenceNameOf(kept)))
    if (ours !== undefined && absence?.value !== ours) return { ...nothing, done } // it came back elsewhere
    const marks = [{ name: nameOf(kept), from: JSON.stringify(kept), to: undefined }]
    if (absence !== undefined)
      marks.push({ name: absence.name, from: absence.value, to: undefined })
    return { marks, events: eventsOf(this.#options.tell, kept, false), done }
  }

  /** A new stream is one that was away: it takes over its id and its mark, and nothing is told. */
  async #comeBack(change: Change, absence: Mark): Promise<Written> {
    const { held } = change
    const subscriber = absence.name.slice(absence.name.lastIndexOf('/') + 1)
    const name = nameOf({ ...held.kept, subscriber })
    const value = (await this.#markAt(name))?.value
    const kept = value === undefined ? undefined : keptIn(value)
    const isGone = { name: absence.name, from: absence.value, to: undefined }
    if (kept === undefined) {
      const { marks, events, done } = this.#writtenAs(change)
      return { marks: [isGone, ...marks], events, done }
    }
    const ours = { ...kept, node: this.#options.nodeId() }
    return {
      marks: [isGone, { name, from: value, to: JSON.stringify(ours) }],
      events: [],
      done: () => {
        held.kept = ours
        const predecessor = this.#absent.get(absence.name)
        if (predecessor !== undefined) this.#forget(predecessor)
        this.#absent.delete(absence.name)
      },
    }
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

const nothing: Written = { marks: [], events: [], done() {} }

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
