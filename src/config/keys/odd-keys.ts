import type { KeySettings, RoleKeys } from '../settings.ts'
import { isPem } from './role-keys.ts'

/** RFC 7518 § 3.2: an HMAC key is at least as long as the digest. */
const leastBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** Secrets that verify, but are hardly what somebody meant to set. */
const oddities: readonly (readonly [pattern: RegExp, what: string])[] = [
  [
    /^(["'`]).*\1$/s,
    'begins and ends with a quote, which is part of the key; leave the quotes out',
  ],
  [/^\s|\s$/, 'begins or ends with white space, which is part of the key'],
  [/\s#/, 'holds " #": a comment behind the value is part of the key; put it on a line of its own'],
  [
    /^["'`\s]*eyJ[\w-]+\.[\w-]+\.[\w-]*["'`\s]*$/,
    'looks like a token (JWT), where the key that signs tokens belongs',
  ],
  [
    /^\s*\{.*"(?:kty|keys)"/s,
    'looks like a JWK, and is taken for a secret; a JWK Set has its own option',
  ],
  [
    /^(?:LS0tLS1|MI[CGI][A-Z])/,
    'looks like a PEM key without its first and last line, and is taken for a secret',
  ],
  [
    /^(?:\$\{?\w+.*|%env\(.*\)%|\{\$?[\w.]+\}|<[^>]*>|…)$/,
    'looks like a placeholder that nobody filled in',
  ],
]

/** What is wrong with a secret, in sentences that never hold it. */
export function secretWarnings(name: string, key: string, algorithm: string): readonly string[] {
  if (isPem(key)) return []
  const [bytes, least = 0] = [Buffer.byteLength(key), leastBytes[algorithm]]
  const weak =
    bytes < least
      ? [
          `${name}: weak, ${bytes} bytes where ${algorithm} wants ${least}; it can be guessed (openssl rand -base64 48 makes a good one)`,
        ]
      : []
  const odd = oddities.filter(([pattern]) => pattern.test(key))
  return [...weak, ...odd.map(([, what]) => `${name}: ${what}`)]
}

/** The same for both roles. */
export function keyWarnings(
  { publisher, subscriber }: RoleKeys,
  nameOf: (role: 'publisher' | 'subscriber') => string,
): readonly string[] {
  const of = (role: 'publisher' | 'subscriber', key: KeySettings | undefined) =>
    key?.kind === 'static' ? secretWarnings(nameOf(role), key.key, key.algorithm) : []
  return [...of('publisher', publisher), ...of('subscriber', subscriber)]
}
