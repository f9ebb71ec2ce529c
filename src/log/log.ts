import type { Update } from '../protocol/update.ts'

/**
 * The log: a totally ordered history of updates, and the only way from a publisher to a subscriber.
 *
 * Positions are contiguous integers that start at 1. An entry is *readable* once it is as durable
 * as the log promises; only then does `append` resolve, only then does anybody read it. Readers
 * pull: `onAdvance` is a hint that there is something to read, and `read` hands over every entry
 * exactly once, in order, to whoever asks with the last position they have seen. A hole (entries
 * trimmed before they were read) is reported as `lost`, never skipped in silence.
 *
 * All implementations pass one suite, test/log/contract.ts.
 */
export interface Log {
  /** Names this history (a UUID). Another epoch means another history: positions do not compare. */
  readonly epoch: string
  /** The newest readable position; 0 when nothing was ever appended. */
  readonly head: number
  /** The oldest position that is kept; `head + 1` when nothing is. */
  readonly first: number
  /** The id of the newest readable entry; undefined when nothing was ever appended. */
  readonly lastId: string | undefined

  /**
   * Appends updates in one step: all of them at consecutive positions, or none.
   *
   * @throws HubError `unavailable` when the log cannot take them now; nothing was stored then
   */
  append(updates: readonly Update[], options?: AppendOptions): Promise<Appended>

  /** The entries after `after`, oldest first, at most what `bounds` allows (one at least). */
  read(after: number, bounds: ReadBounds): Page | Promise<Page>

  /** The first position that holds `id`, found without a scan; undefined when it is not kept. */
  locate(id: string): number | undefined | Promise<number | undefined>

  /** Calls `wake` soon after `head` moved. Returns the function that ends it. */
  onAdvance(wake: () => void): () => void

  health(): LogHealth
  stats(): LogStats

  /** Flushes, releases files and timers, and refuses what comes later. */
  close(): Promise<void>
}

export interface Entry {
  readonly position: number
  /** Milliseconds since 1970, never less than the entry before. */
  readonly timeMs: number
  readonly update: Update
}

export interface Page {
  readonly entries: readonly Entry[]
  /** Everything up to here was read, whether it is in `entries` or lost. */
  readonly upTo: number
  /** Positions after `after` that are not kept any more. */
  readonly lost?: { readonly from: number; readonly to: number }
}

export interface ReadBounds {
  readonly maxEntries: number
  /** Payload bytes; one entry is handed over even when it alone is larger. */
  readonly maxBytes: number
  /** Read no further than this position. */
  readonly upTo: number
}

export interface AppendOptions {
  /**
   * A key that makes the append happen once: the same key within `windowMs` answers the first
   * outcome and stores nothing; with another fingerprint it is a conflict. With an `answer`, that is
   * remembered and told as the only id: the key of a batch then takes no more room than another.
   */
  readonly once?: {
    readonly key: string
    readonly fingerprint: string
    readonly windowMs: number
    readonly answer?: string
  }
  /** A compare-and-set on a named mark: nothing is stored unless the mark is `from`; then it becomes `to`. */
  readonly mark?: {
    readonly name: string
    readonly from: string | undefined
    readonly to: string | undefined
  }
}

export type Appended =
  | {
      readonly outcome: 'stored' | 'repeated'
      readonly ids: readonly string[]
      readonly position: number
    }
  | { readonly outcome: 'conflict' | 'refused' }

export type LogHealth = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Sizes for gauges: entries and bytes kept, bytes being what `history_max_bytes` bounds. */
export interface LogStats {
  readonly entries: number
  readonly bytes: number
  readonly onceKeys: number
  readonly marks: number
  /** Records found damaged since the start; each costs itself. */
  readonly corrupt: number
}

/** What a log keeps. 0 means no limit; an entry must satisfy all three to stay. */
export interface Retention {
  readonly maxEntries: number
  readonly maxAgeMs: number
  readonly maxBytes: number
}
