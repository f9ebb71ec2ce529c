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
 * Besides updates a log holds *notices*: subscription events (`presence`) and messages between hubs
 * (`control`). They stand in the same order, but have a bound of their own (`Retention.maxNotices`), so that
 * subscribers that come and go push no update out of the history: beyond it the oldest notices go,
 * also from among updates that stay. That is no hole; a page that passes over such places says so in `lostNotices`.
 *
 * *Marks* are named values that change with an append or not at all: what hubs have to agree on.
 *
 * All implementations pass one suite, test/log/contract.ts.
 */
export interface Log {
  /** Names this history (a UUID). Another epoch means another history: positions do not compare. */
  readonly epoch: string
  /** Names that this history had before, and the last position that means the same in it; newest last. */
  readonly past?: readonly { readonly epoch: string; readonly upTo: number }[]
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

  /**
   * Marks whose name starts with `prefix` and stands after `after` (empty: from the first), in byte
   * order, `limit` at most, as they were when the head was `position`.
   */
  marks(prefix: string, after: string, limit: number): MarkPage | Promise<MarkPage>

  /** Waits a moment for a position that another process may have seen before this one. */
  catchUp?(position: number): Promise<void>

  /** Calls `wake` soon after `head` moved. Returns the function that ends it. */
  onAdvance(wake: () => void): () => void

  /**
   * Calls `told` when entries that were read are not in the history any more: a failover or a flush took
   * them back. Then `head` is where reading goes on, and `epoch` is another. Returns the function that ends it.
   */
  onReset?(told: (reset: LogReset) => void): () => void

  health(): LogHealth
  stats(): LogStats

  /** Flushes, releases files and timers, and refuses what comes later. */
  close(): Promise<void>
}

/** What an entry is: an update, a subscription event, or a message between hubs that no client gets. */
export type EntryKind = 'update' | 'presence' | 'control'

export interface Entry {
  readonly position: number
  readonly kind: EntryKind
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
  /** Notices may have stood after `after` that are not kept any more. */
  readonly lostNotices?: true
}

export interface Mark {
  readonly name: string
  readonly value: string
}

export interface MarkPage {
  readonly marks: readonly Mark[]
  /** The head for which the marks are exact. */
  readonly position: number
}

export interface LogReset {
  /** The last position that is as it was. */
  readonly resumeAfter: number
  /** Entries that were read after it. */
  readonly lost: number
}

export interface ReadBounds {
  readonly maxEntries: number
  /** Payload bytes; one entry is handed over even when it alone is larger. */
  readonly maxBytes: number
  /** Read no further than this position. */
  readonly upTo: number
  /** The entries are old, and asked for in passing: what is kept at hand for live streams stays. */
  readonly isPassing?: boolean
}

export interface AppendOptions {
  /** What the entries are; `update` when absent. */
  readonly kind?: EntryKind
  /**
   * A key that makes the append happen once: the same key within `windowMs` answers the first
   * outcome and stores nothing; with another fingerprint it is a conflict. With an `answer`, that is
   * remembered and told as the only id: the key of a batch then takes no more room than another.
   */
  readonly once?: {
    readonly key: string
    /** Whose key it is: nobody has more of them than are left for all others (share.ts). */
    readonly owner?: string
    readonly fingerprint: string
    readonly windowMs: number
    readonly answer?: string
    /** Keys remembered at most; 100,000 when absent. */
    readonly most?: number
  }
  /**
   * Compare-and-sets on marks, one after the other: nothing is stored unless each of them is `from`
   * when its turn comes; then all become `to`. Without updates, marks change and the head stays.
   */
  readonly marks?: readonly MarkChange[]
}

/** Undefined: there is no such mark. A name has 1 to 512 bytes. */
export interface MarkChange {
  readonly name: string
  readonly from: string | undefined
  readonly to: string | undefined
}

export type Appended =
  | {
      readonly outcome: 'stored' | 'repeated'
      readonly ids: readonly string[]
      readonly position: number
    }
  | { readonly outcome: 'conflict' | 'refused' }

export type LogHealth = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Sizes for gauges: updates and bytes kept, bytes being what `history_max_bytes` bounds. */
export interface LogStats {
  readonly entries: number
  /** Presence and control entries kept, which neither `entries` nor `bytes` counts. */
  readonly notices: number
  readonly bytes: number
  readonly onceKeys: number
  readonly marks: number
  /** Records found damaged since the start; each costs itself. */
  readonly corrupt: number
  /** Decoded entries at hand, in bytes (estimated); absent where there is no such cache. */
  readonly cacheBytes?: number
  /** Payload bytes of appends that wait; absent where none ever does. */
  readonly waitingBytes?: number
  /** Entries that others appended and this process has not seen yet, and for how long; absent where all are seen at once. */
  readonly unseen?: number
  readonly unseenMs?: number
  /** How often the history lost entries that had been read (`onReset`). */
  readonly resets?: number
}

/** What a log keeps. 0 means no limit; an entry must satisfy all three to stay; `maxEntries` and `maxBytes` count updates. */
export interface Retention {
  readonly maxEntries: number
  readonly maxAgeMs: number
  readonly maxBytes: number
  /** Presence and control entries kept; 50,000 when absent, and 64 MiB of them at most. */
  readonly maxNotices?: number
}
