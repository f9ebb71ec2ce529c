import { ConfigError, type Loaded, loadSettings } from '../../src/config/load.ts'

export interface GivenSources {
  readonly argv?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The text of `hub.yaml`, named with `--config`. */
  readonly file?: string
}

const key = 'a secret that is long enough for HS256'

/** What the smallest hub needs. */
export const minimal = {
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: key,
  MERCURE_SUBSCRIBER_JWT_KEY: key,
}

export function load({ argv = [], env = {}, file }: GivenSources): Loaded {
  return loadSettings({
    argv: file === undefined ? argv : [...argv, '--config', 'hub.yaml'],
    env,
    ...(file === undefined ? {} : { readFile: () => file }),
  })
}

/** Every problem that the sources have; none when they are fine. */
export function problemsOf(sources: GivenSources): readonly string[] {
  try {
    load(sources)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems
  }
}
