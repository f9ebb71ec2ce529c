import { isLoopbackHost } from '../net/loopback.ts'
import type { Settings } from './settings.ts'

/** What is allowed, but probably not meant. */
export function warningsAbout(settings: Settings, isEmbedded: boolean): readonly string[] {
  return [
    ...unreachable(settings),
    ...plainIdentifier(settings),
    ...plainKeySets(settings),
    ...nobodySubscribes(settings),
    ...(isEmbedded ? [] : nobodyPublishes(settings)),
    ...exposedPlayground(settings),
  ]
}

/** CORNERS 31: audience and origin are derived from `Host` for loopback names only. */
function unreachable({ host, publicUrls, resourceIdentifier }: Settings): readonly string[] {
  if (isLoopbackHost(host) || publicUrls.length > 0 || resourceIdentifier !== undefined) return []
  return [
    `public_urls: not set, nor resource_identifier; the hub listens on ${host} but takes tokens only for loopback hosts`,
  ]
}

function plainIdentifier({ resourceIdentifier = 'https:' }: Settings): readonly string[] {
  if (resourceIdentifier.startsWith('https:')) return []
  if (isLoopbackHost(new URL(resourceIdentifier).hostname)) return []
  return [`resource_identifier: ${resourceIdentifier} is not https; tokens travel unprotected`]
}

function plainKeySets({ issuers, legacyKeys }: Settings): readonly string[] {
  const keys = [...issuers, legacyKeys].flatMap((roles) => [roles.publisher, roles.subscriber])
  const uris = keys.flatMap((key) => (key?.kind === 'jwks' ? [key.uri] : []))
  return [...new Set(uris)]
    .filter((uri) => uri.startsWith('http:') && !isLoopbackHost(new URL(uri).hostname))
    .map((uri) => `jwks_uri: ${uri} is not https; whoever is on the way can replace the keys`)
}

function nobodySubscribes({ anonymous, issuers, legacyKeys }: Settings): readonly string[] {
  const hasSubscriberKey = [...issuers, legacyKeys].some((roles) => roles.subscriber !== undefined)
  if (anonymous || hasSubscriberKey) return []
  return ['subscriber_jwt_key: not set, and anonymous is off; nobody can subscribe']
}

function nobodyPublishes({ issuers, legacyKeys }: Settings): readonly string[] {
  const hasPublisherKey = [...issuers, legacyKeys].some((roles) => roles.publisher !== undefined)
  return hasPublisherKey ? [] : ['publisher_jwt_key: not set; nobody can publish']
}

function exposedPlayground({ host, playground }: Settings): readonly string[] {
  if (!playground || isLoopbackHost(host)) return []
  return [`INSECURE: the playground listens on ${host}; whoever reaches it can publish`]
}
