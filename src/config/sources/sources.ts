import { readFileSync } from 'node:fs'
import { type ConfigFile, parseConfigFile } from './file.ts'
import { type FlagKind, readFlags } from './flags.ts'
import { adviceFor, isFromKubernetes, warningsFor } from './other-hubs.ts'
import { didYouMean } from './did-you-mean.ts'
import {
  flagOf,
  isOptionName,
  type OptionName,
  optionNames,
  options,
  variableOf,
} from '../options/table.ts'
import { quote } from '../problem.ts'

/** Where options are read from. */
export interface Sources {
  /** What follows the command's name. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Replaces the file system in tests. */
  readonly readFile?: (path: string) => string
  /** What a program gives by itself, in the names of the file and in its own types. */
  readonly own?: Readonly<Record<string, unknown>>
}

/** What messages name as the place of options that a program gives. */
const ownPlace = 'createHub'

/** An option's text and where it was found: `--heartbeat`, `MERCURE_HEARTBEAT` or `hub.yaml:heartbeat`. */
export interface Given {
  readonly text: string
  readonly origin: string
}

/** Everything the sources say, not yet understood. Flags beat the environment, which beats the file. */
export interface Readings {
  readonly given: ReadonlyMap<OptionName, Given>
  /** `issuers:` and `legacy:` of the file. */
  readonly issuers: unknown
  readonly legacy: unknown
  /** The file's path, to say where something is wrong. */
  readonly file: string
  readonly yesExpose: boolean
  /** A program gives them, which publishes by itself. */
  readonly isEmbedded: boolean
  readonly problems: readonly string[]
  /** `MERCURE_*` variables that are none of ours: a mistake in a hub's environment, usual in an application's. */
  readonly strangers: readonly string[]
  readonly warnings: readonly string[]
}

/** Every option, and what only the command line knows. */
export const serveFlags: Readonly<Record<string, FlagKind>> = {
  config: 'text',
  'yes-expose': 'switch',
  ...Object.fromEntries(optionNames.map((name) => [flagOf(name).slice(2), flagKind(name)])),
}

export function readSources({ argv, env, readFile = readText, own }: Sources): Readings {
  if (own !== undefined) return readOwn(own)
  const flags = readCommandLine(argv)
  const environment = readEnvironment(env)
  const path = flags.config ?? environment.config
  const file = readConfigFile(path, readFile)
  return {
    given: new Map([...file.given, ...environment.given, ...flags.given]),
    issuers: file.issuers,
    legacy: file.legacy,
    file: path ?? '',
    yesExpose: flags.yesExpose,
    isEmbedded: false,
    problems: [...flags.problems, ...file.problems],
    strangers: environment.strangers,
    warnings: environment.warnings,
  }
}

function readOwn(own: Readonly<Record<string, unknown>>): Readings {
  const entries = Object.entries(own).filter(([, value]) => value !== undefined)
  const { given, issuers, legacy, problems } = readEntries(
    ownPlace,
    Object.fromEntries(entries.map(([name, value]) => [name, spelled(value)])),
  )
  const none = { yesExpose: false, isEmbedded: true, strangers: [], warnings: [] }
  return { ...none, given, issuers, legacy, file: ownPlace, problems }
}

/** A program's value as an operator would write it: `true` is `1`, whole numbers are digits. */
function spelled(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value)) return value.map(spelled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, spelled(one)]))
}

function readCommandLine(argv: readonly string[]) {
  const { texts, positionals, problems } = readFlags(argv, serveFlags)
  const given = new Map<OptionName, Given>()
  for (const name of optionNames) {
    const values = texts.get(flagOf(name).slice(2))
    if (values !== undefined) given.set(name, { text: values.join(' '), origin: flagOf(name) })
  }
  return {
    given,
    config: texts.get('config')?.[0],
    yesExpose: texts.get('yes-expose')?.[0] === '1',
    problems: [
      ...problems.map(withAdvice),
      ...positionals.map((one) => `unexpected argument ${quote(one)}`),
    ],
  }
}

function readEnvironment(env: Sources['env']) {
  const given = new Map<OptionName, Given>()
  const strangers: string[] = []
  const warnings = [...warningsFor(env)]
  for (const [variable, value = ''] of Object.entries(env)) {
    const name = variable.startsWith('MERCURE_') ? variable.slice(8).toLowerCase() : ''
    if (name === '' || value === '' || variable === 'MERCURE_CONFIG') continue
    if (isFromKubernetes(variable, value)) {
      warnings.push(`${variable}: ignored, it looks like one that Kubernetes sets for a Service`)
    } else if (isOptionName(name) && variable === variableOf(name)) {
      given.set(name, { text: value, origin: variable })
    } else {
      strangers.push(unknown(variable, 'variable', name, value, variableOf))
    }
  }
  return { given, config: env['MERCURE_CONFIG'] || undefined, strangers, warnings }
}

function readConfigFile(path: string | undefined, readFile: (path: string) => string) {
  if (path === undefined) return readEntries('', {})
  const file = openConfigFile(path, readFile)
  const read = readEntries(path, file.entries)
  return { ...read, problems: [...file.problems, ...read.problems] }
}

function readEntries(place: string, { issuers, legacy, ...entries }: ConfigFile['entries']) {
  const given = new Map<OptionName, Given>()
  const problems: string[] = []
  for (const [name, value] of Object.entries(entries)) {
    const origin = `${place}:${name}`
    if (!isOptionName(name)) {
      problems.push(unknown(origin, 'key', name, String(value), (one) => one))
      continue
    }
    const text = textOf(name, value)
    if (text === undefined) problems.push(`${name}: expected ${shapeOf(name)} (from ${origin})`)
    else if (!isUnset(name, text)) given.set(name, { text, origin })
  }
  return { given, issuers, legacy, problems }
}

function openConfigFile(path: string, readFile: (path: string) => string): ConfigFile {
  let text: string
  try {
    text = readFile(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return {
      entries: {},
      problems: [`config: expected a file to read, got ${quote(path)} (${code})`],
    }
  }
  return parseConfigFile(path, text)
}

/** One text; a list's entries are joined as the environment would join them. */
function textOf(name: OptionName, value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (options[name].isList !== true || !Array.isArray(value)) return undefined
  return value.every((entry) => typeof entry === 'string') ? value.join(' ') : undefined
}

function shapeOf(name: OptionName): string {
  return options[name].isList === true ? 'a list' : 'one value, not a list or a map'
}

/** `key:` and `key: ~` say nothing; `null` neither, except among origins. */
function isUnset(name: OptionName, text: string): boolean {
  return text === '' || text === '~' || (text === 'null' && options[name].isList !== true)
}

function unknown(
  origin: string,
  noun: string,
  name: string,
  value: string,
  spell: (name: string) => string,
): string {
  const advice = adviceFor(name.replaceAll('-', '_'), value, spell)
  if (advice !== undefined) return `${origin}: unknown ${noun}; ${advice}`
  const hint = didYouMean(spell(name.replaceAll('-', '_')), optionNames.map(spell))
  return `${origin}: unknown ${noun}${hint}`
}

/** An unknown flag that another hub had gets its new name. */
function withAdvice(problem: string): string {
  const flag = /^--([\w-]+): unknown flag/.exec(problem)?.[1]
  const advice = flag && adviceFor(flag.replaceAll('-', '_'), '', flagOf)
  return advice ? `--${flag}: unknown flag; ${advice}` : problem
}

function flagKind(name: OptionName): FlagKind {
  if (options[name].type === 'switch') return 'switch'
  return options[name].isList === true ? 'list' : 'text'
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
