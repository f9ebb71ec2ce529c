import type { Subscriber } from './subscriber.ts'
import { slotMs, Wheel } from './timer-wheel.ts'

export interface PulseOptions {
  readonly heartbeatMs: number
  readonly dispatchTimeoutMs: number
  readonly beat: (subscriber: Subscriber) => void
  readonly rotate: (subscriber: Subscriber) => void
  readonly onError: (error: unknown) => void
}

/** Looks at a stalled peer this many times within its time-out, so that it ends close to it. */
const looks = 4

/** Keeps streams alive and lets them end in time: heartbeats, stalled peers, rotations, expiries. */
export class Pulse {
  readonly #options: PulseOptions
  readonly #wheel: Wheel<Subscriber>

  constructor(options: PulseOptions) {
    this.#options = options
    this.#wheel = new Wheel((subscriber) => {
      try {
        this.#check(subscriber, performance.now())
      } catch (error) {
        options.onError(error)
        subscriber.close('error')
      }
    })
  }

  watch(subscriber: Subscriber): void {
    this.#schedule(subscriber)
  }

  forget(subscriber: Subscriber): void {
    this.#wheel.remove(subscriber)
  }

  /** The peer left bytes unread: from now on it has `dispatchTimeoutMs` to take some. */
  stuck(subscriber: Subscriber): void {
    subscriber.stuckSinceMs = subscriber.lookedAtMs = performance.now()
    subscriber.stuckAtBytes = subscriber.takenBytes
    this.#schedule(subscriber)
  }

  drained(subscriber: Subscriber): void {
    if (subscriber.pendingBytes === 0) subscriber.stuckSinceMs = 0
  }

  close(): void {
    this.#wheel.close()
  }

  #check(subscriber: Subscriber, nowMs: number): void {
    if (subscriber.endAtMs - nowMs < slotMs) return this.#options.rotate(subscriber)
    if (this.#isStalled(subscriber, nowMs)) return subscriber.close('stalled')
    const { heartbeatMs } = this.#options
    const isIdle = nowMs - subscriber.lastWriteMs > heartbeatMs - slotMs
    if (heartbeatMs > 0 && isIdle && subscriber.pendingBytes === 0) this.#options.beat(subscriber)
    this.#schedule(subscriber)
  }

  /**
   * Progress is seen in steps: the kernel tells of bytes that left it when a window of the peer's
   * opens, a sixteenth of its buffer. So the last look stands a quarter after the time-out, and who
   * was seen reading has twice the time until the next step. A look that comes half a time-out late
   * says nothing about the peer: the hub was held up, and has not seen yet what was taken meanwhile.
   */
  #isStalled(subscriber: Subscriber, nowMs: number): boolean {
    const { dispatchTimeoutMs } = this.#options
    if (subscriber.stuckSinceMs === 0 || dispatchTimeoutMs === 0) return false
    const isLate = nowMs - subscriber.lookedAtMs > (1 / looks + 1 / 2) * dispatchTimeoutMs
    subscriber.lookedAtMs = nowMs
    if (subscriber.takenBytes !== subscriber.stuckAtBytes) {
      subscriber.stuckAtBytes = subscriber.takenBytes
      subscriber.stuckSinceMs = nowMs
      subscriber.isSlowReader = true
    } else if (isLate) subscriber.stuckSinceMs = nowMs
    const patience = subscriber.isSlowReader ? 2 : 1 + 1 / looks
    if (nowMs - subscriber.stuckSinceMs > patience * dispatchTimeoutMs - slotMs) return true
    subscriber.lookCloser()
    return false
  }

  #schedule(subscriber: Subscriber): void {
    if (subscriber.state === 'closed') return
    const { heartbeatMs, dispatchTimeoutMs } = this.#options
    const nowMs = performance.now()
    let atMs = subscriber.endAtMs
    if (subscriber.stuckSinceMs > 0 && dispatchTimeoutMs > 0)
      atMs = Math.min(atMs, nowMs + dispatchTimeoutMs / looks)
    else if (heartbeatMs > 0) {
      const beatAtMs = subscriber.lastWriteMs + heartbeatMs
      atMs = Math.min(atMs, beatAtMs > nowMs ? beatAtMs : nowMs + heartbeatMs)
    }
    this.#wheel.schedule(subscriber, atMs)
  }
}
