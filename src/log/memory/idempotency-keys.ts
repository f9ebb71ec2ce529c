import type { Appended } from '../log.ts'
import { keyRefusal, type Once } from '../key-share.ts'

type Stored = Extract<Appended, { readonly outcome: 'stored' | 'repeated' }>

interface Remembered {
  readonly owner: string | undefined
  readonly fingerprint: string
  readonly appended: Stored
  readonly forgetAtMs: number
}

/** The idempotency keys of a `memory:` log, and what each append with one was answered. */
export class MemoryOnce {
  readonly #remembered = new Map<string, Remembered>()
  /** How many of them each owner has. */
  readonly #owned = new Map<string, number>()

  get size(): number {
    return this.#remembered.size
  }

  /** What an append with this key is answered; undefined when it is the first of its window. */
  answer({ key, fingerprint }: Once, nowMs: number): Appended | undefined {
    const before = this.#recall(key, nowMs)
    if (before === undefined) return undefined
    if (before.fingerprint !== fingerprint) return { outcome: 'conflict' }
    return { ...before.appended, outcome: 'repeated' }
  }

  /** @throws HubError `unavailable` when no more keys can be remembered, of this owner or at all */
  makeRoom({ owner, most }: Once): void {
    const own = owner === undefined ? 0 : (this.#owned.get(owner) ?? 0)
    const refusal = keyRefusal(this.#remembered.size, own, most)
    if (refusal !== undefined) throw refusal
  }

  remember(once: Once, appended: Stored, nowMs: number): void {
    const { key, owner, fingerprint, windowMs, answer } = once
    this.#remembered.set(key, {
      owner,
      fingerprint,
      appended: answer === undefined ? appended : { ...appended, ids: [answer] },
      forgetAtMs: nowMs + windowMs,
    })
    this.#count(owner, 1)
  }

  #recall(key: string, nowMs: number): Remembered | undefined {
    for (const [oldest, remembered] of this.#remembered) {
      if (remembered.forgetAtMs > nowMs) break
      this.#forget(oldest, remembered)
    }
    const found = this.#remembered.get(key)
    if (found === undefined || found.forgetAtMs > nowMs) return found
    this.#forget(key, found) // so that it is young again when it is set again
    return undefined
  }

  #forget(key: string, { owner }: Remembered): void {
    this.#remembered.delete(key)
    this.#count(owner, -1)
  }

  #count(owner: string | undefined, change: 1 | -1): void {
    if (owner === undefined) return
    const owned = (this.#owned.get(owner) ?? 0) + change
    if (owned > 0) this.#owned.set(owner, owned)
    else this.#owned.delete(owner)
  }
}
