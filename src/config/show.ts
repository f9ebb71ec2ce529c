import { examineSettings } from './load.ts'
import type { Option } from './options/kinds.ts'
import { type OptionName, optionNames, options } from './options/table.ts'
import type { Settings } from './settings.ts'
import { readSources, type Readings, type Sources } from './sources/sources.ts'

/** An option as it counts, in the notation of the operator. */
export interface Shown {
  readonly name: string
  readonly value: string
  /** A flag, a variable, `file:key`, `playground` or `default`. */
  readonly source: string
}

/** Every option with its value and source, secrets masked, and why a hub would not start with them. */
export function effectiveSettings(sources: Sources): {
  readonly shown: readonly Shown[]
  readonly problems: readonly string[]
} {
  const readings = readSources(sources)
  const { settings, problems } = examineSettings(sources)
  const { issuers, legacy, file } = readings
  const maps = Object.entries({ issuers, legacy })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({
      name,
      value: JSON.stringify(masked(value)),
      source: `${file}:${name}`,
    }))
  return {
    shown: [...optionNames.map((name) => shown(name, readings, settings)), ...maps],
    problems,
  }
}

function shown(name: OptionName, { given }: Readings, settings: Settings): Shown {
  const option: Option<unknown> = options[name]
  const reading = given.get(name)
  const text = reading?.text ?? option.default
  if (reading === undefined && settings.playground) {
    const value = byPlayground(settings)[name]
    if (value !== undefined && value !== text) return { name, value, source: 'playground' }
  }
  const value = option.isSecret === true && text !== '' ? mask : withoutSecrets(text)
  return { name, value, source: reading?.origin ?? 'default' }
}

/** What the playground sets unless it is said. */
function byPlayground(settings: Settings): Partial<Record<OptionName, string>> {
  const isOn = (value: boolean) => (value ? '1' : '0')
  return {
    anonymous: isOn(settings.anonymous),
    subscriptions: isOn(settings.subscriptions),
    debugger: isOn(settings.debugger),
    cookie_name: settings.cookieName,
    trusted_issuers: settings.issuers.map(({ id }) => id).join(' '),
  }
}

const mask = '***'

/** URLs may hold a password, right or wrong encoded, or a key among their parameters. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(:\/\/)\S*@/g, `$1${mask}@`)
    .replaceAll(/([?&][^=&\s]*(?:token|secret|pass|sig|auth|key)[^=&\s]*=)[^&\s]+/gi, `$1${mask}`)
}

function masked(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value)
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === 'key' ? mask : masked(one)]),
  )
}
