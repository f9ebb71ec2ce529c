import { HubError } from '../../protocol/errors.ts'
import type { Appended, AppendOptions } from '../log.ts'

/** Idempotency keys that are remembered at most; beyond, appends that need one are refused. */
const maxRemembered = 100_000

type Once = NonNullable<AppendOptions['once']>
type Stored = Extract<Appended, { readonly outcome: 'stored' | 'repeated' }>

interface Remembered {
  readonly fingerprint: string
  readonly appended: Stored
  readonly forgetAtMs: number
}

/** The idempotency keys of a `memory:` log, and what each append with one was answered. */
export class MemoryOnce {
  readonly #remembered = new Map<string, Remembered>()

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

  /** @throws HubError `unavailable` when no more keys can be remembered. */
  makeRoom(): void {
    if (this.#remembered.size < maxRemembered) return
    const text = 'too many idempotency keys are remembered; try again later'
    throw new HubError('unavailable', text, { limit: 'idempotency_keys' })
  }

  remember({ key, fingerprint, windowMs, answer }: Once, appended: Stored, nowMs: number): void {
    this.#remembered.set(key, {
      fingerprint,
      appended: answer === undefined ? appended : { ...appended, ids: [answer] },
      forgetAtMs: nowMs + windowMs,
    })
  }

  #recall(key: string, nowMs: number): Remembered | undefined {
    for (const [oldest, { forgetAtMs }] of this.#remembered) {
      if (forgetAtMs > nowMs) break
      this.#remembered.delete(oldest)
    }
    const found = this.#remembered.get(key)
    if (found !== undefined && found.forgetAtMs > nowMs) return found
    this.#remembered.delete(key) // so that it is young again when it is set again
    return undefined
  }
}
