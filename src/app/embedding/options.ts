import type { Loaded } from '../../config/load.ts'
import { loadSettings } from '../../config/load.ts'
import type { OptionName, Values } from '../../config/options/table.ts'
import { ConfigError } from '../../config/problem.ts'
import type { Teller } from '../tell.ts'

/** Options of the listeners and of the process, which the program that embeds a hub has in its own hands. */
const ofTheProcess = [
  'host',
  'port',
  'admin_host',
  'admin_port',
  'admin_names',
  'admin_token',
  'workers',
  'debugger',
  'playground',
  'drain_timeout',
  'max_header_size',
  'header_timeout',
  'request_timeout',
  'keep_alive_timeout',
  'log_level',
  'log_format',
] as const satisfies readonly OptionName[]

type OwnName = Exclude<OptionName, (typeof ofTheProcess)[number]>

/** What may be given for a value: its own type, or the text of the configuration file (`"40s"`, `"64MiB"`). */
type Given<Value> = Value extends boolean
  ? boolean
  : Value extends number
    ? number | string
    : Value extends readonly unknown[]
      ? string | readonly string[]
      : string

/** Keys of one role: a secret or PEM with its algorithm, or a JWK Set. */
export interface RoleKeys {
  readonly key?: string
  readonly algorithm?: string
  readonly jwks_uri?: string
  readonly algorithms?: readonly string[]
}

/** A token issuer with keys of its own. */
export interface Issuer {
  readonly id: string
  readonly publisher?: RoleKeys
  readonly subscriber?: RoleKeys
  /** Whether the resource metadata names it as an authorization server. */
  readonly authorization_server?: boolean
}

/**
 * The options of an embedded hub, in the names and notation of the configuration file.
 *
 * Durations are texts with a unit (`"40s"`, or 0), sizes too (`"64MiB"`, or a number of bytes), lists
 * are arrays. What the embedding server decides (ports, header sizes, workers) is no option here.
 */
export type EmbeddingOptions = {
  readonly [Name in OwnName]?: Given<NonNullable<Values[Name]>> | undefined
} & {
  /** Several token issuers, keys never pooled. */
  readonly issuers?: readonly Issuer[]
  /** Keys of protocol 0.x, where there are several issuers. */
  readonly legacy?: Pick<Issuer, 'publisher' | 'subscriber'>
  /** Takes what the hub logs: pino, Fastify's `app.log`, or four functions of that shape. */
  readonly logger?: Logger
  /** Told in a sentence what is allowed but probably not meant, and what the history warns of at its start. */
  readonly onWarning?: (sentence: string) => void
}

/** What a logger of an embedded hub must have: pino's shape, fields first. */
export interface Logger {
  debug(fields: object, message?: string): void
  info(fields: object, message?: string): void
  warn(fields: object, message?: string): void
  error(fields: object, message?: string): void
}

/** Reads options. @throws ConfigError with every problem there is */
export function loadOptions(options: EmbeddingOptions): Loaded {
  const { logger: _, onWarning: __, ...own } = options
  const refused = Object.entries(own).flatMap(([name, value]) =>
    value !== undefined && isOfTheProcess(name) ? [name] : [],
  )
  if (refused.length > 0)
    throw new ConfigError(
      refused.map((name) => `${name}: the server that embeds the hub decides it; leave it out`),
    )
  return loadSettings({ argv: [], env: {}, own })
}

function isOfTheProcess(name: string): boolean {
  return (ofTheProcess as readonly string[]).includes(name)
}

/** Where the hub's lines go: warnings to `onWarning` as well, all others nowhere without a logger. */
export function tellerOf({ logger, onWarning }: EmbeddingOptions): Teller {
  const to =
    (level: keyof Logger) =>
    (first: unknown, message?: string): void => {
      const [fields, sentence] =
        typeof first === 'string' ? [{}, first] : [first as object, message]
      logger?.[level](fields, sentence)
      if (level === 'warn' && sentence !== undefined) onWarning?.(sentence)
    }
  return { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') }
}
