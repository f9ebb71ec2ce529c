import { randomUUID } from 'node:crypto'
import type { Entry, Log, MarkChange } from '../../log/log.ts'
import { addressOf, pathOf } from '../../protocol/subscription.ts'
import { newId } from '../ids.ts'
import type { Nodes } from './members.ts'
import type { Subscriber } from '../stream/subscriber.ts'

/** Whose streams are to be closed: those of a token's subject, or the one with this subscription. */
export type KickTarget = { readonly sub: string } | { readonly subscription: string }

export interface Kicked {
  /** Streams that were closed, on all hubs that answered. */
  readonly closed: number
  /** Hubs that did not answer in time. */
  readonly unanswered: readonly string[]
}

export interface KicksOptions {
  readonly nodes: Nodes
  readonly subscribers: () => Iterable<Subscriber>
  readonly onError: (error: unknown) => void
}

/** What hubs tell each other, as JSON in a control entry. */
type Message =
  | { readonly type: 'kick'; readonly kick: string; readonly target: KickTarget }
  | {
      readonly type: 'kicked'
      readonly kick: string
      readonly node: string
      readonly closed: number
      readonly denied: readonly Denial[]
    }

/** A token, by its hash, and when it would have ended in milliseconds since 1970. */
type Denial = readonly [tokenHash: string, untilMs: number]

/** A kick as its mark says it, with when it was in milliseconds since 1970. */
interface Recent {
  readonly target: KickTarget
  readonly atMs: number
}

interface Waiting {
  readonly missing: Set<string>
  closed: number
  readonly done: () => void
}

const answerMs = 2_000
/** When a token without an end is let in again. */
const never = Number.MAX_SAFE_INTEGER
const sweepMs = 60_000
/** Tokens that are denied at most; beyond, those that end soonest are let in again. */
const mostDenied = 100_000
const pageSize = 1_000
const prefix = 'd/'
/** Kicks are remembered for hubs that missed them: `k/`, and how long. */
const recentPrefix = 'k/'
const recentMs = 600_000
const mostRecent = 1_000

/**
 * Closes streams of all hubs on a log, and denies their tokens until they end.
 *
 * A kick is a control entry: every hub gets it in the order of the log, closes what it has, and says
 * how many in an entry of its own, which tells the others whom to deny as well. Neither is ever replayed.
 */
