import type { Parser } from '../config/options/parsers.ts'
import type { Settings } from '../config/settings.ts'
import { hubPath } from '../protocol/reserved.ts'

/** The value of `--hub`: the hub's whole URL. */
export const hubUrl: Parser<string> = (text) => {
  const isUrl = /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text)
  return isUrl
    ? { value: text }
    : { expected: `the hub's whole URL such as "http://127.0.0.1:3000${hubPath}"` }
}

/** Where the hub of these settings answers on this machine. */
export function ownHubUrl({ host, port }: Settings): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  const name = reachable.includes(':') ? `[${reachable}]` : reachable
  return `http://${name}:${port}${hubPath}`
}

/**
 * The audience that the hub expects in tokens (RFC 8707): its resource identifier, else its URL at
 * one of its public origins; `target` is the URL under which it is called.
 */
export function audienceOf(settings: Settings, target = ownHubUrl(settings)): string {
  const { publicUrls, resourceIdentifier } = settings
  if (resourceIdentifier !== undefined) return resourceIdentifier
  const { origin } = new URL(target)
  const isPublic = publicUrls.length === 0 || publicUrls.includes(origin)
  return `${isPublic ? origin : publicUrls[0]}${hubPath}`
}
