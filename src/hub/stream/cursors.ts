import type { Log } from '../../log/log.ts'
import { type Cursor, earliest, formatPosition, parseCursor } from '../../protocol/cursor.ts'

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
  #spelled: readonly [epoch: string, short: string] = ['', '']

  constructor(log: Log) {
    this.#log = log
  }

  /** What a cursor shows of the epoch, which changes when the log was reset. */
  get #epoch(): string {
    const { epoch } = this.#log
    if (epoch !== this.#spelled[0]) this.#spelled = [epoch, shortOf(epoch)]
    return this.#spelled[1]
  }

  /** The cursor line's id for a position: it says how many entries the log took, never what they were. */
  at(position: number): string {
    return formatPosition(this.#epoch, position)
  }

  /** Resolves the cursor of a request; an empty one asks for no replay, and is answered all the same. */
  async locate(requested: string): Promise<Start> {
    if (requested === '') return { position: this.#log.head, lastEventId: this.#live() }
    const cursor = parseCursor(requested)
    const ended = this.#endOf(cursor)
    if (ended !== undefined)
      return { position: ended, lastEventId: this.at(ended), missing: requested }
    const position = await this.#positionOf(cursor)
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
    if (cursor.position > this.#log.head) await this.#log.catchUp?.(cursor.position)
    const isOurs = cursor.epoch === this.#epoch || this.#formerEnd(cursor.epoch) !== undefined
    const isKept = cursor.position >= this.#log.first - 1 && cursor.position <= this.#log.head
    return isOurs && isKept ? cursor.position : undefined
  }

  /** Where the history goes on for whoever saw entries that it lost; undefined for all others. */
  #endOf(cursor: Cursor): number | undefined {
    if (cursor.kind !== 'position') return undefined
    const upTo = this.#formerEnd(cursor.epoch)
    const isLost = upTo !== undefined && cursor.position > upTo && upTo >= this.#log.first - 1
    return isLost ? upTo : undefined
  }

  /** The last position of a former epoch that means the same today. */
  #formerEnd(short: string): number | undefined {
    return this.#log.past?.find(({ epoch }) => shortOf(epoch) === short)?.upTo
  }
}

function shortOf(epoch: string): string {
  return epoch.replaceAll('-', '').slice(0, 12)
}
