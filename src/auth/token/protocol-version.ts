import { decodeToken, type Token } from './decode.ts'

/** The protocol a token belongs to, and with it the request that presents it. */
export type Protocol = '1.0' | '0.x'

const legacyClaims = ['mercure', 'https://mercure.rocks/']

/** RFC 9068 § 4: `typ` keeps ID tokens and other JWTs of the same issuer out. */
export function isAccessToken({ header: { typ } }: Token): boolean {
  return typeof typ === 'string' && /^(?:application\/)?at\+jwt$/i.test(typ)
}

export function hasLegacyClaim({ claims }: Token): boolean {
  return legacyClaims.some((claim) => claim in claims)
}

/**
 * True for a token of protocol 0.x, by its form alone (decision 2): it neither says `at+jwt` nor has
 * authorization details, in whatever letters; and it has a claim of 0.x, or is a plain JWT that grants
 * nothing.
 */
export function isLegacyToken(token: Token): boolean {
  const hasDetails = Object.keys(token.claims).some(
    (claim) => claim.toLowerCase() === 'authorization_details',
  )
  if (isAccessToken(token) || hasDetails) return false
  const { typ } = token.header
  const isPlain = typ === undefined || (typeof typ === 'string' && /^jwt$/i.test(typ))
  return hasLegacyClaim(token) || isPlain
}

/** The protocol of a token that nobody has verified yet; undefined when it cannot be read. */
export function protocolOf(text: string): Protocol | undefined {
  try {
    return isLegacyToken(decodeToken(text)) ? '0.x' : '1.0'
  } catch {
    return undefined
  }
}
