import { hash } from 'node:crypto'
import type { Log, Mark } from '../log/log.ts'
import type { Grants } from '../protocol/grants.ts'
import type { Matcher } from '../protocol/matcher.ts'
import { documentOf, pathOf, type Subscription } from '../protocol/subscription.ts'
import { Topic } from '../protocol/topic.ts'
import type { Update } from '../protocol/update.ts'
import { newId, newSubscriberId } from './id.ts'
import type { CloseReason } from './subscriber.ts'

/** A subscription that is kept in the log's marks, with whom it belongs to. */
export interface Kept extends Subscription {
  /** The hub that has the stream. */
  readonly node: string
  readonly issuer?: string
  readonly subject?: string
}

/** A subscription of this process. */
interface Held {
  kept: Kept
}

export interface Subscribing {
  readonly matchers: readonly Matcher[]
  readonly grants: Grants
  readonly issuer?: string | undefined
  readonly subject?: string | undefined
}

export interface PresenceOptions {
  readonly nodeId: () => string
  /** A subscriber that comes back within it, to this process, never left. */
  readonly graceMs: number
  readonly onError: (error: unknown) => void
}

interface Change {
  readonly held: Held
  readonly kind: 'start' | 'end' | 'adopt'
}

const prefix = 's/'
/** Changes that come within it share an append: a storm of connections costs a few. */
const gatherMs = 20
const mostPerAppend = 250
const retryMs = 500
const pageSize = 1_000

/**
 * Who is listening: a mark for each subscription, and an event in the log for each that starts or ends.
 *
 * Mark and event are written in one step, so what the list says at a position of the log and what the
 * events after it say agree. Changes are gathered and appended behind the stream's back: nobody
 * waits for them but who asks for the list.
 */
export class Presence {
  readonly #log: Log
  readonly #options: PresenceOptions
  readonly #held = new Map<string, Held>()
  /** Subscriptions whose stream is gone, by identity, while they may come back. */
  readonly #away = new Map<string, Held[]>()
  #queue: Change[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #queued = 0
  #written = 0
  #waiters: { readonly target: number; readonly resolve: () => void }[] = []

  constructor(log: Log, options: PresenceOptions) {
    this.#log = log
    this.#options = options
  }

  /** Subscriptions of this process, those in their grace included. */
  get size(): number {
    return this.#held.size
  }

  /** Changes that are not in the log yet. */
  get waiting(): number {
    return this.#queue.length
  }

  /** A stream opened: one subscription for each matcher. Returns their URLs, which `left` wants back. */
  arrived({ matchers, grants, issuer, subject }: Subscribing): readonly string[] {
    const subscriber = newSubscriberId()
    // A URI Template cannot be said in the words of protocol 1.0: nobody there hears of it.
    const sayable = matchers.filter(({ type }) => type !== 'uritemplate')
    return sayable.map(({ type, pattern }) => {
      const payload = payloadOf(grants, pattern)
      const kept: Kept = {
        type,
        match: pattern,
        subscriber,
        ...(payload === undefined ? {} : { payload }),
        node: this.#options.nodeId(),
        ...(issuer === undefined ? {} : { issuer }),
        ...(subject === undefined ? {} : { subject }),
      }
      const back = this.#back(kept)
      if (back !== undefined) return pathOf(back.kept)
      const held = { kept }
      const url = this.#urlFor(held)
      this.#held.set(url, held)
      this.#enqueue({ held, kind: 'start' })
      return url
    })
  }

  /** Two equal matchers of one connection are two subscriptions, which need two ids. */
  #urlFor(held: Held): string {
    const url = pathOf(held.kept)
    if (!this.#held.has(url)) return url
    held.kept = { ...held.kept, subscriber: newSubscriberId() }
    return pathOf(held.kept)
  }

