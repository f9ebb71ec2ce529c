import type { Entry, Log, Page } from '../../log/log.ts'
import { encodeUpdate, encodeUpdates } from '../../protocol/sse.ts'
import { asChunk, type Framing } from '../../registry/batch.ts'
import { maxWriteBytes } from '../stream/outbox.ts'
import type { Interest } from '../../registry/interest.ts'

/** Positions whose entries are read together: pages end where a block ends, so that replays meet. */
const blockEntries = 256
/** Pages and frames that are kept for replays near each other: so much for each that there is, and in all. */
const keptBytesEach = 1024 * 1024
const maxKeptBytes = 16 * 1024 * 1024
/** Objects and string headers of a decoded entry; a row of one of a page's tables. */
const entryOverheadBytes = 512
const rowBytes = 256

/** The frames of a page that one interest covers; shared by all that cover the same entries. */
class Selected {
  readonly count: number
  readonly #parts: readonly Buffer[]
  readonly #framed: { plain?: Buffer; chunked?: Buffer } = {}
  /** What was made of the frames so far. */
  bytes = rowBytes

  constructor(count: number, parts: readonly Buffer[]) {
    this.count = count
    this.#parts = parts
    const [only] = parts
    if (only !== undefined && parts.length === 1) this.#framed.plain = only
  }

  as(framing: Framing): Buffer {
    let bytes = this.#framed[framing]
    if (bytes === undefined) {
      bytes = framing === 'chunked' ? asChunk(this.#parts) : Buffer.concat(this.#parts)
      this.#framed[framing] = bytes
      this.bytes += bytes.length
    }
    return bytes
  }
}

/** What is sent of a page: so many updates, framed for the wire. */
export interface Excerpt {
  readonly count: number
  readonly bytes: Buffer
}

const nothing: Excerpt = { count: 0, bytes: Buffer.alloc(0) }

/** A page of the history, with what was already matched and encoded of it. */
export class ReplayPage {
  readonly upTo: number
  readonly lost: Page['lost']
  /** Subscription events that are not kept any more, though all updates are. */
  readonly lostNotices: number
  readonly #entries: readonly Entry[]
  readonly #frames: (Buffer | undefined)[] = []
  readonly #byInterest = new Map<string, Selected>()
  readonly #byEntries = new Map<string, Selected>()
  bytes: number

  constructor({ entries, upTo, lost, lostNotices }: Page, after: number) {
    this.upTo = upTo
    this.lost = lost
    this.lostNotices = lost === undefined && lostNotices ? upTo - after - entries.length : 0
    this.#entries = entries.filter((entry) => entry.kind !== 'control')
    this.bytes = rowBytes
    for (const { update } of entries) this.bytes += entryOverheadBytes + update.data.length
  }

  /** What an interest covers: matched once per interest, encoded once per entry, joined once per list of entries. */
  select(interest: Interest, framing: Framing): Excerpt {
    let selected = this.#byInterest.get(interest.key)
    if (selected === undefined) {
      selected = this.#covered(interest)
      this.#byInterest.set(interest.key, selected)
      this.bytes += rowBytes
    }
    if (selected.count === 0) return nothing
    const before = selected.bytes
    const bytes = selected.as(framing)
    this.bytes += selected.bytes - before
    return { count: selected.count, bytes }
  }

  #covered(interest: Interest): Selected {
    const indexes: number[] = []
    for (const [index, entry] of this.#entries.entries())
      if (interest.covers(entry)) indexes.push(index)
    const isAll = indexes.length === this.#entries.length
    const key = isAll ? '*' : indexes.join()
    let selected = this.#byEntries.get(key)
    if (selected === undefined) {
      // Mostly a stream wants all of a page, or little of it: all is encoded in one piece.
      const parts = isAll ? this.#everything() : indexes.map((index) => this.#frameOf(index))
      selected = new Selected(indexes.length, parts)
      this.#byEntries.set(key, selected)
      this.bytes += selected.bytes + key.length
    }
    return selected
  }

