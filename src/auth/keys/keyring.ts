import type { IssuerSettings, KeySettings, RoleKeys } from '../../config/settings.ts'
import { asymmetricAlgorithms, namesOf } from './algorithms.ts'
import type { Role } from '../credentials.ts'
import { type JwksEvent, JwksSource } from './jwks-source.ts'
import type { KeySource, RoleKeySource } from './key-source.ts'
import { importStaticKey, isWeakSecret } from './static-key.ts'

/** Something about an issuer's keys that the log should tell. */
export type KeySourceEvent =
  | (JwksEvent & { readonly issuer: string })
  | { readonly type: 'weak_secret'; readonly issuer: string; readonly role: Role }

export interface KeyringOptions {
  /** Keys of protocol 0.x, whose tokens name no issuer. */
  readonly legacyKeys?: RoleKeys
  readonly onKeySource: (event: KeySourceEvent) => void
  readonly now: () => number
}

/** A JWK Set in use. */
export interface KeySetState {
  readonly issuer: string
  /** Without its query. */
  readonly uri: string
  readonly keys: number
  /** Since it was last read; since the start when it never was. */
  readonly ageMs: number
}

type IssuerKeys = Partial<Record<Role, RoleKeySource>>

const roles = ['publisher', 'subscriber'] as const

/**
 * The keys of all issuers, by issuer and role.
 *
 * Keys are never pooled: what signs for one issuer proves nothing about another (draft-08 § 1.7).
 */
export class Keyring {
  readonly #issuers: ReadonlyMap<string, IssuerKeys>
  readonly #legacy: IssuerKeys
  readonly #roles: ReadonlySet<Role>
  readonly #sources: ReadonlySet<KeySource>

  private constructor(
    issuers: ReadonlyMap<string, IssuerKeys>,
    legacy: IssuerKeys,
    sources: ReadonlySet<KeySource>,
  ) {
    this.#issuers = issuers
    this.#legacy = legacy
    const all = [...issuers.values(), legacy]
    this.#roles = new Set(roles.filter((role) => all.some((keys) => keys[role] !== undefined)))
    this.#sources = sources
  }

  /** @throws Error naming the option that holds a bad key, secret or JWK Set; what was opened is closed */
  static async open(issuers: readonly IssuerSettings[], options: KeyringOptions): Promise<Keyring> {
    const opened = new Set<KeySource>()
    try {
      const entries = new Map<string, IssuerKeys>()
      for (const issuer of issuers) {
        if (issuer.id === '') throw new Error('issuers: an issuer must have an id')
        if (entries.has(issuer.id)) throw new Error(`issuers: ${issuer.id} is listed twice`)
        entries.set(issuer.id, await openIssuer(issuer, opened, options))
      }
      const legacy = await openIssuer({ id: '', ...options.legacyKeys }, opened, options)
      return new Keyring(entries, legacy, opened)
    } catch (error) {
      for (const source of opened) source.close()
      throw error
    }
  }

  /** The keys an issuer's tokens are verified with in this role, if it is trusted in it. */
  keysOf(issuer: string, role: Role): RoleKeySource | undefined {
    return this.#issuers.get(issuer)?.[role]
  }

  /** The keys that 0.x tokens are verified with in this role, if it speaks 0.x in it. */
  legacyKeysOf(role: Role): RoleKeySource | undefined {
    return this.#legacy[role]
  }

  get hasIssuers(): boolean {
    return [...this.#issuers.values()].some((keys) => Object.keys(keys).length > 0)
  }

  hasKeys(role: Role): boolean {
    return this.#roles.has(role)
  }

  /** Each JWK Set once per issuer. */
  keySets(): readonly KeySetState[] {
    return [...this.#issuers].flatMap(([issuer, keys]) => {
      const sources = new Set(roles.map((role) => keys[role]?.source))
      return [...sources]
        .filter((source) => source instanceof JwksSource)
        .map((source) => ({ issuer, ...source.state }))
    })
  }

  close(): void {
    for (const source of this.#sources) source.close()
  }
}

/** The keys of one issuer. Roles that name the same JWK Set share one source, and so its fetches. */
async function openIssuer(
  issuer: RoleKeys & { readonly id: string },
  opened: Set<KeySource>,
  options: KeyringOptions,
): Promise<IssuerKeys> {
  const shared = new Map<string, KeySource>()
  const keys: IssuerKeys = {}
  for (const role of roles) {
    const settings = issuer[role]
    if (settings === undefined) continue
    try {
      keys[role] = await openRole(settings, { issuer: issuer.id, role, shared, ...options })
      opened.add(keys[role].source)
    } catch (cause) {
      const owner = issuer.id === '' ? 'protocol 0.x' : `issuer ${issuer.id}`
      throw new Error(`${optionOf(settings, role)} of ${owner}: ${messageOf(cause)}`, { cause })
    }
  }
  return keys
}

interface RoleContext extends KeyringOptions {
  readonly issuer: string
  readonly role: Role
  readonly shared: Map<string, KeySource>
}

async function openRole(settings: KeySettings, context: RoleContext): Promise<RoleKeySource> {
  const { issuer, role, shared, onKeySource, now } = context
  if (settings.kind === 'static') {
    if (isWeakSecret(settings)) onKeySource({ type: 'weak_secret', issuer, role })
    return importStaticKey(settings)
  }

  const algorithms = allowList(settings.algorithms)
  const source =
    shared.get(settings.uri) ??
    (await JwksSource.open(settings.uri, {
      now,
      onEvent: (event) => onKeySource({ ...event, issuer }),
    }))
  shared.set(settings.uri, source)
  return { source, isStatic: false, algorithms }
}

function allowList(configured: readonly string[] | undefined): ReadonlySet<string> {
  const algorithms = configured ?? asymmetricAlgorithms
  const wrong = algorithms.find((algorithm) => !asymmetricAlgorithms.includes(algorithm))
  if (wrong !== undefined || algorithms.length === 0)
    throw new Error(
      `the algorithms of a JWK Set are some of ${asymmetricAlgorithms.join(', ')}, got ${JSON.stringify(wrong ?? '')}`,
    )
  return new Set(algorithms.flatMap(namesOf))
}

/** The option as the file and the environment call it. */
function optionOf(settings: KeySettings, role: Role): string {
  return settings.kind === 'jwks'
    ? `${role}.jwks_uri (MERCURE_${role.toUpperCase()}_JWKS_URI)`
    : `${role}.key (MERCURE_${role.toUpperCase()}_JWT_KEY)`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
