import { jsonSchema } from '../../config/schema.ts'
import { effectiveSettings, type Shown } from '../../config/show.ts'
import { choice } from '../../config/options/parsers.ts'
import { serveFlags } from '../../config/sources/sources.ts'
import { Arguments } from '../arguments.ts'
import { answer, complain, print } from '../output.ts'

export const configHelp = `Usage: cinnabar config show [--config FILE] [options of serve]
       cinnabar config schema

show: prints every option with its effective value and where it came from: flag, variable, file or
default. Secrets are masked. Exit code 2 when a hub would not start with them; stderr says why.
schema: prints the JSON Schema of the configuration file, for editors.

  --config FILE    the hub's configuration file
  --json           objects with value and source
  --quiet          no notes on stderr
`

/** `cinnabar config`: prints settings, or what a file may hold. Resolves with the exit code. */
export async function config(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, serveFlags)
  const [word = '', ...others] = args.positionals
  const action = choice('show', 'schema')(word)
  if (action.expected !== undefined || others.length > 0) {
    const got = JSON.stringify(args.positionals.join(' '))
    args.problems.push(`expected ${action.expected ?? 'one of show, schema'}, got ${got}`)
  }
  args.expectNoProblems()
  return word === 'schema' ? schema() : show(argv)
}

async function schema(): Promise<number> {
  await print(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
  return 0
}

async function show(argv: readonly string[]): Promise<number> {
  const settingsArgv = argv.filter(
    (one, at) => at !== argv.indexOf('show') && !/^--(json|quiet)(=|$)/.test(one),
  )
  const { shown, problems } = effectiveSettings({ argv: settingsArgv, env: process.env })
  await answer(shown.map(lineOf).join(''), Object.fromEntries(shown.map(entryOf)))
  for (const problem of problems) complain('config', problem)
  return problems.length === 0 ? 0 : 2
}

function lineOf({ name, value, source }: Shown): string {
  return `${`${name}: ${value}`.padEnd(48)} # ${source}\n`
}

function entryOf({ name, value, source }: Shown): [string, object] {
  return [name, { value, source }]
}
