import { authOptionsOf } from '../../app/auth-options.ts'
import { Authenticator, type Presented, type Role } from '../../auth/authenticator.ts'
import { type Explanation, explain, type Question } from '../../auth/explain.ts'
import { loadClientSettings } from '../../config/load.ts'
import type { Settings } from '../../config/settings.ts'
import { audienceOf, ownHubUrl } from '../hub-address.ts'
import { ownSettings } from '../own-settings.ts'
import { hasKeys } from './signer.ts'

/** What a hub with the settings of this command thinks of a token, without asking one that runs. */
export interface Judge {
  /** For the caller of the command. */
  readonly notes: readonly string[]
  explain(role: Role, token: string | undefined, question: Question): Promise<Explanation>
  close(): void
}

/**
 * @param config the configuration file
 * @param target the URL under which the hub is called; default: where these settings have it listen
 * @throws ConfigError with every problem there is
 */
export async function judgeOf(config: string | undefined, target?: string): Promise<Judge> {
  const { settings, notes } = judgingSettings(config)
  const hub = target ?? ownHubUrl(settings)
  const authenticator = await Authenticator.open(authOptionsOf(settings))
  return {
    notes,
    explain: (role, token, question) =>
      explain(authenticator, presentedTo(settings, hub, role, token), question),
    close: () => authenticator.close(),
  }
}

/** Without any key in the settings it is the playground that judges, as it is the one that signs. */
function judgingSettings(config: string | undefined): {
  readonly settings: Settings
  readonly notes: readonly string[]
} {
  const own = ownSettings(config)
  if (hasKeys(own)) return { settings: own, notes: [] }
  const argv = ['--playground', ...(config === undefined ? [] : ['--config', config])]
  const { settings } = loadClientSettings({ argv, env: process.env })
  return { settings, notes: ['no key is configured; this is what the playground says'] }
}

function presentedTo(
  settings: Settings,
  hub: string,
  role: Role,
  token: string | undefined,
): Presented {
  const { origin } = new URL(hub)
  const audience = audienceOf(settings, hub)
  return {
    role,
    authorization: token === undefined ? [] : [`Bearer ${token}`],
    cookie: undefined,
    isUnsafe: role === 'publisher',
    origin: undefined,
    referer: undefined,
    ownOrigin: origin,
    hubUrl: hub,
    audience,
  }
}