  #everything(): readonly Buffer[] {
    const frames = encodeUpdates(this.#entries.map(({ update }) => update))
    this.bytes += frames.length
    return [frames]
  }

  #frameOf(index: number): Buffer {
    let frame = this.#frames[index]
    if (frame === undefined) {
      const entry = this.#entries[index] as Entry // an index of `select`
      frame = this.#frames[index] = encodeUpdate(entry.update)
      this.bytes += frame.length
    }
    return frame
  }
}

/**
 * Reads the history for replays, a page at a time.
 *
 * A page ends at the end of a block of positions, or where it has enough bytes: replays that began at
 * different cursors read the same pages from their second one on. Pages that cannot grow are kept,
 * the least used ones go first. One replay alone has nobody to share with, and keeps nothing.
 */
export class ReplayPages {
  readonly #log: Log
  readonly #replays: () => number
  readonly #kept = new Map<number, ReplayPage>()
  #keptBytes = 0
  #epoch: string

  /** @param replays how many there are now */
  constructor(log: Log, replays: () => number) {
    this.#log = log
    this.#replays = replays
    this.#epoch = log.epoch
  }

  /** Bytes of the pages that are kept. */
  get bytes(): number {
    return this.#keptBytes
  }

  /** The page after a position, which reads no further than `dispatched`. */
  read(after: number, dispatched: number): ReplayPage | Promise<ReplayPage> {
    const kept = this.#find(after)
    if (kept !== undefined) return kept
    const blockEnd = (Math.floor(after / blockEntries) + 1) * blockEntries
    const isTrimmed = after + 1 < this.#log.first // a hole of many blocks is one gap
    const upTo = isTrimmed ? dispatched : Math.min(blockEnd, dispatched)
    const read = this.#log.read(after, {
      maxEntries: blockEntries,
      maxBytes: maxWriteBytes,
      upTo,
      isPassing: true,
    })
    const made = (found: Page) => {
      const page = new ReplayPage(found, after)
      if (page.lost === undefined && (page.upTo === blockEnd || page.upTo < upTo))
        this.#keep(after, page)
      return page
    }
    return read instanceof Promise ? read.then(made) : made(read)
  }

  /** A replay is over: its share goes. */
  shrink(): void {
    if (this.#keptBytes > 0) this.#evict(undefined)
  }

  /** What an interest covers of a page; what that added to the page is counted. */
  select(page: ReplayPage, after: number, interest: Interest, framing: Framing): Excerpt {
    const before = page.bytes
    const selected = page.select(interest, framing)
    if (this.#kept.get(after) === page) {
      this.#keptBytes += page.bytes - before
      this.#evict(page)
    }
    return selected
  }

  /** A page whose first entry was trimmed meanwhile is read again: the client has to learn of the gap. */
  #find(after: number): ReplayPage | undefined {
    if (this.#epoch !== this.#log.epoch) {
      this.#epoch = this.#log.epoch
      this.#kept.clear()
      this.#keptBytes = 0
    }
    const page = this.#kept.get(after)
    if (page === undefined) return undefined
    this.#drop(after, page)
    if (after + 1 < this.#log.first) return undefined
    this.#keep(after, page)
    return page
  }

  #keep(after: number, page: ReplayPage): void {
    const older = this.#kept.get(after)
    if (older !== undefined) this.#drop(after, older)
    this.#kept.set(after, page)
    this.#keptBytes += page.bytes
    this.#evict(page)
  }

  #drop(after: number, page: ReplayPage): void {
    this.#kept.delete(after)
    this.#keptBytes -= page.bytes
  }

  /** A page that alone is over the bound is not kept. */
  #evict(current: ReplayPage | undefined): void {
    const replays = this.#replays()
    const most = replays < 2 ? 0 : Math.min(maxKeptBytes, replays * keptBytesEach)
    for (const [after, page] of this.#kept) {
      if (this.#keptBytes <= most) return
      if (page !== current || this.#kept.size === 1) this.#drop(after, page)
    }
  }
}
