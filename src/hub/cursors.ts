import type { Log } from '../log/log.ts'
import { type Cursor, earliest, formatPosition, parseCursor } from '../protocol/cursor.ts'

/** Where a stream starts, resolved from the client's cursor by `hub.locate`. */
export interface Start {
  /** The stream begins with the entry after this position. */
  readonly position: number
  /** What the answer's `Mercure-Last-Event-ID` says: the predecessor of the first event, or `earliest`. */
  readonly lastEventId: string
  /** The cursor that was asked for and is not kept; the stream then begins with a gap event. */
  readonly missing?: string
}

/** Reads the cursors that clients bring, and spells those that the hub gives them. */
export class Cursors {
  readonly #log: Log
  readonly #epoch: string

  constructor(log: Log) {
    this.#log = log
    this.#epoch = log.epoch.replaceAll('-', '').slice(0, 12)
  }

  /** The cursor line's id for a position: it says how many entries the log took, never what they were. */
  at(position: number): string {
    return formatPosition(this.#epoch, position)
  }

  /** Resolves the cursor of a request; an empty one asks for no replay, and is answered all the same. */
  async locate(requested: string): Promise<Start> {
    if (requested === '') return { position: this.#log.head, lastEventId: this.#live() }
    const position = await this.#positionOf(parseCursor(requested))
    if (position === undefined)
      return { position: this.#log.first - 1, lastEventId: earliest, missing: requested }
    return { position, lastEventId: requested }
  }

  /** Where live begins. The newest update's id would tell a private one to anybody. */
  #live(): string {
    return this.#log.head === 0 ? earliest : this.at(this.#log.head)
  }

  async #positionOf(cursor: Cursor): Promise<number | undefined> {
    if (cursor.kind === 'earliest') return this.#log.first - 1
    if (cursor.kind === 'id') return this.#log.locate(cursor.id)
    const isOurs = cursor.epoch === this.#epoch
    const isKept = cursor.position >= this.#log.first - 1 && cursor.position <= this.#log.head
    return isOurs && isKept ? cursor.position : undefined
  }
}
