import type { Entry, Log, LogReset, Page } from '../../log/log.ts'
import type { Cohort, DeliveryFailure } from '../../registry/cohort.ts'
import { Slice } from '../../protocol/slice.ts'
import { deliverAll } from '../../registry/delivery-pass.ts'
import type { Intermission } from './yielding.ts'
import type { Registry } from '../../registry/registry.ts'
import { Probe } from './probe.ts'

export interface DispatcherOptions {
  /** Payload bytes that one pass may carry: a quarter of a subscriber's buffer, so that catching up is not slowness. */
  readonly maxBytesPerPass: number
  /** Between two slices of delivery, newcomers have their turn. */
  readonly intermission: Intermission
  /** Entries of the log were trimmed before they were dispatched. */
  readonly onLost: (entries: number) => void
  /** The same of subscription events and messages between hubs alone: no update is missing. */
  readonly onLostNotices: (entries: number) => void
  /** A message between hubs, which nobody else gets. */
  readonly onControl: (entry: Entry) => void
  /** After each pass; it took so long, if anybody was to get something. */
  readonly onPass: (ms: number | undefined) => void
  /** The log lost entries that were dispatched: dispatching goes on after `dispatched`, between two passes. */
  readonly onReset: (reset: LogReset) => void
  readonly onError: (error: unknown) => void
  readonly onFailure: DeliveryFailure
}

/** Who has something to deliver, and when the slice began that found the last of them. */
interface Routed {
  readonly cohorts: readonly Cohort[]
  readonly begunMs: number
}

const maxEntriesPerPass = 1_000
const retryMs = 100
/** A pass that takes longer may never end: it answers no probe before its end. */
const probedMs = 2_500
/**
 * Milliseconds of passes after which the event loop turns. With one pass per turn a dispatcher that has
 * fallen behind bulk publishers stays there, and reads what the log's cache has already dropped.
 */
const sliceMs = 4
/** Milliseconds of routing after which the event loop turns: the rest of a slice is for writing. */
const routingMs = 3

/**
 * Follows the log for the live subscribers of this process: read a page, route it, deliver it, again.
 *
 * `dispatched` is the position up to which entries were routed or are being routed; a subscriber that has
 * seen exactly that may go live, and a pass gives it nothing that it has. `delivered` follows when the pass is over.
 */
export class Dispatcher {
  readonly #log: Log
  readonly #registry: Registry
  readonly #options: DispatcherOptions
  readonly #endAdvance: () => void
  readonly #endResets: (() => void) | undefined
  #reset: LogReset | undefined
  dispatched: number
  delivered: number
  /** Streams may have gone live here: a page that is routed again goes no further, or they would get parts of it twice. */
  #announced = 0
  /** True while more entries wait than one pass may carry, to the last of them: an overflow now is the hub's doing. */
  isLagging = false
  #isCatchingUp = false
  /** Lost notices were told since the last page that may have all of them. */
  #hasToldNotices = false
  /** Not in the midst of a pass: idle, or waiting for the log. */
  #isBetweenPasses = true
  #behindSinceMs = 0
  readonly #probe = new Probe()
  readonly #slice = new Slice()
  #isRunning = false
  #isClosed = false

  constructor(log: Log, registry: Registry, options: DispatcherOptions) {
    this.#log = log
    this.#registry = registry
    this.#options = options
    this.dispatched = this.delivered = log.head
    this.#endAdvance = log.onAdvance(() => this.#wake())
    this.#endResets = log.onReset?.((reset) => this.#restart(reset))
  }

  close(): void {
    this.#isClosed = true
    this.#endAdvance()
    this.#endResets?.()
  }

  /**
   * Calls `answered` once an entry that is in no log went through a delivery pass. While the log cannot
   * be read because it is ill, and says so, the pass is one of its own: streams are not to blame.
   */
  probe(answered: () => void): void {
    this.#probe.ask(answered)
    if (this.#isRunning && this.#isBetweenPasses && !this.#log.health().ok)
      void this.#deliver(this.#probe.due())
    else this.#wake()
  }

  /** How long entries have waited that this process did not dispatch yet. */
  get lagMs(): number {
    return this.#behindSinceMs === 0 ? 0 : performance.now() - this.#behindSinceMs
  }

  /** Updates of one event-loop turn share a pass: a busy hub writes once per subscriber and turn. */
  #wake(): void {
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    this.#options.intermission.call(() => void this.#run())
  }

