// @ts-check
import { hubUrl } from './requests.js'
import { openFetchStream, sentenceOf } from './stream.js'

/** @typedef {{ id: string, type: string, match: string, match_type: string, active: boolean, payload?: unknown }} Subscription */

const namespace = `${new URL(hubUrl).pathname}/subscriptions`
/** Lines that the page shows; the number above them counts all. */
const maxLines = 200

/**
 * Who listens: reads the list, then follows what changes from the list's cursor on.
 *
 * @param {{ list: HTMLElement, counter: HTMLElement, detail: HTMLElement }} places
 */
export function whoListens({ list, counter, detail }) {
  /** @type {Map<string, Subscription>} */
  const active = new Map()
  /** @type {import('./stream.js').Stream | undefined} */
  let stream
  let watches = 0
  let isDrawn = true

  /** @param {string} token */
  async function watch(token) {
    const mine = ++watches
    stream?.close()
    active.clear()
    draw()
    detail.textContent = 'Reading the list.'
    try {
      const cursor = await readList(token)
      if (mine === watches && cursor !== undefined) follow(token, cursor)
    } catch {
      detail.textContent = 'The hub does not answer.'
    }
  }

  /**
   * @param {string} token
   * @returns {Promise<string | undefined>} the cursor of the first page; nothing when the hub refused
   */
  async function readList(token) {
    let cursor
    for (let path = namespace; path !== '';) {
      const headers = token === '' ? {} : { authorization: `Bearer ${token}` }
      const response = await fetch(path, { headers, cache: 'no-store' })
      if (!response.ok) {
        detail.textContent = await sentenceOf(response)
        return undefined
      }
      const link = response.headers.get('link') ?? ''
      cursor ??= cursorIn(link)
      path = /<([^>]*)>; rel="next"/.exec(link)?.[1] ?? ''
      const { subscriptions } = await response.json()
      for (const subscription of subscriptions) active.set(subscription.id, subscription)
    }
    draw()
    return cursor ?? ''
  }

  /**
   * @param {string} token
   * @param {string} cursor
   */
  function follow(token, cursor) {
    const query = new URLSearchParams({ match_urlpattern: `${namespace}/:type/:match/:subscriber` })
    if (cursor !== '') query.append('last_event_id', cursor)
    stream = openFetchStream(
      { url: `${hubUrl}?${query}`, token },
      {
        event: ({ data }) => take(JSON.parse(data), token),
        state: (state, reason) => {
          detail.textContent = state === 'connected' ? 'Following who comes and goes.' : reason
        },
        cursor: () => {},
      },
    )
  }

  /**
   * @param {Subscription} change or a gap event: then the list is read again
   * @param {string} token
   */
  function take(change, token) {
    if (change.type === 'gap') return void watch(token)
    if (change.active) active.set(change.id, change)
    else active.delete(change.id)
    draw()
  }

  /** Once per frame, however many come. */
  function draw() {
    if (!isDrawn) return
    isDrawn = false
    requestAnimationFrame(() => {
      isDrawn = true
      counter.textContent = active.size.toLocaleString()
      list.replaceChildren(...[...active.values()].slice(0, maxLines).map(line))
    })
  }

  return {
    watch,
    stop() {
      watches++
      stream?.close()
      active.clear()
      draw()
      detail.textContent = 'Stopped.'
    },
  }
}

/** @param {Subscription} subscription */
function line({ id, match, match_type: type, payload }) {
  const item = document.createElement('li')
  const code = document.createElement('code')
  code.textContent = match
  code.title = id
  item.append(code, type === 'exact' ? '' : ` (${type})`)
  if (payload !== undefined) item.append(` ${JSON.stringify(payload)}`)
  return item
}

/** @param {string} link */
function cursorIn(link) {
  const quoted = /last-event-id="((?:[^"\\]|\\.)*)"/.exec(link)?.[1]?.replace(/\\(.)/g, '$1')
  if (quoted === undefined) return undefined
  // Field values are bytes, which the browser shows as Latin-1.
  return new TextDecoder().decode(Uint8Array.from(quoted, (byte) => byte.charCodeAt(0)))
}
