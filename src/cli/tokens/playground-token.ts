import { randomUUID } from 'node:crypto'
import { signToken } from '../../auth/token/sign.ts'
import { developmentKey } from '../../config/keys/role-keys.ts'
import type { RoleKeys, Settings } from '../../config/settings.ts'
import { accessTokenClaims, exactly } from './claims.ts'

/** Longer than anybody tries things out in one go; the page gets a fresh one each time it is loaded. */
const ttlMs = 24 * 3_600_000

/**
 * Signs the tokens that the playground's page hands out: everything, for a day.
 *
 * Only with the development key, which everybody has anyway. A key that an operator chose is never
 * lent to whoever opens a page: undefined then.
 */
export function playgroundTokens(
  settings: Settings,
): ((audience: string) => Promise<string>) | undefined {
  const issuer = settings.issuers.find(hasDevelopmentKey)
  if (!settings.playground || issuer === undefined) return undefined
  const wish = { publish: [exactly('*')], subscribe: [exactly('*')] }
  return (audience) => {
    const subject = `urn:uuid:${randomUUID()}`
    const claims = accessTokenClaims(wish, { issuer: issuer.id, audience, subject, ttlMs })
    return signToken(claims, 'at+jwt', developmentKey)
  }
}

function hasDevelopmentKey({ publisher, subscriber }: RoleKeys): boolean {
  return [publisher, subscriber].every(
    (keys) => keys?.kind === 'static' && keys.key === developmentKey.key,
  )
}