  /** Never rejects: what throws is told and tried again. */
  async #run(): Promise<void> {
    try {
      let deadline = performance.now() + sliceMs
      while (!this.#isClosed && (this.#isBehind() || this.#probe.isAsked)) {
        const read = this.#read()
        const page = read instanceof Promise ? await read : read
        if (this.#reset === undefined) await this.#pass(page)
        if (performance.now() < deadline) continue
        await this.#options.intermission.turn()
        deadline = performance.now() + sliceMs
      }
      this.#isRunning = false
      this.#behindSinceMs = 0
    } catch (error) {
      this.#options.onError(error)
      setTimeout(() => {
        this.#isRunning = false
        this.#wake()
      }, retryMs).unref()
    }
  }

  #read(): Page | Promise<Page> {
    const { head } = this.#log
    if (head <= this.dispatched) return { entries: [], upTo: this.dispatched } // only a probe is due
    if (this.#behindSinceMs === 0) this.#behindSinceMs = performance.now()
    return this.#log.read(this.dispatched, {
      maxEntries: maxEntriesPerPass,
      maxBytes: this.#options.maxBytesPerPass,
      upTo: this.#announced > this.dispatched ? Math.min(head, this.#announced) : head,
    })
  }

  #isBehind(): boolean {
    if (this.#reset !== undefined) {
      this.dispatched = this.delivered = Math.min(this.dispatched, this.#reset.resumeAfter)
      this.#announced = 0
      this.#options.onReset(this.#reset)
      this.#reset = undefined
    }
    return this.#log.head > this.dispatched
  }

  #restart({ resumeAfter, lost }: LogReset): void {
    const before = this.#reset
    this.#reset = {
      resumeAfter: Math.min(resumeAfter, before?.resumeAfter ?? resumeAfter),
      lost: lost + (before?.lost ?? 0),
    }
    this.#wake()
  }

  /** Notices are lost over many pages, and told once. */
  #tellLost({ entries, upTo, lost, lostNotices }: Page): void {
    const missing = upTo - this.dispatched - entries.length
    if (lost !== undefined) this.#options.onLost(lost.to - lost.from + 1)
    else if (lostNotices === true && missing > 0 && !this.#hasToldNotices)
      this.#options.onLostNotices(missing)
    else if (lostNotices === true) return
    this.#hasToldNotices = lostNotices === true
  }

  #forStreams(entries: readonly Entry[]): readonly Entry[] {
    if (!entries.some(({ kind }) => kind === 'control')) return entries
    for (const entry of entries) if (entry.kind === 'control') this.#options.onControl(entry)
    return entries.filter(({ kind }) => kind !== 'control')
  }

  /** Between two slices newcomers have their turn, and until then a probe that was asked for meanwhile. */
  #deliver(cohorts: readonly Cohort[], probedUntil = 0, begunMs?: number): Promise<void> {
    const pause = () => this.#pause(probedUntil)
    return deliverAll(cohorts, pause, this.#options.onFailure, begunMs)
  }

  async #pause(probedUntil: number): Promise<void> {
    const { intermission, onFailure } = this.#options
    await intermission.turn()
    if (performance.now() < probedUntil)
      for (const cohort of this.#probe.due()) cohort.deliver(0, 1, onFailure)
  }

  /** Finds who gets what; mostly in no time, else in slices. If it throws, nothing of it was dispatched. */
  async #route(entries: readonly Entry[], upTo: number, probedUntil: number): Promise<Routed> {
    const before = this.dispatched
    this.dispatched = this.#announced = upTo
    try {
      const routing = this.#registry.route(entries, this.#slice)
      for (;;) {
        const begunMs = performance.now()
        this.#slice.begin(routingMs)
        const step = routing.next()
        if (step.done === true) return { cohorts: step.value, begunMs }
        await this.#pause(probedUntil)
      }
    } catch (error) {
      this.dispatched = before
      throw error
    }
  }

  async #pass(page: Page): Promise<void> {
    const isProgress = page.upTo > this.dispatched || this.#log.head <= this.dispatched
    this.#tellLost(page)
    const entries = this.#forStreams(page.entries)
    const probedUntil = isProgress ? performance.now() + probedMs : 0
    this.#isBetweenPasses = false
    const passBegunMs = performance.now()
    let isForNobody = true
    try {
      const { cohorts, begunMs } = await this.#route(entries, page.upTo, probedUntil)
      isForNobody = cohorts.length === 0
      this.#noteLag(page.upTo)
      const due = isProgress ? this.#probe.due() : []
      await this.#deliver(due.length === 0 ? cohorts : [...cohorts, ...due], probedUntil, begunMs)
    } finally {
      this.#isBetweenPasses = true
      this.isLagging = false
      this.delivered = this.dispatched
      this.#options.onPass(isForNobody ? undefined : performance.now() - passBegunMs)
    }
  }

  #noteLag(upTo: number): void {
    const isMoreWaiting = this.#log.head > upTo
    this.isLagging = isMoreWaiting || this.#isCatchingUp
    this.#isCatchingUp = isMoreWaiting
  }
}
