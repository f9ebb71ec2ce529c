import { Backoff } from './backoff.ts'
import { Connection, type Opened } from './connection.ts'
import type { StreamEvent } from './event-stream.ts'
import { gapOf } from './gap.ts'
import type { End, Feed, HubOptions, Matchers, Sink } from './options.ts'
import { Overlap } from './overlap.ts'
import { resolveHub, watchPage } from './page.ts'
import { failureOf, HubRefusal } from './refusal.ts'
import { streamRequest } from './request.ts'
import { SilenceWatch } from './silence.ts'
import { TokenSource } from './token.ts'

export interface ResumingOptions extends HubOptions {
  readonly heartbeat?: number | undefined
}

/** A comment is a heartbeat, and no opening, after so long: then nothing more is replayed. */
const replayMs = 10_000

const streamEnded = 'the hub ended the stream'

/** A connection, and what it was asked with. */
interface Attempt {
  readonly connection: Connection
  readonly silence: SilenceWatch
  readonly matchers: Matchers
  readonly token: string | undefined
  /** Told already, by a field of the head: the event that says it again is not. */
  isGapTold: boolean
}

interface Change {
  readonly matchers: Matchers
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * One subscription over as many connections as it takes; each resumes where the last one ended.
 *
 * For another token, or other matchers, a second connection is opened from the cursor while the first one is
 * still read; once it is live the first is let go, and what both bring is handed over once.
 */
export class ResumingFeed implements Feed {
  readonly #options: ResumingOptions
  readonly #sink: Sink
  readonly #hub: URL
  readonly #token: TokenSource
  readonly #backoff = new Backoff()
  readonly #overlap = new Overlap()
  readonly #open = new Set<Connection>()
  #silence: SilenceWatch
  #matchers: Matchers
  #cursor: string
  #current: Attempt | undefined
  #successor: Attempt | undefined
  #replacing: Promise<void> | undefined
  #replaceTimer: ReturnType<typeof setTimeout> | undefined
  #changes: Change[] = []
  /** The token was refused since the last stream. */
  #wasRefused = false
  #isAway = false
  #isOver = false
  #wake: () => void = () => {}

  constructor(options: ResumingOptions, matchers: Matchers, lastEventId: string, sink: Sink) {
    this.#options = options
    this.#matchers = matchers
    this.#cursor = lastEventId
    this.#sink = sink
    this.#hub = resolveHub(options.hub)
    this.#token = new TokenSource(options.token)
    this.#silence = new SilenceWatch(options.heartbeat)
  }

  start(): void {
    const unwatch = watchPage({
      away: () => this.#setAway(true),
      back: () => this.#setAway(false),
      online: () => this.#wake(),
    })
    void this.#run().then((end) => {
      unwatch()
      this.close()
      const error = new HubRefusal(end.status ?? 0, end.reason ?? 'the subscription has ended')
      for (const { reject } of this.#changes.splice(0)) reject(error)
      this.#sink.state(end)
    })
  }

