import type { Entry } from '../log/log.ts'
import { encodeUpdate } from '../protocol/sse.ts'

/** How bytes travel: in HTTP/1.1 chunks, or as they are (HTTP/1.0, HTTP/2, a stream of the framework's own). */
export type Framing = 'chunked' | 'plain'

/**
 * The frames that a cohort receives in one turn, shared by every cohort that receives the same list.
 *
 * Batches form a tree: each is its predecessor plus one entry. Two cohorts that matched the same
 * entries of a turn hold the same object, so a frame is encoded once, and a list of frames is joined
 * and framed once, however many thousand cohorts of one subscriber receive it.
 */
export class Batch {
  readonly from: number
  readonly to: number
  readonly count: number
  readonly #frame: Buffer
  readonly #before: Batch | undefined
  #followers: Map<number, Batch> | undefined
  #plain: Buffer | undefined
  #chunked: Buffer | undefined

  constructor(entry: Entry, frame: Buffer, before?: Batch) {
    this.from = before?.from ?? entry.position
    this.to = entry.position
    this.count = (before?.count ?? 0) + 1
    this.#frame = frame
    this.#before = before
  }

  /** This batch with one more entry; the same object for everybody who asks. */
  with(entry: Entry, frame: Buffer): Batch {
    this.#followers ??= new Map()
    let next = this.#followers.get(entry.position)
    if (next === undefined) {
      next = new Batch(entry, frame, this)
      this.#followers.set(entry.position, next)
    }
    return next
  }

  bytes(framing: Framing): Buffer {
    return framing === 'chunked' ? this.chunked : this.plain
  }

  get plain(): Buffer {
    this.#plain ??= this.#before === undefined ? this.#frame : Buffer.concat(this.#frames())
    return this.#plain
  }

  get chunked(): Buffer {
    this.#chunked ??= asChunk(this.#frames())
    return this.#chunked
  }

  #frames(): Buffer[] {
    const frames: Buffer[] = [this.#frame]
    for (let batch = this.#before; batch !== undefined; batch = batch.#before)
      frames.push(batch.#frame)
    return frames.reverse()
  }
}

/** The entries of one turn: each is encoded at most once, and the first batches hang here. */
export class Turn {
  readonly #firsts = new Map<number, Batch>()
  #entry: Entry | undefined
  #frame: Buffer | undefined

  /** The batch after `before` (undefined: the cohort's first of this turn) that ends with `entry`. */
  extend(before: Batch | undefined, entry: Entry): Batch {
    if (before !== undefined) return before.with(entry, this.#frameOf(entry))
    let first = this.#firsts.get(entry.position)
    if (first === undefined) {
      first = new Batch(entry, this.#frameOf(entry))
      this.#firsts.set(entry.position, first)
    }
    return first
  }

  #frameOf(entry: Entry): Buffer {
    if (this.#entry !== entry || this.#frame === undefined) {
      this.#entry = entry
      this.#frame = encodeUpdate(entry.update)
    }
    return this.#frame
  }
}

const lineBreak = Buffer.from('\r\n')
/** The chunk that ends an HTTP/1.1 body. */
export const lastChunk: Buffer = Buffer.from('0\r\n\r\n')

/** One chunk of the chunked transfer coding (RFC 9112 § 7.1). */
export function asChunk(parts: readonly Buffer[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  return Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`), ...parts, lineBreak])
}

/** Bytes that do not come from the log (a head, a heartbeat, a gap event), framed for the wire. */
export function framed(text: string | Buffer, framing: Framing): Buffer {
  if (typeof text !== 'string') return framing === 'chunked' ? asChunk([text]) : text
  if (framing === 'plain') return Buffer.from(text)
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}
