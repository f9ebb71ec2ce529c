import { Store } from '../shared/store.ts'
import type { AboutUpdate } from './hub.ts'

/** Rows that the list keeps; what is older goes, and is counted. */
export const mostRows = 500
/** Above so many events in a second the list is drawn less often, and shorter. */
const burstPerSecond = 200
const burstDrawMs = 250

interface AnyRow {
  readonly key: number
  /** The stream's number. */
  readonly feed: number
  readonly atMs: number
}

export interface EventRow extends AnyRow {
  readonly kind: 'event'
  readonly id: string
  readonly type: string
  readonly data: string
  readonly bytes: number
  /** What the stream asks for, in a word. */
  readonly rule: string
  /** What the hub told about it; null when it told nothing. */
  about?: AboutUpdate | null
}

export interface GapRow extends AnyRow {
  readonly kind: 'gap'
  readonly requested: string
  readonly resumedAfter: string
}

export interface DividerRow extends AnyRow {
  readonly kind: 'divider'
  readonly says: string
}

export type Row = EventRow | GapRow | DividerRow

/** All that arrived, in order: bounded, pausable, and drawn at a pace that a burst cannot set. */
export class EventLog extends Store {
  #rows: Row[] = []
  #key = 0
  #drawn: { readonly rows: readonly Row[]; readonly received: number } | undefined
  #timer: number | undefined
  #second = { start: 0, count: 0 }
  #isBurst = false
  received = 0
  dropped = 0

  /** The rows to be shown, oldest first: while paused, those of then. */
  get rows(): readonly Row[] {
    return this.#drawn?.rows ?? this.#rows
  }

  get isPaused(): boolean {
    return this.#drawn !== undefined
  }

  /** Events that arrived while the list stood still. */
  get missed(): number {
    return this.#drawn === undefined ? 0 : this.received - this.#drawn.received
  }

  /** More arrives than anybody can read. */
  get isBurst(): boolean {
    return this.#isBurst
  }

  event(row: Omit<EventRow, 'key' | 'kind'>): void {
    this.received++
    this.#count(row.atMs)
    this.#add({ ...row, key: ++this.#key, kind: 'event' })
  }

  gap(row: Omit<GapRow, 'key' | 'kind'>): void {
    this.#add({ ...row, key: ++this.#key, kind: 'gap' })
  }

  divide(row: Omit<DividerRow, 'key' | 'kind'>): void {
    this.#add({ ...row, key: ++this.#key, kind: 'divider' })
  }

  pause(): void {
    this.#drawn = { rows: [...this.#rows], received: this.received }
    this.changed()
  }

  resume(): void {
    this.#drawn = undefined
    this.changed()
  }

  clear(): void {
    this.#rows = []
    this.#drawn = undefined
    this.received = 0
    this.dropped = 0
    this.changed()
  }

  /** Events that the hub was not asked about yet, newest first. */
  unknown(most: number): readonly EventRow[] {
    const found: EventRow[] = []
    for (let index = this.#rows.length - 1; index >= 0 && found.length < most; index--) {
      const row = this.#rows[index]
      if (row?.kind === 'event' && row.about === undefined) found.push(row)
    }
    return found
  }

  #add(row: Row): void {
    this.#rows.push(row)
    if (this.#rows.length > 2 * mostRows) this.#trim() // in steps: a shift for each would cost as much as all the rest
    this.#draw()
  }

  #trim(): void {
    const gone = this.#rows.splice(0, this.#rows.length - mostRows)
    this.dropped += gone.filter(({ kind }) => kind === 'event').length
  }

  #count(atMs: number): void {
    if (atMs - this.#second.start >= 1_000) this.#second = { start: atMs, count: 0 }
    this.#second.count++
    if (this.#second.count > burstPerSecond) this.#isBurst = true
  }

  #draw(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        if (this.#rows.length > mostRows) this.#trim()
        const isOver =
          Date.now() - this.#second.start >= 1_000 || this.#second.count <= burstPerSecond
        if (this.#isBurst && isOver) this.#isBurst = false
        else if (this.#isBurst) this.#draw() // so that its end is drawn too
        this.changed()
      },
      this.#isBurst ? burstDrawMs : 16,
    )
  }
}
