import type { RecentLine } from './recent-lines.ts'
import type { Field, SampleRow } from './samples.ts'
import type { Usage } from './usage.ts'
import type { Trouble } from './verdict.ts'

/** A process that serves streams. */
export interface Part {
  readonly name: string
  readonly streams: number
  readonly cpu: number
  readonly memory: number
  readonly loopP99: number | null
}

/** How one process is, before it is judged. */
export interface Facts {
  readonly transport: string
  readonly isDraining: boolean
  readonly troubledSinceMs: number | undefined
  readonly limits: readonly Usage[]
  /** Hubs on this history, where it can have several and tells it. */
  readonly nodes: number | undefined
  readonly parts: readonly Part[]
  readonly samples: readonly SampleRow[]
}

export interface Now extends Omit<Facts, 'samples'> {
  readonly version: string
  readonly startedAtMs: number
  readonly atMs: number
  readonly isReady: boolean
  readonly problem: string | undefined
  readonly troubles: readonly Trouble[]
  /** Workers that answered, of how many; absent where there are none. */
  readonly workers?: { readonly ready: number; readonly expected: number } | undefined
}

/** What `/debug/stats` answers. */
export interface Stats {
  readonly now: Now
  readonly fields: readonly Field[]
  readonly samples: readonly SampleRow[]
  /** Warnings and errors of the log, the newest first. */
  readonly lines: readonly RecentLine[]
}

/** A stream as the console shows it. */
export interface StreamRow {
  readonly id: string
  readonly matchers: readonly { readonly type: string; readonly pattern: string }[]
  readonly state: string
  readonly subject: string | undefined
  readonly address: string | undefined
  readonly sinceMs: number
  readonly pendingBytes: number
  /** What `POST /kick` takes; absent where the stream has no name by which it could be closed. */
  readonly target?: { readonly sub: string } | { readonly subscription: string } | undefined
  /** Only of one that has ended. */
  readonly closedMs?: number
  readonly reason?: string
}

/** What `/debug/streams` answers. */
export interface StreamList {
  readonly total: number
  readonly matching: number
  readonly streams: readonly StreamRow[]
  readonly closed: readonly StreamRow[]
}

export interface StreamQuery {
  readonly most: number
  /** Part of a matcher, a subject or an address, in lower case. */
  readonly search: string
}

/** Whom the console asks: the hub of this process, or several workers. */
export interface ConsoleSource {
  /** Begins to keep samples. */
  start(): void
  stop(): void
  /** Samples after a second, at least the last minute of them for a verdict. */
  facts(afterS: number): Promise<Facts & { readonly workers?: Now['workers'] }>
  streams(query: StreamQuery): Promise<StreamList>
}
