import { longestTimerMs } from './backoff.ts'
import type { TokenOption } from './options.ts'

/** A token is renewed so long before it ends, or when a third of its time is left. */
const leadMs = 30_000

/** The token of a subscription: kept until it is about to end, or was refused. */
export class TokenSource {
  readonly #given: TokenOption | undefined
  #token: string | undefined
  #isKnown = false

  constructor(given: TokenOption | undefined) {
    this.#given = given
  }

  /** Whether another one can be had. */
  get isRenewable(): boolean {
    return typeof this.#given === 'function'
  }

  get latest(): string | undefined {
    return this.#token
  }

  /** The one there is, or a new one when there is none. */
  async current(): Promise<string | undefined> {
    return this.#isKnown && msLeft(this.#token) > 0 ? this.#token : this.renew()
  }

  /** Asks for a token anew. */
  async renew(): Promise<string | undefined> {
    const token = typeof this.#given === 'function' ? await this.#given() : this.#given
    this.#token = token === null || token === '' ? undefined : token
    this.#isKnown = true
    return this.#token
  }

  /** In how many milliseconds to renew it; undefined when it need not, or cannot, be renewed. */
  get renewInMs(): number | undefined {
    const left = msLeft(this.#token)
    if (!this.isRenewable || left === Infinity) return undefined
    return Math.min(longestTimerMs, Math.max(500, left - Math.min(leadMs, left / 3)))
  }
}

/** Milliseconds until a token's `exp`; Infinity when it names none that can be read. */
function msLeft(token: string | undefined): number {
  try {
    const payload = token?.split('.')[1]?.replaceAll('-', '+').replaceAll('_', '/') ?? ''
    const claims: unknown = JSON.parse(atob(payload))
    const exp = (claims as { readonly exp?: unknown } | null)?.exp
    return typeof exp === 'number' ? exp * 1000 - Date.now() : Infinity
  } catch {
    return Infinity // an opaque token: the hub says when it has ended
  }
}
