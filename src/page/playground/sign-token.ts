import { importPKCS8, SignJWT } from 'jose'

export interface GrantWish {
  readonly action: 'publish' | 'subscribe' | 'both'
  readonly type: 'exact' | 'urlpattern' | 'selector'
  readonly pattern: string
}

export interface TokenWish {
  readonly grants: readonly GrantWish[]
  readonly lifetimeSeconds: number
  readonly protocol: '1.0' | '0.x'
  readonly issuer: string
  readonly audience: string
  readonly key: string
  readonly algorithm: string
}

export const algorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'PS256',
  'ES256',
  'ES384',
  'EdDSA',
] as const

/** Everybody's key: a playground without keys of its own trusts it. */
export const playgroundKey = {
  key: '!ChangeThisMercureHubJWTSecretKey!',
  issuer: 'https://localhost',
}

/**
 * Signs a token in the browser. The key is sent nowhere and kept nowhere.
 *
 * @throws Error with a sentence for the reader
 */
export async function signToken(wish: TokenWish): Promise<string> {
  if (globalThis.crypto?.subtle === undefined)
    throw new Error('The browser signs on https and on localhost only. Use the command below.')
  const now = Math.floor(Date.now() / 1000)
  const { issuer, audience, protocol, algorithm, lifetimeSeconds } = wish
  const isLegacy = protocol === '0.x'
  const token = new SignJWT(
    isLegacy ? legacyClaims(wish) : { authorization_details: detailsOf(wish) },
  )
    .setProtectedHeader({ alg: algorithm, typ: isLegacy ? 'JWT' : 'at+jwt' })
    .setIssuedAt(now)
    .setExpirationTime(now + lifetimeSeconds)
  if (!isLegacy)
    token.setIssuer(issuer).setAudience(audience).setSubject(`urn:uuid:${crypto.randomUUID()}`)
  return token.sign(await keyOf(wish))
}

async function keyOf({ key, algorithm }: TokenWish) {
  if (algorithm.startsWith('HS')) return new TextEncoder().encode(key)
  try {
    return await importPKCS8(key, algorithm)
  } catch {
    throw new Error(`${algorithm} needs a private key as PEM (PKCS #8).`)
  }
}

/** A detail for each action and set of topics, as the specification spells it. */
function detailsOf({ grants }: TokenWish) {
  return (['publish', 'subscribe', 'both'] as const)
    .map((action) => ({
      type: 'https://mercure.rocks/authorization-detail',
      actions: action === 'both' ? ['publish', 'subscribe'] : [action],
      topics: grants
        .filter((grant) => grant.action === action)
        .map(({ type, pattern }) =>
          type === 'exact' ? { match: pattern } : { match: pattern, match_type: type },
        ),
    }))
    .filter(({ topics }) => topics.length > 0)
}

function legacyClaims({ grants }: TokenWish) {
  const listed = (action: 'publish' | 'subscribe') =>
    grants
      .filter((grant) => grant.action === action || grant.action === 'both')
      .map(({ pattern }) => pattern)
  return { mercure: { publish: listed('publish'), subscribe: listed('subscribe') } }
}

/** The command that makes the same token with the hub's own key. */
export function commandFor(
  { grants, protocol, lifetimeSeconds }: TokenWish,
  quoted: (text: string) => string,
): string {
  const flags = grants.flatMap(({ action, type, pattern }) => {
    if (type === 'urlpattern') return [`--urlpattern ${quoted(pattern)}`]
    return [
      ...(action === 'subscribe' ? [] : [`--publish ${quoted(pattern)}`]),
      ...(action === 'publish' ? [] : [`--subscribe ${quoted(pattern)}`]),
    ]
  })
  return [
    'cinnabar token',
    ...(protocol === '0.x' ? ['--legacy'] : []),
    ...flags,
    `--ttl ${lifetimeSeconds}s`,
  ].join(' ')
}