  close(): void {
    this.#isOver = true
    clearTimeout(this.#replaceTimer)
    for (const connection of this.#open) connection.close('closed')
    this.#wake()
  }

  follow(matchers: Matchers): Promise<void> {
    this.#matchers = matchers
    return new Promise((resolve, reject) => {
      this.#changes.push({ matchers, resolve, reject })
      this.#replaceWhenOutdated()
    })
  }

  async #run(): Promise<End> {
    const ended = { name: 'ended' } as const
    while (!this.#isOver) {
      if (this.#isAway) {
        await this.#wait('the page is away')
        continue
      }
      this.#sink.state({ name: 'connecting' })
      const { attempt, opened } = await this.#attempt()
      if (this.#isOver || opened.kind === 'done') return ended
      if (opened.kind === 'live' && attempt !== undefined) await this.#follow(attempt)
      else if (opened.kind === 'trouble')
        await this.#wait(opened.reason, this.#backoff.afterFailure(opened.retryAfterMs))
      else if (opened.kind === 'refused' && !(await this.#hasOtherToken(opened.status)))
        return { ...ended, status: opened.status, reason: opened.reason }
    }
    return ended
  }

  /** After a 401 a token is asked for once; a second one in a row is the hub's last word. */
  async #hasOtherToken(status: number): Promise<boolean> {
    if (status !== 401 || !this.#token.isRenewable || this.#wasRefused) return false
    this.#wasRefused = true
    await this.#token.renew().catch(() => {}) // the next attempt asks again, and tells
    return true
  }

  async #attempt(): Promise<{ attempt?: Attempt; opened: Opened }> {
    const matchers = this.#matchers
    let token: string | undefined
    try {
      token = await this.#token.current()
    } catch (error) {
      const reason = `cannot get a token: ${failureOf(error)}`
      return { opened: { kind: 'trouble', reason, retryAfterMs: 0 } }
    }
    const { credentials, fetch = globalThis.fetch } = this.#options
    const lastEventId = this.#cursor
    const silence = (this.#silence = this.#silence.another())
    const request = streamRequest(this.#hub, matchers, lastEventId, token, credentials)
    const connection = new Connection({ ...request, fetch, lastEventId, silence })
    const attempt = { connection, silence, matchers, token, isGapTold: false }
    silence.onLate = (reason) => this.#tellLate(attempt, reason)
    this.#open.add(connection)
    const opened = this.#isOver || this.#isAway ? closed(connection) : await connection.open()
    if (opened.kind !== 'live') this.#open.delete(connection)
    return { attempt, opened }
  }

  /** Reads the stream, and those that take its place, until one ends without a successor. */
  async #follow(first: Attempt): Promise<void> {
    let since = Date.now()
    this.#wasRefused = false
    this.#sink.state({ name: 'live' })
    for (let attempt: Attempt | undefined = first; attempt !== undefined;) {
      this.#adopt(attempt)
      const reason = await this.#read(attempt)
      this.#open.delete(attempt.connection)
      await this.#replacing
      const next: Attempt | undefined = this.#successor
      this.#successor = undefined
      if (next === undefined) {
        this.#current = undefined
        clearTimeout(this.#replaceTimer)
        this.#overlap.keepNoMore()
        if (!this.#isOver && !this.#isAway)
          await this.#wait(reason, this.#backoff.afterStream(Date.now() - since))
      }
      attempt = next
    }
  }

  #adopt(attempt: Attempt): void {
    this.#current = attempt
    this.#overlap.begin()
    const { connection, matchers } = attempt
    const requested = connection.stream.lastEventId
    if (connection.startsAfter === 'earliest' && requested !== '' && requested !== 'earliest') {
      attempt.isGapTold = true
      this.#sink.gap({ requested, resumedAfter: 'earliest' })
    }
    const upTo = this.#changes.findLastIndex((change) => change.matchers === matchers)
    for (const { resolve } of this.#changes.splice(0, upTo + 1)) resolve()
    this.#renewInTime()
    this.#replaceWhenOutdated()
  }

  /** Resolves with the reason why the stream has ended. */
  async #read({ connection, silence, ...attempt }: Attempt): Promise<string> {
    const { stream } = connection
    const caughtUpAt = Date.now() + replayMs
    try {
      for (let bytes; (bytes = await connection.read()) !== undefined;) {
        const events = stream.push(bytes)
        const isBeat = events.length === 0 && bytes[0] === 0x3a
        silence.heard(isBeat)
        if (isBeat && Date.now() > caughtUpAt) this.#overlap.end()
        for (const event of events) {
          if (this.#isOver) break
          const handedOver = this.#take(event, attempt)
          if (handedOver !== undefined) await held(silence, handedOver)
        }
        this.#moveTo(stream.lastEventId)
        this.#backoff.retryMs = stream.retryMs ?? this.#backoff.retryMs
        if (connection.isClosed) break
      }
      return connection.closedFor ?? streamEnded
    } catch (error) {
      return connection.closedFor ?? `the stream was cut: ${failureOf(error)}`
    } finally {
      connection.close('it has ended')
    }
  }

  #take(event: StreamEvent, attempt: { isGapTold: boolean }): void | Promise<void> {
    const gap = gapOf(event)
    if (gap !== undefined) {
      if (!attempt.isGapTold) this.#sink.gap(gap)
      attempt.isGapTold = false
      return undefined
    }
    this.#cursor = event.id
    if (this.#overlap.isDouble(event.id)) return undefined
    return this.#sink.update(event)
  }

  #moveTo(lastEventId: string): void {
    if (lastEventId === this.#cursor || this.#isOver) return
    this.#cursor = lastEventId
    this.#sink.cursor(lastEventId)
  }

  #renewInTime(): void {
    clearTimeout(this.#replaceTimer)
    const ms = this.#token.renewInMs
    if (ms !== undefined) this.#replaceTimer = setTimeout(() => void this.#renew(), ms)
  }

  async #renew(): Promise<void> {
    const before = this.#current?.token
    const after = await this.#token.renew().catch(() => before) // it is asked again in time
    if (this.#isOver || this.#current === undefined) return
    if (after === before) this.#renewInTime()
    else this.#replaceWhenOutdated()
  }

  #replaceWhenOutdated(): void {
    const current = this.#current
    if (current === undefined || this.#replacing !== undefined || this.#isOver) return
    const { matchers, token } = current
    if (matchers === this.#matchers && token === this.#token.latest) return
    this.#replacing = this.#replace().finally(() => (this.#replacing = undefined))
  }

  async #replace(): Promise<void> {
    this.#overlap.keep()
    const { attempt, opened } = await this.#attempt()
    if (opened.kind === 'live' && attempt !== undefined && !this.#overlap.isFull) {
      this.#successor = attempt
      this.#current?.connection.close('replaced')
      return
    }
    this.#overlap.keepNoMore()
    attempt?.connection.close('not needed')
    if (opened.kind !== 'refused') {
      const ms = this.#backoff.afterFailure(opened.kind === 'trouble' ? opened.retryAfterMs : 0)
      this.#replaceTimer = setTimeout(() => this.#replaceWhenOutdated(), ms)
    } else this.#refuseChange(opened)
  }

  /** Other matchers were refused: the stream goes on with those it has. */
  #refuseChange({ status, reason }: Extract<Opened, { kind: 'refused' }>): void {
    if (this.#current === undefined || this.#changes.length === 0) return
    this.#matchers = this.#current.matchers
    for (const { reject } of this.#changes.splice(0)) reject(new HubRefusal(status, reason))
  }

  #tellLate(attempt: Attempt, reason: string | undefined): void {
    if (this.#isOver || (this.#current !== undefined && this.#current !== attempt)) return
    const name = this.#current === attempt ? 'live' : 'connecting'
    this.#sink.state(reason === undefined ? { name } : { name, reason })
  }

  #setAway(isAway: boolean): void {
    this.#isAway = isAway
    if (isAway) for (const connection of this.#open) connection.close('the page is away')
    this.#wake()
  }

  /** Waits so long, or until something wakes it. */
  async #wait(reason: string, ms?: number): Promise<void> {
    const nextAttemptAt = ms === undefined ? {} : { nextAttemptAt: Date.now() + ms }
    const isOrdinary = reason === streamEnded ? { isOrdinary: true } : {}
    this.#sink.state({ name: 'waiting', reason, ...nextAttemptAt, ...isOrdinary })
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#isOver) resolve()
      else if (ms !== undefined) timer = setTimeout(resolve, ms)
    })
    clearTimeout(timer)
    this.#wake = () => {}
  }
}

/** Nothing is heard of a stream that is not read on. */
async function held(silence: SilenceWatch, handedOver: Promise<void>): Promise<void> {
  silence.hold(true)
  await handedOver
  silence.hold(false)
}

function closed(connection: Connection): Opened {
  connection.close('closed')
  return { kind: 'trouble', reason: 'closed', retryAfterMs: 0 }
}
