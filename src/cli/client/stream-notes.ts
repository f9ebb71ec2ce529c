import { note } from '../output.ts'

/** What `cinnabar subscribe` says about its stream: that it listens, what is the trouble, that it is over. */
export class StreamNotes {
  readonly #hub: string
  #isTold = false

  constructor(hub: string) {
    this.#hub = hub
  }

  /** The hub ends a stream from time to time, and the next one is no news; after trouble it is. */
  open(): void {
    if (!this.#isTold) note('subscribe', `listening to ${this.#hub}…`)
    this.#isTold = true
  }

  trouble(sentence: string): void {
    this.#isTold = false
    note('subscribe', sentence)
  }

  done(): void {
    const why = 'there is nothing more for this token, as after a kick'
    note('subscribe', `the hub ended the subscription for good (204): ${why}`)
  }
}
