import type { Loaded } from '../config/load.ts'
import { type OptionName, optionNames } from '../config/options/table.ts'
import type { Settings } from '../config/settings.ts'
import type { Assembly } from './assemble.ts'

/** Options that a running hub takes over; every other one needs a restart. */
const reloadable: ReadonlySet<string> = new Set<OptionName | 'issuers' | 'legacy'>([
  'issuers',
  'legacy',
  'trusted_issuers',
  'publisher_jwt_key',
  'publisher_jwt_alg',
  'publisher_jwks_uri',
  'subscriber_jwt_key',
  'subscriber_jwt_alg',
  'subscriber_jwks_uri',
  'publish_origins',
  'max_subscribers',
  'max_subscribers_per_token',
  'max_subscribers_per_address',
  'max_publishes_per_second_per_token',
  'log_level',
])

/** What became of options that changed. */
export interface Reloaded {
  readonly taken: readonly string[]
  readonly needsRestart: readonly string[]
}

/**
 * Takes new settings over without dropping a stream: keys, issuers, limits.
 *
 * @param started what the hub was started with
 * @param before what it has now
 * @returns which changed options count from now on, and which only after a restart
 * @throws Error naming option, rule and value; nothing has changed then
 */
export async function reload(
  hub: Pick<Assembly, 'renew'>,
  started: Loaded,
  before: Loaded,
  after: Loaded,
): Promise<Reloaded> {
  await hub.renew(after.settings)
  const late = lateOptions(started.settings, after.settings)
  return {
    taken: changed(before, after).filter((name) => reloadable.has(name) && !late.has(name)),
    needsRestart: changed(started, after).filter((name) => !reloadable.has(name) || late.has(name)),
  }
}

function changed(before: Loaded, after: Loaded): string[] {
  return [...changedOptions(before, after), ...changedKeys(before.settings, after.settings)]
}

function changedOptions(before: Loaded, after: Loaded): OptionName[] {
  const textOf = ({ values }: Loaded, name: OptionName) => JSON.stringify(values[name])
  return optionNames.filter((name) => textOf(before, name) !== textOf(after, name))
}

/** `issuers:` and `legacy:` of the file, when it is they that changed. */
function changedKeys(before: Settings, after: Settings): string[] {
  const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other)
  return [
    ...(differs(before.issuers, after.issuers) ? ['issuers'] : []),
    ...(differs(before.legacyKeys, after.legacyKeys) ? ['legacy'] : []),
  ]
}

/** Reloadable options that come too late: a role without a key has no route, and addresses were not looked at. */
function lateOptions(started: Settings, after: Settings): ReadonlySet<string> {
  const hasKey = ({ issuers, legacyKeys }: Settings, role: 'publisher' | 'subscriber') =>
    [...issuers, legacyKeys].some((keys) => keys[role] !== undefined)
  const roles = (['publisher', 'subscriber'] as const).filter(
    (role) => !hasKey(started, role) && hasKey(after, role),
  )
  const addresses = started.maxSubscribersPerAddress === 0 ? ['max_subscribers_per_address'] : []
  return new Set([
    ...roles.flatMap((role) => [`${role}_jwt_key`, `${role}_jwks_uri`]),
    ...addresses,
  ])
}
