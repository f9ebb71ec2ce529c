import { randomUUID } from 'node:crypto'
import { signToken } from '../../auth/token/sign.ts'
import { isLoopbackHost } from '../../net/loopback.ts'
import type { Settings } from '../../config/settings.ts'
import type { Arguments } from '../arguments.ts'
import { accessTokenClaims, legacyClaims, type Wish } from './claims.ts'
import { audienceOf } from '../hub-address.ts'
import { secretText } from '../secret-text.ts'
import { hasKeys, hasLegacyKeys, type NoSigner, signerFrom } from './signer.ts'

/** How long a token lives that a command makes for itself, for one request or one stream. */
const ttlMs = 3_600_000

/** Makes a token for one request; `notes` are for the caller of the command. */
export interface TokenSource {
  readonly notes: readonly string[]
  readonly token: () => Promise<string>
}

/** The token given with `--token`, as it is or as `@FILE`. */
export function givenToken(args: Arguments): TokenSource | undefined {
  const text = args.parsed('token', secretText)
  return text === undefined ? undefined : { notes: [], token: () => Promise.resolve(text) }
}

/** Tokens signed with the hub's own key, for a hub that is called as `target`. */
export function ownTokens(
  settings: Settings,
  target: string,
  wish: Wish,
  isAskedLegacy = false,
): TokenSource | NoSigner {
  const first = signerFrom(settings, wish, { isLegacy: isAskedLegacy })
  // A hub that has keys for 0.x alone takes no other token.
  const isLegacy = isAskedLegacy || ('expected' in first && hasLegacyKeys(settings))
  const signer = isLegacy ? signerFrom(settings, wish, { isLegacy }) : first
  if ('expected' in signer) return signer
  const { issuer, key, notes } = signer
  return {
    notes,
    token: () =>
      isLegacy
        ? signToken(legacyClaims(wish, ttlMs), 'JWT', key)
        : signToken(
            accessTokenClaims(wish, {
              issuer,
              audience: audienceOf(settings, target),
              subject: `urn:uuid:${randomUUID()}`,
              ttlMs,
            }),
            'at+jwt',
            key,
          ),
  }
}

/** True when the settings say nothing of keys and the hub is elsewhere: a playground's token is worth nothing there. */
export function isStranger(settings: Settings, target: string): boolean {
  return !hasKeys(settings) && !isLoopbackHost(new URL(target).hostname)
}
