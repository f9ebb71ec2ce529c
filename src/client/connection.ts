import { retryAfterMs } from './backoff.ts'
import { EventStream } from './event-stream.ts'
import { failureOf, isPassing, reasonOf } from './refusal.ts'
import type { SilenceWatch } from './silence.ts'

/** How opening a stream went. */
export type Opened =
  | { readonly kind: 'live' }
  /** There is nothing more, for good (204). */
  | { readonly kind: 'done' }
  /** The hub refused; the same request would be refused again. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  /** It may work later. */
  | { readonly kind: 'trouble'; readonly reason: string; readonly retryAfterMs: number }

/** A head that takes longer is not waited for: a proxy may hold a request for half a minute while a hub restarts. */
const openTimeoutMs = 60_000

export interface ConnectionOptions {
  readonly fetch: typeof globalThis.fetch
  readonly url: string
  readonly init: RequestInit
  readonly lastEventId: string
  readonly silence: SilenceWatch
}

/** One connection: a request, and the stream that answers it. */
export class Connection {
  readonly stream: EventStream
  /** Where the hub says the stream starts; undefined when it does not, or the browser keeps it from us. */
  startsAfter: string | undefined
  /** Why it was closed from here, when it was. */
  closedFor: string | undefined
  readonly #options: ConnectionOptions
  readonly #abort = new AbortController()
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.stream = new EventStream(options.lastEventId)
  }

  get isClosed(): boolean {
    return this.closedFor !== undefined
  }

  async open(): Promise<Opened> {
    const { fetch, url, init, silence } = this.#options
    const timer = setTimeout(() => this.close('no answer in a minute'), openTimeoutMs)
    silence.begin((reason) => this.close(reason))
    try {
      const response = await fetch(url, { ...init, signal: this.#abort.signal })
      const opened = await this.#judge(response)
      if (opened.kind !== 'live') this.close(opened.kind)
      return opened
    } catch (error) {
      const reason = this.closedFor ?? `cannot reach the hub: ${failureOf(error)}`
      this.close(reason)
      return { kind: 'trouble', reason, retryAfterMs: 0 }
    } finally {
      clearTimeout(timer)
    }
  }

  /** The next bytes; undefined when the stream has ended. Rejects when it was cut. */
  async read(): Promise<Uint8Array | undefined> {
    const piece = await this.#reader?.read()
    if (piece === undefined || piece.done) return undefined
    return piece.value
  }

  close(reason: string): void {
    if (this.isClosed) return
    this.closedFor = reason
    this.#options.silence.end()
    this.#abort.abort()
    void this.#reader?.cancel().catch(() => {}) // it was cut already
  }

  async #judge(response: Response): Promise<Opened> {
    const { status, headers } = response
    if (status === 200) return this.#begin(response)
    if (status === 204) return { kind: 'done' }
    const reason = await reasonOf(response)
    if (!isPassing(status)) return { kind: 'refused', status, reason }
    return { kind: 'trouble', reason, retryAfterMs: retryAfterMs(headers.get('retry-after')) }
  }

  #begin(response: Response): Opened {
    const type = response.headers.get('content-type') ?? 'nothing'
    if (!/^text\/event-stream *(?:;|$)/i.test(type) || response.body === null)
      return { kind: 'refused', status: 200, reason: `expected text/event-stream, got ${type}` }
    const field =
      response.headers.get('mercure-last-event-id') ?? response.headers.get('last-event-id')
    if (field !== null) this.startsAfter = fromFieldValue(field)
    this.#reader = response.body.getReader()
    return { kind: 'live' }
  }
}

/** Field values are bytes, which `fetch` shows as Latin-1; ids are UTF-8. */
export function fromFieldValue(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(value, (byte) => byte.charCodeAt(0)),
    )
  } catch {
    return value
  }
}

/** UTF-8 bytes, a character for each; undefined for what no field can hold. */
export function asFieldValue(text: string): string | undefined {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte))
  const value = bytes.join('')
  const isField = !/[^\t\x20-\x7e\x80-\xff]/.test(value) && value === value.trim()
  return isField ? value : undefined
}
