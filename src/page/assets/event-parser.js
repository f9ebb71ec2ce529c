// @ts-check

/**
 * What a block of the stream said.
 *
 * @typedef {object} StreamEvent
 * @property {string} id the block's own id, or empty
 * @property {string} type
 * @property {string} data
 */

/**
 * The parser of the HTML standard (§ 9.2.6), but for one thing: an event also tells the id that its
 * own block carried, so that a hub-made event is not shown with the id of the update before it.
 */
export class EventParser {
  /** What a reconnection sends as Last-Event-ID. Blocks without data move it too. */
  lastEventId
  /** @type {number | undefined} milliseconds, once the stream has said so */
  retryMs
  #onEvent
  #rest = ''
  /** @type {string | undefined} */
  #id
  #type = ''
  /** @type {string[]} */
  #data = []

  /**
   * @param {string} lastEventId where the stream starts
   * @param {(event: StreamEvent) => void} onEvent
   */
  constructor(lastEventId, onEvent) {
    this.lastEventId = lastEventId
    this.#onEvent = onEvent
  }

  /** @param {string} text the next piece, cut anywhere */
  push(text) {
    this.#rest += text
    let start = 0
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    for (const { 0: end, index } of this.#rest.matchAll(/\r\n|\n|\r(?!$)/g)) {
      this.#line(this.#rest.slice(start, index))
      start = index + end.length
    }
    this.#rest = this.#rest.slice(start)
  }

  /** A connection ended: what was not finished by an empty line never happened. */
  reset() {
    this.#rest = ''
    this.#startBlock()
  }

  /** @param {string} line */
  #line(line) {
    if (line === '') return this.#endBlock()
    const colon = line.indexOf(':')
    if (colon === 0) return // a comment
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') this.#data.push(value)
    else if (name === 'event') this.#type = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value)
  }

  #endBlock() {
    const event = { id: this.#id ?? '', type: this.#type || 'message', data: this.#data.join('\n') }
    const hasData = this.#data.length > 0
    this.lastEventId = this.#id ?? this.lastEventId
    this.#startBlock()
    if (hasData) this.#onEvent(event)
  }

  #startBlock() {
    this.#id = undefined
    this.#type = ''
    this.#data = []
  }
}
