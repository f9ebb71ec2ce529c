import { JwkSet } from './jwk-set.ts'
import { parseJwksUri, publicName, readJwks } from './jwks-fetch.ts'
import type { KeyHint, KeySource, VerificationKey } from './key-source.ts'

/** What happened to a JWK Set; `uri` is without its query. */
export type JwksEvent =
  | {
      readonly type: 'refreshed'
      readonly uri: string
      readonly keys: number
      readonly changed: boolean
    }
  | {
      readonly type: 'failed'
      readonly uri: string
      /** Keys from before, which stay in use. */
      readonly keys: number
      readonly error: Error
      readonly retryMs: number
    }

export interface JwksOptions {
  readonly onEvent?: (event: JwksEvent) => void
  /** The clock, in ms since the epoch. */
  readonly now?: () => number
  /** Between two regular fetches. */
  readonly refreshMs?: number
  /** Between two fetches that unknown keys cause: whoever sends made-up key ids must not make the hub a flood. */
  readonly cooldownMs?: number
  /** For one fetch, and so for any request that waits for it. */
  readonly timeoutMs?: number
  /** After the first failure; doubled for each further one, up to the cooldown. */
  readonly retryMs?: number
}

/**
 * The keys that an issuer publishes as a JWK Set, by HTTP or in a file.
 *
 * One fetch at a time, every hour and when a token names a key that is not there. While the source
 * is down the last keys stay; whoever presents a token waits for one fetch at most.
 */
export class JwksSource implements KeySource {
  readonly #url: URL
  readonly #options: Required<JwksOptions>
  readonly #closed = new AbortController()
  #set = JwkSet.empty
  #generation = 0
  #failures = 0
  #lastAskedMs = -Infinity
  #readAtMs: number
  #fetching: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  private constructor(url: URL, options: JwksOptions) {
    this.#url = url
    this.#options = {
      onEvent: options.onEvent ?? (() => {}),
      now: options.now ?? Date.now,
      refreshMs: options.refreshMs ?? 3_600_000,
      cooldownMs: options.cooldownMs ?? 30_000,
      timeoutMs: options.timeoutMs ?? 5_000,
      retryMs: options.retryMs ?? 2_000,
    }
    this.#readAtMs = this.#options.now()
  }

  /**
   * Opens a source. A file must be there and valid; a server may be down, and is asked again.
   *
   * @throws Error naming the rule, or the file
   */
  static async open(uri: string, options: JwksOptions = {}): Promise<JwksSource> {
    const source = new JwksSource(parseJwksUri(uri), options)
    if (source.#url.protocol === 'file:') await source.#loadFirst()
    else void source.#fetch() // never rejects; requests that come meanwhile wait for it
    return source
  }

  get generation(): number {
    return this.#generation
  }

  /** For gauges. */
  get state(): { readonly uri: string; readonly keys: number; readonly ageMs: number } {
    return {
      uri: publicName(this.#url),
      keys: this.#set.size,
      ageMs: Math.max(0, this.#options.now() - this.#readAtMs),
    }
  }

  find(hint: KeyHint): readonly VerificationKey[] {
    return this.#set.find(hint)
  }

  async refresh(): Promise<boolean> {
    if (this.#closed.signal.aborted) return false
    if (this.#fetching === undefined) {
      const sinceMs = this.#options.now() - this.#lastAskedMs
      if (sinceMs >= 0 && sinceMs < this.#options.cooldownMs) return false
      this.#lastAskedMs = this.#options.now()
    }
    await this.#fetch()
    return true
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#closed.abort(new Error('the hub is closing'))
  }

  async #loadFirst(): Promise<void> {
    try {
      await this.#load()
    } catch (cause) {
      throw new Error(`cannot read ${publicName(this.#url)}: ${reason(cause)}`, { cause })
    }
    this.#scheduleFetch(this.#options.refreshMs)
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#loadAndReport().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #loadAndReport(): Promise<void> {
    try {
      await this.#load()
      this.#failures = 0
      this.#scheduleFetch(this.#options.refreshMs)
    } catch (error) {
      if (this.#closed.signal.aborted) return
      const { retryMs, cooldownMs } = this.#options
      const delayMs = Math.min(retryMs * 2 ** this.#failures, cooldownMs)
      this.#failures = Math.min(this.#failures + 1, 16)
      this.#scheduleFetch(delayMs)
      this.#report({ type: 'failed', error: toError(error), retryMs: delayMs })
    }
  }

  async #load(): Promise<void> {
    const next = JwkSet.parse(await this.#read())
    if (this.#closed.signal.aborted) return
    this.#readAtMs = this.#options.now()
    const changed = next.text !== this.#set.text
    if (changed) {
      this.#set = next
      this.#generation++
    }
    this.#report({ type: 'refreshed', changed })
  }

  async #read(): Promise<string> {
    const { timeoutMs } = this.#options
    const limit = new AbortController()
    const abort = () => limit.abort(this.#closed.signal.reason)
    const timer = setTimeout(
      () => limit.abort(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    )
    this.#closed.signal.addEventListener('abort', abort)
    try {
      return await readJwks(this.#url, limit.signal)
    } finally {
      clearTimeout(timer)
      this.#closed.signal.removeEventListener('abort', abort)
    }
  }

  #scheduleFetch(delayMs: number): void {
    clearTimeout(this.#timer)
    if (this.#closed.signal.aborted) return
    this.#timer = setTimeout(() => void this.#fetch(), delayMs).unref()
  }

  #report(
    event:
      { type: 'refreshed'; changed: boolean } | { type: 'failed'; error: Error; retryMs: number },
  ): void {
    try {
      this.#options.onEvent({ ...event, uri: publicName(this.#url), keys: this.#set.size })
    } catch {
      // whoever listens must not keep us from the keys
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function reason(error: unknown): string {
  return toError(error).message
}
