// @ts-check

/** @typedef {import('./event-parser.js').StreamEvent} StreamEvent */

/** The page keeps so many entries; older ones are only in the hub's history. */
const maxEntries = 500
/** Characters shown of one update: a megabyte in one element makes the page crawl. */
const maxShown = 20_000

/**
 * The list of what arrived, newest first.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} counter
 */
export function updateList(list, counter) {
  let received = 0
  return {
    /** @param {StreamEvent} event */
    add(event) {
      const gap = gapOf(event)
      list.prepend(gap === undefined ? updateEntry(event) : gapEntry(gap))
      if (list.children.length > maxEntries) list.lastElementChild?.remove()
      if (gap === undefined) received += 1
      counter.textContent = received.toLocaleString()
    },
    clear() {
      received = 0
      list.replaceChildren()
      counter.textContent = '0'
    },
  }
}

/** @param {StreamEvent} event */
function updateEntry({ id, type, data }) {
  const shown = data.length > maxShown ? `${data.slice(0, maxShown)}…` : data
  const rest = data.length > maxShown ? [`${data.length.toLocaleString()} characters in all`] : []
  return element('li', { class: 'update' }, [
    element('div', { class: 'about' }, [
      element('span', { class: type === 'message' ? 'type plain' : 'type' }, [type]),
      element('code', { class: 'id', title: 'id' }, [id === '' ? 'no id' : id]),
      timeElement(),
    ]),
    element('pre', {}, [shown]),
    ...rest.map((sentence) => element('p', { class: 'hint' }, [sentence])),
  ])
}

/** @param {{ requested: unknown, resumed_after: unknown }} gap */
function gapEntry({ requested, resumed_after: resumedAfter }) {
  const begins =
    resumedAfter === 'earliest' ? 'with the oldest update that is kept' : `after ${resumedAfter}`
  return element('li', { class: 'gap' }, [
    element('div', { class: 'about' }, [
      element('span', { class: 'type' }, ['gap']),
      element('span', { class: 'id' }, []),
      timeElement(),
    ]),
    element('p', {}, [
      'Updates are missing here. The hub no longer knows what came after ',
      element('code', {}, [String(requested)]),
      `; what follows begins ${begins}.`,
    ]),
  ])
}

/**
 * Reads a gap event: made by the hub, of type `mercure`, JSON that says `"type": "gap"`.
 *
 * @param {StreamEvent} event
 * @returns {{ requested: unknown, resumed_after: unknown } | undefined}
 */
function gapOf({ type, data }) {
  if (type !== 'mercure') return undefined
  try {
    const document = JSON.parse(data)
    return document?.type === 'gap' ? document : undefined
  } catch {
    return undefined
  }
}

function timeElement() {
  const now = new Date()
  const clock = now.toLocaleTimeString(undefined, { hour12: false })
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0')
  const about = { datetime: now.toISOString(), title: now.toISOString() }
  return element('time', about, [`${clock}.${milliseconds}`])
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
function element(name, attributes, children) {
  const made = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value)
  made.append(...children)
  return made
}
