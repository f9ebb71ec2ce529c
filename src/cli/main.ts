#!/usr/bin/env node
import './serve/signals.ts'
import { didYouMean } from '../config/sources/did-you-mean.ts'
import { ConfigError } from '../config/problem.ts'
import { UsageError } from './arguments.ts'
import { endQuietlyWithReader } from './output.ts'
import { version } from './version.ts'

/** One command. Both parts are loaded when they are needed: a hub that starts has no use for the others. */
interface Command {
  readonly summary: string
  help(): Promise<string>
  run(argv: readonly string[]): Promise<number>
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'runs the hub',
    help: async () => (await import('../config/help.ts')).serveHelp(),
    run: async (argv) => (await import('./serve/serve.ts')).serve(argv.map(logged)),
  },
  token: {
    summary: 'prints a signed token',
    help: async () => (await import('./commands/token.ts')).tokenHelp,
    run: async (argv) => (await import('./commands/token.ts')).token(argv),
  },
  publish: {
    summary: 'publishes an update and prints its id',
    help: async () => (await import('./commands/publish.ts')).publishHelp,
    run: async (argv) => (await import('./commands/publish.ts')).publish(argv),
  },
  subscribe: {
    summary: 'prints events as they come, and resumes by itself',
    help: async () => (await import('./commands/subscribe.ts')).subscribeHelp,
    run: async (argv) => (await import('./commands/subscribe.ts')).subscribe(argv),
  },
  check: {
    summary: 'checks configuration, history and machine, and repairs',
    help: async () => (await import('./commands/check.ts')).checkHelp,
    run: async (argv) => (await import('./commands/check.ts')).check(argv),
  },
  explain: {
    summary: 'tells whether a token would receive an update or may publish it, and why not',
    help: async () => (await import('./commands/explain.ts')).explainHelp,
    run: async (argv) => (await import('./commands/explain.ts')).explain(argv),
  },
  config: {
    summary: 'prints the effective settings, or the schema of the file',
    help: async () => (await import('./commands/config.ts')).configHelp,
    run: async (argv) => (await import('./commands/config.ts')).config(argv),
  },
  completion: {
    summary: 'prints what makes a shell complete commands',
    help: async () => (await import('./commands/completion.ts')).completionHelp,
    run: async (argv) =>
      (await import('./commands/completion.ts')).completion(argv, await completed()),
  },
  status: {
    summary: 'tells on one screen how the hub is; exits with 0 when it is ready',
    help: async () => (await import('./commands/status.ts')).statusHelp,
    run: async (argv) => (await import('./commands/status.ts')).status(argv),
  },
  top: {
    summary: 'shows live what the hub does and for whom, and kicks',
    help: async () => (await import('./commands/top.ts')).topHelp,
    run: async (argv) => (await import('./commands/top.ts')).top(argv),
  },
  migrate: {
    summary: "turns the Go hub's configuration into one for this hub",
    help: async () => (await import('./commands/migrate.ts')).migrateHelp,
    run: async (argv) => (await import('./commands/migrate.ts')).migrate(argv),
  },
  kick: {
    summary: 'closes streams of a subject, or the one with a subscription',
    help: async () => (await import('./commands/kick.ts')).kickHelp,
    run: async (argv) => (await import('./commands/kick.ts')).kick(argv),
  },
}

const badUsage = 2

async function main([name, ...argv]: readonly string[]): Promise<number> {
  if (name === 'help' && argv[0] !== undefined && !argv[0].startsWith('-')) return helpOn(argv[0])
  if (name === undefined || name === '--help' || name === '-h' || name === 'help')
    return say(overview())
  if (name === '--version') return say(`${version()}\n`)
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) return refuse(name)
  if (isAskedForHelp(argv)) return say(await command.help())
  try {
    return await command.run(argv)
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof ConfigError)) return fail(name, error)
    const lines = error.message.split('\n').map((line) => `cinnabar ${name}: ${line}\n`)
    process.stderr.write(`${lines.join('')}"cinnabar ${name} --help" tells more\n`)
    return badUsage
  }
}

async function helpOn(name: string): Promise<number> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  return command === undefined ? refuse(name) : say(await command.help())
}

/** A hub talks in its log. */
function logged(word: string): string {
  return { '--json': '--log-format=json', '--quiet': '--log-level=warn' }[word] ?? word
}

async function completed() {
  const all = Object.entries(commands).map(async ([name, command]) => ({
    name,
    summary: command.summary,
    help: await command.help(),
  }))
  return [...(await Promise.all(all)), { name: 'help', summary: 'tells more about one', help: '' }]
}

/** One sentence; the stack is for who looks into the program. */
function fail(name: string, error: unknown): number {
  const isWanted = /^(?:debug|trace)$/.test(process.env['MERCURE_LOG_LEVEL'] ?? '')
  const { message, stack = message } = error instanceof Error ? error : new Error(String(error))
  process.stderr.write(`cinnabar ${name}: ${isWanted ? stack : message}\n`)
  return 1
}

function overview(): string {
  const lines = Object.entries(commands).map(
    ([name, { summary }]) => `  ${name.padEnd(10)} ${summary}\n`,
  )
  return `Usage: cinnabar COMMAND [options]

A Server-Sent Events hub that speaks the Mercure protocol.

${lines.join('')}
"cinnabar help COMMAND" tells the options of a command; "cinnabar --version" the version.
`
}

/** What follows `--` is no flag. */
function isAskedForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const flags = end === -1 ? argv : argv.slice(0, end)
  return flags.includes('--help') || flags.includes('-h')
}

function refuse(name: string): number {
  const hint = didYouMean(name, Object.keys(commands))
  const noun = name.startsWith('-') ? 'flag' : 'command'
  process.stderr.write(`cinnabar: unknown ${noun} ${JSON.stringify(name)}${hint}\n`)
  process.stderr.write('"cinnabar --help" lists the commands\n')
  return badUsage
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

endQuietlyWithReader()
process.exitCode = await main(process.argv.slice(2))
