import { isLoopbackHost } from '../net/loopback.ts'
import { isRedisUrl, parseRedisUrl, RedisUrlError } from '../net/redis-url.ts'
import { hasKey } from './keys/trusted-keys.ts'
import type { OptionName } from './options/table.ts'
import { problem } from './problem.ts'
import type { Settings } from './settings.ts'

/** A rule between options. It is not asked when one of them is already known to be wrong. */
interface Rule {
  readonly options: readonly OptionName[]
  /** It speaks of keys, and is not asked when one of those is wrong. */
  readonly isAboutKeys?: boolean
  /** The problem, or nothing when the rule holds. */
  readonly check: (settings: Settings, yesExpose: boolean) => string | undefined
}

/** What any use of the settings needs. */
export const rules: readonly Rule[] = [
  { options: ['host', 'port', 'admin_host', 'admin_port'], check: twoListeners },
  { options: ['header_timeout', 'request_timeout'], check: headWithinRequest },
  { options: ['transport_url', 'workers'], check: sharedMemory },
  {
    options: ['resource_identifier', 'public_urls', 'trusted_issuers'],
    isAboutKeys: true,
    check: ambiguousAudience,
  },
]

/** Somebody must be able to publish or subscribe. */
const keyRule: Rule = {
  options: ['anonymous', 'playground', 'protocol_version_compatibility'],
  isAboutKeys: true,
  check: nobody,
}

/** What only a hub that starts needs. */
export const startRules: readonly Rule[] = [
  keyRule,
  { options: ['transport_url'], check: redisFiles },
  { options: ['playground', 'host', 'admin_host', 'admin_port'], check: exposedPlayground },
]

function twoListeners({ host, port, adminHost, adminPort }: Settings): string | undefined {
  if (port === 0 || port !== adminPort || host !== adminHost) return undefined
  return problem('admin_port', 'another port than the hub itself has', String(port), undefined)
}

/** A head is the beginning of its request. */
function headWithinRequest({ headerTimeoutMs, requestTimeoutMs }: Settings): string | undefined {
  if (headerTimeoutMs <= requestTimeoutMs) return undefined
  return problem('header_timeout', 'at most request_timeout', `${headerTimeoutMs}ms`, undefined)
}

function sharedMemory({ transportUrl, workers }: Settings): string | undefined {
  if (transportUrl !== 'memory:' || workers === 1) return undefined
  const expected = '1 with memory:, which processes cannot share'
  return problem('workers', expected, String(workers), undefined)
}

/** Only a hub has to be able to read them. */
function redisFiles({ transportUrl }: Settings): string | undefined {
  if (!isRedisUrl(transportUrl)) return undefined
  try {
    parseRedisUrl(transportUrl)
    return undefined
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error
    return error.message
  }
}

/** CORNERS 31: with several issuers a token of one for another host must not be taken for ours. */
function ambiguousAudience(settings: Settings): string | undefined {
  const { issuers, publicUrls, resourceIdentifier } = settings
  if (issuers.length < 2 || publicUrls.length > 0 || resourceIdentifier !== undefined)
    return undefined
  const expected = 'it or public_urls to be set when several issuers are trusted'
  return problem('resource_identifier', expected, 'neither', undefined)
}

function nobody({ anonymous, issuers, legacyKeys }: Settings): string | undefined {
  if (anonymous || issuers.length > 0 || hasKey(legacyKeys)) return undefined
  return problem(
    'publisher_jwt_key, subscriber_jwt_key',
    'a key, a JWK Set or issuers (or anonymous, or playground to try it out)',
    'nothing',
    undefined,
  )
}

function exposedPlayground(settings: Settings, yesExpose: boolean): string | undefined {
  const { host, adminHost, adminPort, playground } = settings
  if (!playground || yesExpose) return undefined
  if (!isLoopbackHost(host)) return exposed('host', host)
  return adminPort === 'off' || isLoopbackHost(adminHost)
    ? undefined
    : exposed('admin_host', adminHost)
}

function exposed(name: OptionName, host: string): string {
  const expected = 'a loopback address, because the playground is insecure (--yes-expose overrides)'
  return problem(name, expected, JSON.stringify(host), undefined)
}
