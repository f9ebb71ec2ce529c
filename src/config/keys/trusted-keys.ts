import type { FileIssuers } from './issuers-file.ts'
import { keyWarnings } from './odd-keys.ts'
import { developmentKey, type Places, readRole, type RoleFields } from './role-keys.ts'
import type { Values } from '../options/table.ts'
import { problem, quote } from '../problem.ts'
import type { IssuerSettings, RoleKeys } from '../settings.ts'
import type { Readings } from '../sources/sources.ts'
import type { ReadValues } from '../values.ts'

/** Whose tokens the hub believes, and with which keys. */
export interface Keyring {
  readonly issuers: readonly IssuerSettings[]
  readonly legacyKeys: RoleKeys
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** The options that bring a key. */
export const keyOptions = [
  'publisher_jwt_key',
  'publisher_jwks_uri',
  'subscriber_jwt_key',
  'subscriber_jwks_uri',
] as const

const playgroundIssuer = 'https://localhost'

/**
 * Brings together the flat keys, which belong to each of the trusted issuers, and `issuers:` and
 * `legacy:` of the file.
 */
export function readKeyring(
  { values, failed }: ReadValues,
  readings: Readings,
  file: FileIssuers,
): Keyring {
  const problems: string[] = [...file.problems]
  const flat = flatKeys(values, readings, problems)
  const isFileEmpty = readings.issuers === undefined && readings.legacy === undefined
  const needsDevelopmentKey = values.playground && isFileEmpty && !areAnyGiven(readings)
  const keys = needsDevelopmentKey ? playgroundKeys : flat
  const ids = trustedIds(values, hasKey(keys))
  const issuers = [...file.issuers, ...(hasKey(keys) ? ids.map((id) => issuer(id, keys)) : [])]
  const speaksLegacy = values.protocol_version_compatibility !== 0
  const areFlatKeysLegacy = speaksLegacy && isFileEmpty
  const areIdsKnown =
    !failed.has('trusted_issuers') && !failed.has('protocol_version_compatibility')
  if (hasKey(keys) && ids.length === 0 && !areFlatKeysLegacy && areIdsKnown)
    problems.push(homelessKeys(speaksLegacy))
  return {
    issuers,
    legacyKeys: speaksLegacy ? (file.legacy ?? (areFlatKeysLegacy ? keys : {})) : {},
    problems: [...problems, ...repeatedIds(issuers)],
    warnings: [
      ...idleIds(values, keys),
      ...idleAlgorithms(values),
      ...(file.legacy !== undefined && !speaksLegacy ? [idleLegacy] : []),
      ...(values.playground ? [] : developmentKeys(issuers, keys)),
      ...keyWarnings(flat, (role) => `${role}_jwt_key`),
      ...file.issuers.flatMap((one, index) =>
        keyWarnings(one, (role) => `issuers[${index}].${role}.key`),
      ),
      ...keyWarnings(file.legacy ?? {}, (role) => `legacy.${role}.key`),
    ],
  }
}

export function hasKey(keys: RoleKeys): boolean {
  return keys.publisher !== undefined || keys.subscriber !== undefined
}

/** Whoever signs for one of them signs for the other. */
export function haveSameKeys(one: RoleKeys, other: RoleKeys): boolean {
  const spelled = ({ publisher, subscriber }: RoleKeys) => JSON.stringify([publisher, subscriber])
  return spelled(one) === spelled(other)
}

const playgroundKeys: RoleKeys = { publisher: developmentKey, subscriber: developmentKey }

const idleLegacy = 'legacy: has no effect without protocol_version_compatibility'

function flatKeys(values: Values, readings: Readings, problems: string[]): RoleKeys {
  const read = (role: 'publisher' | 'subscriber') => {
    const fields: RoleFields = {
      key: values[`${role}_jwt_key`],
      algorithm: values[`${role}_jwt_alg`],
      jwks_uri: values[`${role}_jwks_uri`],
    }
    const key = readRole(fields, flatPlaces(role, readings), problems)
    return key === undefined ? {} : { [role]: key }
  }
  return { ...read('publisher'), ...read('subscriber') }
}

function flatPlaces(role: 'publisher' | 'subscriber', { given }: Readings): Places {
  const option = {
    key: `${role}_jwt_key`,
    algorithm: `${role}_jwt_alg`,
    jwks_uri: `${role}_jwks_uri`,
    algorithms: `${role}_jwt_alg`,
  } as const
  return {
    name: (field) => option[field],
    origin: (field) => given.get(option[field])?.origin,
  }
}

/** Asked of the texts, not of the keys: a key with a mistake must not be replaced by the public one. */
function areAnyGiven({ given }: Readings): boolean {
  return keyOptions.some((name) => given.has(name))
}

function trustedIds(values: Values, areKeysGiven: boolean): readonly string[] {
  if (values.trusted_issuers.length > 0 || !values.playground || !areKeysGiven)
    return values.trusted_issuers
  return [playgroundIssuer]
}

function issuer(id: string, keys: RoleKeys): IssuerSettings {
  return { id, ...keys, authorizationServer: false }
}

function homelessKeys(speaksLegacy: boolean): string {
  return speaksLegacy
    ? problem(
        'trusted_issuers',
        'the issuer of the tokens that the flat keys verify (with issuers: or legacy: in the file, keys for 0.x stand under legacy:)',
        'nothing',
        undefined,
      )
    : problem(
        'trusted_issuers',
        'the issuer of the tokens that the keys verify (without one they only serve protocol 0.x, and need protocol_version_compatibility)',
        'nothing',
        undefined,
      )
}

function repeatedIds(issuers: readonly IssuerSettings[]): readonly string[] {
  const ids = issuers.map(({ id }) => id)
  const repeated = new Set(ids.filter((id, index) => ids.indexOf(id) !== index))
  return [...repeated].map((id) =>
    problem('trusted_issuers, issuers', 'each id once', `${quote(id)} again`, undefined),
  )
}

function idleIds(values: Values, keys: RoleKeys): readonly string[] {
  if (values.trusted_issuers.length === 0 || hasKey(keys)) return []
  return ['trusted_issuers: has no effect without a key or a JWK Set of a publisher or subscriber']
}

function idleAlgorithms(values: Values): readonly string[] {
  const roles = ['publisher', 'subscriber'] as const
  return roles
    .filter((role) => values[`${role}_jwt_alg`] !== undefined)
    .filter((role) => !values[`${role}_jwt_key`] && !values[`${role}_jwks_uri`])
    .map((role) => `${role}_jwt_alg: has no effect without ${role}_jwt_key or ${role}_jwks_uri`)
}

function developmentKeys(issuers: readonly IssuerSettings[], flat: RoleKeys): readonly string[] {
  const keys = [...issuers, flat].flatMap(({ publisher, subscriber }) => [publisher, subscriber])
  const isPublic = keys.some((key) => key?.kind === 'static' && key.key === developmentKey.key)
  return isPublic
    ? ['INSECURE: a key is the development key, which is public; whoever reads it can publish']
    : []
}