  /** A stream closed. Its subscriptions end now, or when their grace is over. */
  left(urls: readonly string[], reason: CloseReason): void {
    for (const url of urls) {
      const held = this.#held.get(url)
      if (held === undefined) continue
      const identity = identityOf(held.kept)
      const hasGrace = this.#options.graceMs > 0 && reason !== 'kicked' && reason !== 'drained'
      if (hasGrace && identity !== undefined) this.#waitFor(identity, url, held)
      else this.#end(url, held)
    }
  }

  #end(url: string, held: Held): void {
    this.#held.delete(url)
    this.#enqueue({ held, kind: 'end' })
  }

  #waitFor(identity: string, url: string, held: Held): void {
    const away = this.#away.get(identity) ?? []
    away.push(held)
    this.#away.set(identity, away)
    setTimeout(() => {
      if (this.#takeBack(identity, held)) this.#end(url, held)
    }, this.#options.graceMs).unref()
  }

  #back(kept: Kept): Held | undefined {
    const identity = identityOf(kept)
    const [held] = identity === undefined ? [] : (this.#away.get(identity) ?? [])
    if (identity === undefined || held === undefined) return undefined
    this.#takeBack(identity, held)
    return held
  }

  #takeBack(identity: string, held: Held): boolean {
    const away = this.#away.get(identity) ?? []
    const index = away.indexOf(held)
    if (index < 0) return false
    away.splice(index, 1)
    if (away.length === 0) this.#away.delete(identity)
    return true
  }

  /** This hub has another id now: its subscriptions are told again where they were ended meanwhile. */
  adoptAll(): void {
    for (const held of this.#held.values()) this.#enqueue({ held, kind: 'adopt' })
  }

  /** Ends what a hub that is gone left open; each of them once, whoever else does the same. */
  async endAllOf(node: string): Promise<void> {
    for (let after = ''; ;) {
      const { marks } = await this.#log.marks(prefix, after, pageSize)
      const orphans = marks.filter(({ value }) => keptIn(value)?.node === node)
      for (let at = 0; at < orphans.length; at += mostPerAppend)
        await this.#endMarks(orphans.slice(at, at + mostPerAppend))
      if (marks.length < pageSize) return
      after = marks.at(-1)?.name ?? ''
    }
  }

  async #endMarks(marks: readonly Mark[]): Promise<void> {
    const updates = marks.flatMap(({ value }) => eventOf(keptIn(value), false))
    const changes = marks.map(({ name, value }) => ({ name, from: value, to: undefined }))
    const { outcome } = await this.#log.append(updates, { kind: 'presence', marks: changes })
    if (outcome === 'stored' || marks.length === 1) return
    for (const mark of marks) await this.#endMarks([mark])
  }

  /** Resolves when the changes so far are in the log. Never rejects; gives up when the log does. */
  async settled(): Promise<void> {
    const target = this.#queued
    if (this.#written >= target) return
    await new Promise<void>((resolve) => {
      this.#waiters.push({ target, resolve })
      void this.#write()
    })
  }

  #note(changes: number): void {
    this.#written += changes
    const isDue = ({ target }: { readonly target: number }) => target <= this.#written
    for (const waiter of this.#waiters) if (isDue(waiter)) waiter.resolve()
    this.#waiters = this.#waiters.filter((waiter) => !isDue(waiter))
  }

  #giveUp(): void {
    for (const { resolve } of this.#waiters) resolve()
    this.#waiters = []
  }

  /** Ends everything and waits until that is told. */
  async close(): Promise<void> {
    for (const [url, held] of this.#held) this.#end(url, held)
    this.#away.clear()
    await this.settled()
    clearTimeout(this.#timer)
  }

  #enqueue(change: Change): void {
    this.#queue.push(change)
    this.#queued++
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#write()
    }, gatherMs).unref()
  }

  /** Never rejects; one at a time, so that changes keep their order. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const changes = this.#take()
      try {
        await this.#append(changes)
        this.#note(changes.length)
      } catch (error) {
        this.#options.onError(error)
        const queue = [...changes, ...this.#queue]
        this.#queue = withoutNews(queue)
        this.#written += queue.length - this.#queue.length
        this.#giveUp()
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined
          void this.#write()
        }, retryMs).unref()
        return
      }
    }
  }

  /** The next changes, none of them of a subscription that is among them already. */
  #take(): Change[] {
    const taken = new Set<Held>()
    for (const { held } of this.#queue) {
      if (taken.size >= mostPerAppend || taken.has(held)) break
      taken.add(held)
    }
    return this.#queue.splice(0, taken.size)
  }

  async #append(changes: readonly Change[]): Promise<void> {
    const node = this.#options.nodeId()
    const written = changes.map((change) => writtenAs(change, node))
    const { outcome } = await this.#log.append(
      written.flatMap(({ events }) => events),
      { kind: 'presence', marks: written.map(({ mark }) => mark) },
    )
    if (outcome === 'stored') {
      for (const [index, { held }] of changes.entries())
        held.kept = written[index]?.kept ?? held.kept
      return
    }
    const [only] = changes
    if (changes.length > 1) for (const change of changes) await this.#append([change])
    else if (only?.kind === 'adopt') await this.#append([{ ...only, kind: 'start' }])
    // else somebody else ended it, which was told then
  }

  /** Kept subscriptions in the order of their marks, with the position for which the page is exact. */
  async page(
    { type, match }: { readonly type?: string | undefined; readonly match?: string | undefined },
    after: string,
    limit: number,
  ): Promise<KeptPage> {
    const wanted = type === undefined || match === undefined ? prefix : prefixFor(type, match)
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

/** How a change stands in the log. */
function writtenAs({ held: { kept }, kind }: Change, node: string) {
  const name = nameOf(kept)
  const before = JSON.stringify(kept)
  if (kind === 'end')
    return { kept, mark: { name, from: before, to: undefined }, events: eventOf(kept, false) }
  const ours = { ...kept, node }
  const to = JSON.stringify(ours)
  if (kind === 'adopt') return { kept: ours, mark: { name, from: before, to }, events: [] }
  return { kept: ours, mark: { name, from: undefined, to }, events: eventOf(kept, true) }
}

/** What was never told needs no end: a log that is away for long keeps the queue no longer than the streams. */
function withoutNews(queue: readonly Change[]): Change[] {
  const ended = new Set(queue.filter(({ kind }) => kind === 'end').map(({ held }) => held))
  const started = new Set(queue.filter(({ kind }) => kind === 'start').map(({ held }) => held))
  return queue.filter(({ held }) => !(ended.has(held) && started.has(held)))
}

/** The event is an update of the reserved topic, private, of type `mercure` (draft-08 § 1.10). */
function eventOf(kept: Kept | undefined, active: boolean): Update[] {
  if (kept === undefined) return []
  const document = documentOf(kept, active)
  return [
    {
      id: newId(),
      topics: [document.id],
      data: JSON.stringify(document),
      isPrivate: true,
      type: 'mercure',
      retry: '',
    },
  ]
}

/** Marks sort by type and matcher, so the subscriptions of one matcher stand together. */
function nameOf({ type, match, subscriber }: Kept): string {
  return prefixFor(type, match) + subscriber
}

function prefixFor(type: string, match: string): string {
  return `${prefix}${type}/${hash('sha256', match, 'base64url').slice(0, 22)}/`
}

function keptIn(value: string): Kept | undefined {
  try {
    return JSON.parse(value) as Kept // written by `writtenAs` alone
  } catch {
    return undefined
  }
}

/** Who would come back (CORNERS 18); nobody whom we could not tell from another. */
function identityOf({ issuer, subject, type, match }: Kept): string | undefined {
  return subject === undefined ? undefined : JSON.stringify([issuer, subject, type, match])
}

/** Of the first detail that covers the matcher taken as a topic, even if that has none. */
function payloadOf({ details }: Grants, match: string): unknown {
  if (!details.some(({ payload }) => payload !== undefined)) return undefined
  const topic = new Topic(match)
  return details.find(
    ({ actions, topics }) =>
      actions.has('subscribe') && topics.some((granted) => granted.matches(topic)),
  )?.payload
}
