import { subscribe } from 'cinnabar/client'

/**
 * Fetches a resource as API Platform serves it, and follows it at the hub that its `Link` names.
 *
 * @param {string} url
 * @param {Partial<import('cinnabar/client').SubscribeOptions>} options
 */
export async function follow(url, options = {}) {
  const response = await fetch(url, { headers: { accept: 'application/ld+json' } })
  const links = response.headers.get('link') ?? ''
  const { target: hub, lastEventId } = linkOf(links, 'mercure')
  if (hub === undefined) throw new Error(`${url} names no hub: its Link has no rel="mercure"`)
  const topic = new URL(linkOf(links, 'self').target ?? '', response.url).href
  const resource = await response.json()
  const from = { hub: new URL(hub, response.url), match: topic, lastEventId }
  const subscription = subscribe({ ...from, ...options })
  return { resource, subscription }
}

/** The first link with this relation (RFC 8288), and the cursor that belongs to it, if any. */
function linkOf(links, relation) {
  for (const [, target, parameters] of links.matchAll(/<([^>]*)>((?:;[^,"]*(?:"[^"]*")?)*)/g)) {
    const valueOf = (name) => {
      const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;,\\s]*))`, 'i').exec(
        parameters,
      )
      return found?.[1] ?? found?.[2]
    }
    const relations = valueOf('rel')?.split(' ') ?? []
    if (relations.includes(relation)) return { target, lastEventId: valueOf('last-event-id') }
  }
  return {}
}
