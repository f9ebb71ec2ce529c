import type { Connection, Reply } from './connection.ts'
import { RedisLink, type LinkOptions } from './reconnecting.ts'
import { page } from './scripts/scripts.ts'

/** An entry as Redis hands it over. */
export interface RawEntry {
  readonly position: number
  readonly timeMs: number
  readonly record: Buffer
}

export interface RawPage {
  readonly entries: readonly RawEntry[]
  /** The oldest position that was kept when the page was read. */
  readonly first: number
  /** From here on no notice was missing. */
  readonly noticesFrom: number
}

export interface FollowerOptions extends LinkOptions {
  readonly keys: readonly string[]
  /** The last position that was taken. */
  readonly position: () => number
  /** Takes what comes after `after`, in order. */
  readonly take: (after: number, entries: readonly RawEntry[]) => void
  /** Nothing came for a while: is this still the history that we follow? */
  readonly onIdle: (connection: Connection) => Promise<void>
}

/** A blocking read ends after so long, and its connection is given up when it has not by then. */
const blockMs = 1_000
const watchdogMs = 3_000
/** What one read may bring: an entry may be a megabyte. The rest is read in pages bounded in bytes. */
const firstEntries = 8
const pageEntries = 1_000
const pageBytes = 4 * 1024 * 1024

/** Follows the stream on a connection of its own, one finite blocking read after another. */
export class Follower {
  readonly #options: FollowerOptions
  readonly link: RedisLink
  #reading: Connection | undefined
  #isClosed = false
  readonly #running: Promise<void>

  constructor(options: FollowerOptions) {
    this.#options = options
    this.link = new RedisLink(options)
    this.#running = this.#run()
  }

  /** Begins anew on another connection: what comes through this one is not what is there. */
  restart(error: Error): void {
    if (this.#reading !== undefined) this.link.drop(this.#reading, error)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.link.close()
    await this.#running
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const connection = await this.link.within(blockMs)
      if (connection === undefined || this.#isClosed) continue
      this.#reading = connection
      try {
        await this.#read(connection)
      } catch (error) {
        if (!this.link.isElsewhere(connection, error)) this.link.drop(connection, error as Error)
      }
    }
  }

  async #read(connection: Connection): Promise<void> {
    const { keys, position, take, onIdle } = this.#options
    const [, log = ''] = keys
    const after = position()
    const [found] = await connection.call(
      [['XREAD', 'COUNT', firstEntries, 'BLOCK', blockMs, 'STREAMS', log, `${after}-0`]],
      watchdogMs,
    )
    if (found === null || found === undefined) return onIdle(connection)
    const entries = entriesOf(found)
    take(after, entries)
    for (let count = entries.length; count >= firstEntries && !this.#isClosed;) {
      const from = position()
      const { entries: more } = await readPage(connection, keys, from, Number.MAX_SAFE_INTEGER, {
        maxEntries: pageEntries,
        maxBytes: pageBytes,
      })
      take(from, more)
      count = more.length
    }
  }
}

/** Reads entries after a position, oldest first; at least one, when there is one. */
export async function readPage(
  connection: Connection,
  keys: readonly string[],
  after: number,
  upTo: number,
  { maxEntries, maxBytes }: { maxEntries: number; maxBytes: number },
): Promise<RawPage> {
  const [found] = await connection.run(page, keys, [after, upTo, maxEntries, maxBytes])
  const flat = found as readonly Reply[]
  const entries: RawEntry[] = []
  for (let at = 2; at < flat.length; at += 3)
    entries.push({
      position: Number(String(flat[at])),
      timeMs: Number(String(flat[at + 1])),
      record: flat[at + 2] as Buffer, // of the script's making
    })
  return { entries, first: Number(String(flat[0])), noticesFrom: Number(String(flat[1])) }
}

/** The answer of XREAD for one stream. Fields that are not ours make a record that is damaged. */
function entriesOf(found: Reply): RawEntry[] {
  const [[, entries]] = found as unknown as [[Buffer, [Buffer, (Buffer | string)[]][]]]
  return entries.map(([id, fields]) => {
    const raw = { position: Number.parseInt(String(id), 10), timeMs: 0, record: Buffer.alloc(0) }
    for (let at = 0; at < fields.length; at += 2) {
      const value = fields[at + 1]
      if (String(fields[at]) === 't') raw.timeMs = Number(String(value))
      else if (String(fields[at]) === 'r' && Buffer.isBuffer(value)) raw.record = Buffer.from(value)
    }
    return raw
  })
}
