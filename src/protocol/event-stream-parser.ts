/** An event as `EventSource` would dispatch it: `id` is the last one seen, `type` is `message` when none was sent. */
export interface StreamEvent {
  readonly id: string
  readonly type: string
  readonly data: string
}

/**
 * Reads a stream of server-sent events, whatever pieces it arrives in (WHATWG HTML § 9.2.6).
 *
 * `lastEventId` moves with every complete block, also with those that have no data and dispatch
 * nothing; what a cut connection leaves unfinished is forgotten.
 */
export class EventStream {
  lastEventId: string
  /** The reconnection time that the stream asked for, in milliseconds. */
  retryMs: number | undefined
  readonly #decoder = new TextDecoder() // drops one BOM, and waits for the rest of a character
  #line = ''
  #endsWithCr = false
  #id: string
  #type = ''
  #data = ''

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId
    this.#id = lastEventId
  }

  /** The events that `chunk` completes. */
  push(chunk: Uint8Array): readonly StreamEvent[] {
    const text = this.#withoutSplitLineEnd(this.#decoder.decode(chunk, { stream: true }))
    const events: StreamEvent[] = []
    let start = 0
    for (const { 0: lineEnd, index } of text.matchAll(/\r\n|\n|\r/g)) {
      const event = this.#take(this.#line + text.slice(start, index))
      if (event !== undefined) events.push(event)
      this.#line = ''
      start = index + lineEnd.length
    }
    this.#line += text.slice(start)
    return events
  }

  /** A line end whose CR came with the last chunk is over: its LF is not another one. */
  #withoutSplitLineEnd(text: string): string {
    if (text === '') return text
    const isSecondHalf = this.#endsWithCr && text.startsWith('\n')
    this.#endsWithCr = text.endsWith('\r')
    return isSecondHalf ? text.slice(1) : text
  }

  #take(line: string): StreamEvent | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data += `${value}\n`
    else if (field === 'event') this.#type = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) this.retryMs = Number(value)
    return undefined // a comment is a field without a name, and means as little as an unknown one
  }

  #dispatch(): StreamEvent | undefined {
    this.lastEventId = this.#id
    const [type, data] = [this.#type || 'message', this.#data]
    this.#type = ''
    this.#data = ''
    return data === '' ? undefined : { id: this.#id, type, data: data.slice(0, -1) }
  }
}
