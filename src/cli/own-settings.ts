import { loadClientSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'

/**
 * The hub's own settings, from its environment and the file, as a command sees them that talks to it.
 *
 * @throws ConfigError with every problem there is
 */
export function ownSettings(config: string | undefined): Settings {
  const argv = config === undefined ? [] : ['--config', config]
  return loadClientSettings({ argv, env: process.env }).settings
}