export class Kicks {
  readonly #log: Log
  readonly #options: KicksOptions
  readonly #denied = new Map<string, number>()
  readonly #waiting = new Map<string, Waiting>()
  /** When a kick came here, on performance.now's clock. */
  readonly #seen = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(log: Log, options: KicksOptions) {
    this.#log = log
    this.#options = options
    this.#timer = setInterval(() => this.#sweep(), sweepMs).unref()
  }

  /** Tokens that are denied now. */
  get denials(): number {
    return this.#denied.size
  }

  /** Learns whom earlier kicks deny. Those kicks were not meant for streams that open from now on. */
  async start(): Promise<void> {
    for (const { kick } of await this.#recent()) this.#seen.set(kick, performance.now())
    await this.#readDenials()
  }

  /**
   * Control entries were lost: kicks that did not come here are obeyed now, and who is denied goes.
   * Never rejects.
   */
  async recover(): Promise<void> {
    try {
      await this.#readDenials()
      for (const stream of [...this.#options.subscribers()])
        if (this.isDenied(stream.tokenHash)) stream.close('kicked')
      for (const { kick, target } of await this.#recent())
        if (!this.#seen.has(kick)) await this.#obey(kick, target)
    } catch (error) {
      this.#options.onError(error)
    }
  }

  async #recent(): Promise<
    readonly (Recent & { readonly kick: string; readonly value: string })[]
  > {
    const { marks } = await this.#log.marks(recentPrefix, '', mostRecent)
    return marks.map(({ name, value }) => ({
      ...(JSON.parse(value) as Recent), // written by `kick` alone
      kick: name.slice(recentPrefix.length),
      value,
    }))
  }

  async #readDenials(): Promise<void> {
    for (let after = ''; ;) {
      const { marks } = await this.#log.marks(prefix, after, pageSize)
      for (const { name, value } of marks) this.#deny([name.slice(prefix.length), Number(value)])
      if (marks.length < pageSize) return
      after = marks.at(-1)?.name ?? ''
    }
  }

  isDenied(tokenHash: string | undefined): boolean {
    return tokenHash !== undefined && (this.#denied.get(tokenHash) ?? 0) > Date.now()
  }

  /**
   * Closes the streams of a target, wherever they are.
   *
   * @throws HubError `unavailable` when the log takes no entry now
   */
  async kick(target: KickTarget): Promise<Kicked> {
    const kick = randomUUID()
    const missing = new Set(await this.#options.nodes.living())
    missing.add(this.#options.nodes.id)
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Kicked>((resolve, reject) => {
        const done = () => resolve({ closed: waiting.closed, unanswered: [...waiting.missing] })
        const waiting: Waiting = { missing, closed: 0, done }
        this.#waiting.set(kick, waiting)
        timer = setTimeout(done, answerMs)
        const recent: Recent = { target, atMs: Date.now() }
        const name = recentPrefix + kick
        this.#send({ type: 'kick', kick, target }, [
          { name, from: undefined, to: JSON.stringify(recent) },
        ]).catch(reject)
      })
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(kick)
    }
  }

  /** A control entry came, in the order of the log. Never throws. */
  handle({ update }: Entry): void {
    try {
      const message = JSON.parse(update.data) as Message // written by `#send` alone
      if (message.type === 'kick') void this.#obey(message.kick, message.target)
      else if (message.type === 'kicked') this.#learn(message)
    } catch (error) {
      this.#options.onError(error)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { done } of this.#waiting.values()) done()
  }

  async #obey(kick: string, target: KickTarget): Promise<void> {
    if (this.#seen.has(kick)) return
    this.#seen.set(kick, performance.now())
    const streams = [...this.#options.subscribers()].filter(targeted(target))
    const denied = new Map<string, number>()
    for (const { tokenHash, tokenEndsAtMs } of streams)
      if (tokenHash !== undefined) denied.set(tokenHash, tokenEndsAtMs ?? never)
    for (const denial of denied) this.#deny(denial)
    try {
      // First the denial, then the close: a client is back within milliseconds, maybe elsewhere.
      await this.#tell(kick, streams.length, [...denied])
    } catch (error) {
      this.#options.onError(error)
    }
    for (const stream of streams) stream.close('kicked')
  }

  async #tell(kick: string, closed: number, denied: readonly Denial[]): Promise<void> {
    const { id: node } = this.#options.nodes
    for (let at = pageSize; at < denied.length; at += pageSize)
      await this.#sendDenials(kick, '', 0, denied.slice(at, at + pageSize))
    await this.#sendDenials(kick, node, closed, denied.slice(0, pageSize))
  }

  async #sendDenials(
    kick: string,
    node: string,
    closed: number,
    denied: readonly Denial[],
  ): Promise<void> {
    const marks = []
    for (const [tokenHash, untilMs] of denied) {
      const name = prefix + tokenHash
      const page = await this.#log.marks(name, '', 1)
      if (page.marks.length === 0) marks.push({ name, from: undefined, to: String(untilMs) })
    }
    const message: Message = { type: 'kicked', kick, node, closed, denied }
    const { outcome } = await this.#send(message, marks)
    if (outcome === 'refused') await this.#send(message) // another hub denied one of them just now
  }

  #send(message: Message, marks: { name: string; from: undefined; to: string }[] = []) {
    const data = JSON.stringify(message)
    const update = { id: newId(), topics: [], data, isPrivate: true, type: '', retry: '' }
    return this.#log.append([update], { kind: 'control', marks })
  }

  #learn({ kick, node, closed, denied }: Extract<Message, { readonly type: 'kicked' }>): void {
    for (const denial of denied) this.#deny(denial)
    this.#closeLate(kick, new Set(denied.map(([tokenHash]) => tokenHash)), node)
    const waiting = this.#waiting.get(kick)
    if (waiting === undefined || node === '') return
    waiting.closed += closed
    waiting.missing.delete(node)
    if (waiting.missing.size === 0) waiting.done()
  }

  /** Who was closed elsewhere and came here before we knew that it is denied. */
  #closeLate(kick: string, tokens: ReadonlySet<string>, node: string): void {
    const sinceMs = this.#seen.get(kick)
    if (tokens.size === 0 || sinceMs === undefined || node === this.#options.nodes.id) return
    for (const stream of [...this.#options.subscribers()])
      if (stream.openedMs >= sinceMs && tokens.has(stream.tokenHash ?? '')) stream.close('kicked')
  }

  #deny([tokenHash, untilMs]: Denial): void {
    this.#denied.set(tokenHash, untilMs)
    if (this.#denied.size <= mostDenied) return
    const [first] = [...this.#denied].sort(([, one], [, other]) => one - other)
    if (first !== undefined) this.#denied.delete(first[0])
  }

  #sweep(): void {
    const oldMs = performance.now() - 2 * recentMs // its mark is gone by then
    for (const [kick, sinceMs] of this.#seen) if (sinceMs < oldMs) this.#seen.delete(kick)
    const marks = []
    for (const [tokenHash, untilMs] of this.#denied) {
      if (untilMs > Date.now()) continue
      this.#denied.delete(tokenHash)
      marks.push({ name: prefix + tokenHash, from: String(untilMs), to: undefined })
    }
    for (const mark of marks) this.#setMark(mark)
    void this.#forgetOld()
  }

  /** Never rejects. */
  async #forgetOld(): Promise<void> {
    try {
      for (const { kick, value, atMs } of await this.#recent())
        if (Date.now() - atMs > recentMs)
          this.#setMark({ name: recentPrefix + kick, from: value, to: undefined })
    } catch (error) {
      this.#options.onError(error)
    }
  }

  #setMark(mark: MarkChange): void {
    this.#log.append([], { marks: [mark] }).catch((error: unknown) => this.#options.onError(error))
  }
}

function targeted(target: KickTarget): (stream: Subscriber) => boolean {
  if ('sub' in target) return ({ subject }) => subject === target.sub
  const { type = '', match = '', subscriber = '' } = addressOf(target.subscription) ?? {}
  const url = pathOf({ type, match, subscriber })
  return ({ subscriptions }) => subscriptions.some((held) => held.url === url)
}
