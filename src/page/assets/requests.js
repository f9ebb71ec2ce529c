// @ts-check

/** The hub that serves this page: it stands one folder above. */
export const hubUrl = new URL('../../mercure', location.href).href

/**
 * @typedef {object} Wish what the fields say
 * @property {string} topic
 * @property {string} token
 * @property {'exact' | 'urlpattern' | 'all'} match
 * @property {string} pattern
 * @property {string} after
 * @property {string} data
 * @property {string} type
 * @property {string} id
 * @property {boolean} isPrivate
 */

/** @param {Wish} wish */
export function subscriptionUrl({ topic, match, pattern, after }) {
  const query = new URLSearchParams()
  if (match === 'urlpattern') query.append('match_urlpattern', pattern)
  else query.append('match', match === 'all' ? '*' : topic)
  if (after !== '') query.append('last_event_id', after)
  return `${hubUrl}?${query}`
}

/**
 * The form of an update. Empty fields are left out: the hub has better values for them.
 *
 * @param {Wish} wish
 */
export function updateForm({ topic, data, type, id, isPrivate }) {
  const form = new URLSearchParams({ topic, data })
  if (type !== '') form.append('type', type)
  if (id !== '') form.append('id', id)
  if (isPrivate) form.append('private', 'on')
  return form
}

/** @param {Wish} wish */
export function subscribeCommand(wish) {
  return ['curl -N', quoted(subscriptionUrl(wish)), ...authorization(wish)].join(' ')
}

/** @param {Wish} wish */
export function publishCommand(wish) {
  const fields = [...updateForm(wish)].map(
    ([name, value]) => `--data-urlencode ${quoted(`${name}=${value}`)}`,
  )
  return ['curl', quoted(hubUrl), ...fields, ...authorization(wish)].join(' ')
}

/** @param {Wish} wish */
function authorization({ token }) {
  return token === '' ? [] : [`-H ${quoted(`Authorization: Bearer ${token}`)}`]
}

/**
 * One word for the shell, whatever is in it.
 *
 * @param {string} text
 */
function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
