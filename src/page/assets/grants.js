// @ts-check

/**
 * Says in a line what a token claims. Nothing is verified here: that is the hub's business.
 *
 * @param {string} token
 */
export function describeToken(token) {
  if (token === '') return 'Without one: public updates only, when the hub is open to everybody.'
  const claims = claimsOf(token)
  if (claims === undefined) return 'This does not read like a JSON Web Token.'
  const sentences = [mayDo(claims), until(claims)].filter((sentence) => sentence !== '')
  return sentences.join(' ')
}

/**
 * @param {string} token
 * @returns {Record<string, unknown> | undefined}
 */
function claimsOf(token) {
  try {
    const base64 = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes))
    return typeof claims === 'object' && claims !== null ? claims : undefined
  } catch {
    return undefined
  }
}

/** @param {Record<string, unknown>} claims */
function mayDo({ authorization_details: details }) {
  if (!Array.isArray(details)) return 'Grants nothing.'
  const grants = details.map(
    (detail) =>
      `${listOf(detail?.actions).join(' and ')} ${listOf(detail?.topics)
        .map((topic) => topic?.match)
        .join(', ')}`,
  )
  return `May ${grants.join('; ')}.`
}

/** @param {Record<string, unknown>} claims */
function until({ exp }) {
  if (typeof exp !== 'number') return ''
  const end = new Date(exp * 1000)
  if (Number.isNaN(end.getTime())) return ''
  const isOver = end.getTime() <= Date.now()
  const moment = end.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
  return isOver ? `Expired on ${moment}.` : `Until ${moment}.`
}

/** @param {unknown} value */
function listOf(value) {
  return Array.isArray(value) ? value : []
}
