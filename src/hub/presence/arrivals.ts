/** How long a stream waits while the log takes nothing, and at all; then it opens, and is told later. */
const patienceMs = { idle: 2_000, most: 10_000 }
const lookMs = 250

/** Told once, with the position before the first event of an arrival; undefined: nobody was told of it yet. */
export type Announced = (before: number | undefined) => void

/** The first position that an append took less one, and the last. */
export interface Place {
  readonly before: number
  readonly upTo: number
}

/** A stream that waits until all of its subscriptions are announced. */
export class Arrival {
  readonly sinceMs = performance.now()
  readonly #onWritten: (arrival: Arrival) => void
  readonly #onAnnounced: Announced
  #missing: number
  #before = Number.POSITIVE_INFINITY
  #isOver = false
  upTo = 0

  constructor(
    subscriptions: number,
    onWritten: (arrival: Arrival) => void,
    onAnnounced: Announced,
  ) {
    this.#missing = subscriptions
    this.#onWritten = onWritten
    this.#onAnnounced = onAnnounced
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The log has one of its subscriptions; where, is unknown when the answer got lost. */
  wrote(place: Place | undefined): void {
    if (place === undefined) return this.giveUp()
    this.#before = Math.min(this.#before, place.before)
    this.upTo = Math.max(this.upTo, place.upTo)
    if (--this.#missing === 0) this.#onWritten(this)
  }

  announced(): void {
    this.#end(this.#before)
  }

  giveUp(): void {
    this.#end(undefined)
  }

  #end(before: number | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onAnnounced(before)
  }
}

/**
 * Streams that wait until the log knows them and those who watch have been told, oldest first. Nobody waits
 * for ever: a history that is away for long must not keep a subscriber from the updates of others.
 */
export class Arrivals {
  readonly #delivered: () => number
  readonly #waiting = new Set<Arrival>()
  /** Of these, those in the log, in its order. */
  #written: Arrival[] = []
  /** When the last one was announced: things move, and who comes in a crowd has to wait. */
  #movedMs = 0
  #timer: NodeJS.Timeout | undefined

  /** @param delivered the position up to which this process has told its streams */
  constructor(delivered: () => number) {
    this.#delivered = delivered
  }

  get size(): number {
    return this.#waiting.size
  }

  expect(subscriptions: number, onAnnounced: Announced): Arrival {
    const arrival: Arrival = new Arrival(subscriptions, this.#onWritten, (before) => {
      this.#waiting.delete(arrival)
      if (before !== undefined) this.#movedMs = performance.now()
      onAnnounced(before)
    })
    this.#waiting.add(arrival)
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
    return arrival
  }

  /** More was delivered. */
  deliveredMore(): void {
    const upTo = this.#delivered()
    let announced = 0
    for (const arrival of this.#written) {
      if (arrival.upTo > upTo && !arrival.isOver) break
      announced++
      arrival.announced()
    }
    if (announced > 0) this.#written = this.#written.slice(announced)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  readonly #onWritten = (arrival: Arrival): void => {
    if (arrival.upTo <= this.#delivered()) return arrival.announced()
    this.#written.push(arrival)
  }

  #look(): void {
    const now = performance.now()
    const isIdle = now - this.#movedMs > patienceMs.idle
    for (const arrival of this.#waiting) {
      if (now - arrival.sinceMs < (isIdle ? patienceMs.idle : patienceMs.most)) break
      arrival.giveUp()
    }
    this.deliveredMore() // lets go of those that gave up
    if (this.#waiting.size === 0) this.close()
  }
}
