import type { AuthOptions } from '../auth/authenticator.ts'
import type { Settings } from '../config/settings.ts'

/** Whose tokens a hub with these settings believes, and where it looks for them. */
export function authOptionsOf(settings: Settings): AuthOptions {
  return {
    issuers: settings.issuers,
    legacyKeys: settings.legacyKeys,
    compatibility: settings.protocolVersionCompatibility,
    anonymous: settings.anonymous,
    cookieName: settings.cookieName,
    publishOrigins: settings.publishOrigins,
  }
}
