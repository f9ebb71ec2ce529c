/** A heartbeat of hubs until theirs is known: it is the default of Cinnabar and of the Go hub. */
const usualHeartbeatMs = 40_000
const heartbeatsOfPatience = 2.5
/** A stream begins with bytes; when none come for so long, something holds them back. */
const firstByteMs = 10_000
/** Where heartbeats do not come at all, patience doubles, up to this. */
const longestPatienceMs = 900_000

/**
 * Notices a stream on which nothing comes any more, though nobody ended it: the other side vanished, the
 * machine slept, or a proxy keeps the bytes for itself.
 *
 * Time is the wall clock, which goes on while the machine sleeps. The heartbeat is what lies between comments
 * with nothing in between, twice the same; a hub that sends none costs a reconnection now and then, ever seldomer.
 */
export class SilenceWatch {
  /** Told when the first bytes are late, and when they have come. */
  onLate: (reason: string | undefined) => void = () => {}
  readonly #given: number | undefined
  #heartbeatMs: number | undefined
  #doublings = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #onSilence: (reason: string) => void = () => {}
  #heardAt = 0
  #beatAt: number | undefined
  #lastIntervalMs = 0
  #hasBytes = false
  #isLate = false
  /** Nobody reads now, so nothing is heard. */
  #isHeld = false

  /** @param heartbeat in milliseconds; `0` for a hub without, undefined to learn it */
  constructor(heartbeat?: number) {
    this.#given = heartbeat
  }

  /** Another watch for another connection to the same hub. */
  another(): SilenceWatch {
    const watch = new SilenceWatch(this.#given ?? this.#heartbeatMs)
    watch.#doublings = this.#doublings
    return watch
  }

  begin(onSilence: (reason: string) => void): void {
    this.#onSilence = onSilence
    this.#heardAt = Date.now()
    this.#look()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#onSilence = () => {}
  }

  /** Bytes have come; `isBeat` when there was nothing in them but a comment. */
  heard(isBeat: boolean): void {
    const now = Date.now()
    if (isBeat && this.#beatAt !== undefined) this.#learn(now - this.#beatAt)
    this.#beatAt = isBeat ? now : undefined
    this.#heardAt = now
    this.#hasBytes = true
    if (this.#isLate) this.onLate(undefined)
    this.#isLate = false
  }

  /** While whoever takes the updates is slower than the stream. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#heardAt = Date.now()
  }

  get patienceMs(): number {
    const heartbeat = this.#given ?? this.#heartbeatMs
    if (heartbeat === 0) return Infinity
    const patience = (heartbeat ?? usualHeartbeatMs) * heartbeatsOfPatience
    return this.#heartbeatMs === undefined
      ? Math.min(patience * 2 ** this.#doublings, Math.max(longestPatienceMs, patience))
      : patience
  }

  #learn(ms: number): void {
    const isSteady = Math.abs(ms - this.#lastIntervalMs) <= Math.max(ms / 5, 100)
    if (isSteady) this.#heartbeatMs = Math.max(ms, this.#heartbeatMs ?? 1000)
    if (isSteady) this.#doublings = 0
    this.#lastIntervalMs = ms
  }

  #look(): void {
    const silentMs = Date.now() - this.#heardAt
    if (!this.#hasBytes && silentMs >= firstByteMs && !this.#isLate) {
      this.#isLate = true
      this.onLate(`no byte for ${firstByteMs / 1000} s: a proxy may be holding the stream back`)
    }
    if (silentMs >= this.patienceMs && !this.#isHeld) {
      this.#doublings++
      this.#onSilence(`nothing was heard for ${Math.round(silentMs / 1000)} s`)
      return
    }
    const nextMs = Math.min(this.patienceMs / 5, firstByteMs / 2)
    this.#timer = setTimeout(() => this.#look(), nextMs)
  }
}
