// @ts-check
import { describeToken } from './grants.js'
import {
  hubUrl,
  publishCommand,
  subscribeCommand,
  subscriptionUrl,
  updateForm,
} from './requests.js'
import { openEventSource, openFetchStream, sentenceOf } from './stream.js'
import { updateList } from './updates.js'
import { whoListens } from './who.js'

/** @typedef {import('./stream.js').Stream} Stream */
/** @typedef {import('./stream.js').StreamState} StreamState */
/** @typedef {import('./requests.js').Wish} Wish */

const updates = updateList(byId('updates'), byId('count'))
const who = whoListens({
  list: byId('who-list'),
  counter: byId('who-count'),
  detail: byId('who-detail'),
})
/** @type {Stream | undefined} */
let stream

byId('listen').addEventListener('submit', (event) => {
  event.preventDefault()
  subscribe()
})
byId('send').addEventListener('submit', (event) => {
  event.preventDefault()
  void publish()
})
byId('data').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void publish()
})
byId('stop').addEventListener('click', () => stop())
byId('watch').addEventListener('click', () => watchOrStop())
byId('clear').addEventListener('click', () => updates.clear())
for (const button of document.querySelectorAll('button[data-copies]'))
  if (button instanceof HTMLButtonElement) button.addEventListener('click', () => copy(button))
document.addEventListener('input', describe)

void introduce()

/** Asks the hub what it is; in the playground it also hands over a token. */
async function introduce() {
  describe()
  const response = await fetch('config.json')
  if (!response.ok) return
  const { playground, subscriptions } = await response.json()
  byId('who').hidden = subscriptions !== true
  if (playground !== true) return
  byId('mode').textContent = 'playground'
  byId('insecure').hidden = false
  const answer = await fetch('playground-token')
  if (!answer.ok || field('token').value !== '') return
  field('token').value = (await answer.text()).trim()
  describe()
}

function subscribe() {
  stream?.close()
  const wish = wishOfFields()
  const listener = { event: updates.add, state: showState, cursor: showCursor }
  const url = subscriptionUrl(wish)
  stream =
    chosen('through') === 'eventsource'
      ? openEventSource({ url, types: wish.type === '' ? [] : [wish.type] }, listener)
      : openFetchStream({ url, token: wish.token }, listener)
  button('stop').disabled = false
}

function stop() {
  stream?.close()
  stream = undefined
  button('stop').disabled = true
  showState('idle', 'Stopped.')
}

function watchOrStop() {
  const isWatching = byId('watch').textContent === 'Watch'
  byId('watch').textContent = isWatching ? 'Enough' : 'Watch'
  if (isWatching) void who.watch(field('token').value.trim())
  else who.stop()
}

async function publish() {
  const wish = wishOfFields()
  const outcome = byId('outcome')
  outcome.dataset['kind'] = 'pending'
  outcome.textContent = 'sending …'
  try {
    const response = await fetch(hubUrl, {
      method: 'POST',
      headers: wish.token === '' ? {} : { authorization: `Bearer ${wish.token}` },
      body: updateForm(wish),
    })
    outcome.dataset['kind'] = response.ok ? 'accepted' : 'refused'
    outcome.textContent = response.ok ? await response.text() : await sentenceOf(response)
  } catch {
    outcome.dataset['kind'] = 'refused'
    outcome.textContent = 'the hub does not answer'
  }
}

/** What follows from the fields, whenever one of them changes. */
function describe() {
  const wish = wishOfFields()
  byId('pattern-field').hidden = wish.match !== 'urlpattern'
  byId('eventsource-hint').hidden = chosen('through') !== 'eventsource'
  byId('grants').textContent = describeToken(wish.token)
  byId('listen-command').textContent = subscribeCommand(wish)
  byId('send-command').textContent = publishCommand(wish)
}

/** @returns {Wish} */
function wishOfFields() {
  const match = chosen('match')
  return {
    topic: field('topic').value,
    token: field('token').value.trim(),
    match: match === 'urlpattern' || match === 'all' ? match : 'exact',
    pattern: field('pattern').value,
    after: field('after').value.trim(),
    data: field('data').value,
    type: field('type').value,
    id: field('id').value,
    isPrivate: checkbox('private').checked,
  }
}

/** @type {Record<StreamState | 'idle', { pill: string, sentence: string }>} */
const states = {
  idle: { pill: 'not connected', sentence: '' },
  connecting: { pill: 'connecting', sentence: 'Connecting.' },
  connected: { pill: 'connected', sentence: 'Listening.' },
  reconnecting: { pill: 'reconnecting', sentence: 'Connecting again.' },
  refused: { pill: 'refused', sentence: 'The hub refused.' },
}

/**
 * @param {StreamState | 'idle'} state
 * @param {string} detail
 */
function showState(state, detail) {
  const pill = byId('state')
  pill.dataset['state'] = state
  pill.textContent = states[state].pill
  byId('detail').textContent = detail === '' ? states[state].sentence : detail
  if (state === 'refused') button('stop').disabled = true
}

/** @param {string} lastEventId */
function showCursor(lastEventId) {
  const line = byId('cursor')
  line.hidden = lastEventId === ''
  const code = line.querySelector('code')
  if (code !== null) code.textContent = lastEventId
}

/** @param {HTMLButtonElement} source */
async function copy(source) {
  const command = byId(source.dataset['copies'] ?? '')
  try {
    await navigator.clipboard.writeText(command.textContent ?? '')
    source.textContent = 'Copied'
    setTimeout(() => (source.textContent = 'Copy curl'), 1_500)
  } catch {
    getSelection()?.selectAllChildren(command) // no clipboard here: ready for the keyboard
  }
}

/** @param {string} id */
function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/** @param {string} id */
function field(id) {
  return /** @type {HTMLInputElement | HTMLTextAreaElement} */ (byId(id))
}

/** @param {string} id */
function checkbox(id) {
  return /** @type {HTMLInputElement} */ (byId(id))
}

/** @param {string} id */
function button(id) {
  return /** @type {HTMLButtonElement} */ (byId(id))
}

/** @param {string} name of a group of radio buttons */
function chosen(name) {
  const checked = document.querySelector(`input[name=${name}]:checked`)
  return checked instanceof HTMLInputElement ? checked.value : ''
}
