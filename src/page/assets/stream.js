// @ts-check
import { EventParser } from './event-parser.js'

/** @typedef {import('./event-parser.js').StreamEvent} StreamEvent */
/** @typedef {'connecting' | 'connected' | 'reconnecting' | 'refused'} StreamState */

/**
 * @typedef {object} Listener
 * @property {(event: StreamEvent) => void} event
 * @property {(state: StreamState, detail: string) => void} state
 * @property {(lastEventId: string) => void} cursor
 */

/** @typedef {{ close(): void }} Stream */

const defaultRetryMs = 1_000
/** The pause doubles with each attempt that failed in a row, so often at most. */
const doublings = 4

/**
 * A stream through fetch: unlike EventSource it can send a token, tells why it was refused, and shows
 * events of every type. It resumes by itself, where it stopped.
 *
 * @param {{ url: string, token: string }} subscription
 * @param {Listener} listener
 * @returns {Stream}
 */
export function openFetchStream({ url, token }, listener) {
  const ending = new AbortController()
  const parser = new EventParser('', listener.event)
  void run()
  return { close: () => ending.abort() }

  async function run() {
    for (let failures = 0; !ending.signal.aborted; failures++) {
      listener.state(failures === 0 ? 'connecting' : 'reconnecting', '')
      const end = await connect().catch((error) => lost(String(error)))
      if (ending.signal.aborted) return
      if (end.isFinal) return listener.state('refused', end.reason)
      if (end.wasOpen) failures = 0
      const waitMs = (parser.retryMs ?? defaultRetryMs) * 2 ** Math.min(failures, doublings)
      listener.state('reconnecting', `${end.reason}; back in ${(waitMs / 1000).toFixed(1)} s`)
      await pause(waitMs, ending.signal)
    }
  }

  async function connect() {
    const response = await fetch(withCursorLines(url), {
      headers: requestHeaders(),
      cache: 'no-store',
      signal: ending.signal,
    })
    if (!response.ok || response.body === null) return refusal(response)
    listener.state('connected', '')
    await read(response.body)
    return { ...lost('the hub ended the stream'), wasOpen: true }
  }

  /** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body */
  async function read(body) {
    parser.reset()
    const reader = body.pipeThrough(new TextDecoderStream()).getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        parser.push(value)
        listener.cursor(parser.lastEventId)
      }
    } catch {
      // the connection broke; what counts is that there was one
    }
  }

  function requestHeaders() {
    const headers = new Headers({ accept: 'text/event-stream' })
    if (token !== '') headers.set('authorization', `Bearer ${token}`)
    if (parser.lastEventId !== '') headers.set('last-event-id', asFieldValue(parser.lastEventId))
    return headers
  }
}

/**
 * Asks for blocks without data that say where the stream is: this parser takes them.
 *
 * @param {string} url
 */
function withCursorLines(url) {
  const asking = new URL(url)
  asking.searchParams.set('cursor_lines', '1')
  return asking
}

/**
 * The browser's own client.
 *
 * @param {{ url: string, types: readonly string[] }} subscription types of events to listen for: it
 *   drops the others
 * @param {Listener} listener
 * @returns {Stream}
 */
export function openEventSource({ url, types }, listener) {
  const source = new EventSource(url)
  listener.state('connecting', '')
  source.onopen = () => listener.state('connected', '')
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED)
      listener.state('refused', 'refused (EventSource does not tell why; fetch does)')
    else listener.state('reconnecting', 'the connection was lost')
  }
  for (const type of new Set(['message', 'mercure', ...types]))
    source.addEventListener(type, ({ lastEventId, data }) => {
      listener.event({ id: lastEventId, type, data })
      listener.cursor(lastEventId)
    })
  return source
}

/** @param {string} reason */
function lost(reason) {
  return { isFinal: false, wasOpen: false, reason }
}

/**
 * A hub that is busy or behind a proxy that lost it comes back; what it refuses, it refuses again.
 *
 * @param {Response} response
 */
async function refusal(response) {
  const isPassing = response.status === 429 || response.status >= 500
  return { ...lost(await sentenceOf(response)), isFinal: !isPassing }
}

/**
 * The status and the hub's own sentence.
 *
 * @param {Response} response
 */
export async function sentenceOf(response) {
  const text = (await response.text()).trim()
  return `${response.status} ${text === '' ? response.statusText : text}`
}

/**
 * Field values are bytes, and ids are UTF-8: a character for each byte.
 *
 * @param {string} text
 */
function asFieldValue(text) {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
