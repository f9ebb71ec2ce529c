import { Arguments } from '../arguments.ts'
import { answer } from '../output.ts'
import { choice } from '../../config/options/parsers.ts'

export const completionHelp = `Usage: cinnabar completion bash|zsh|fish

Prints what makes the shell complete commands and flags:

  bash   source <(cinnabar completion bash)
  zsh    source <(cinnabar completion zsh), after compinit
  fish   cinnabar completion fish > ~/.config/fish/completions/cinnabar.fish
`

/** A command, as a shell needs to know it. */
export interface Completed {
  readonly name: string
  readonly summary: string
  /** Its flags are those that it tells. */
  readonly help: string
}

/** Words that stand where another command has none. */
const words: Readonly<Record<string, readonly string[]>> = {
  completion: ['bash', 'zsh', 'fish'],
  config: ['show', 'schema'],
}

const shells = { bash, zsh, fish } as const

/** `cinnabar completion`: prints a script for a shell. Resolves with the exit code. */
export async function completion(
  argv: readonly string[],
  commands: readonly Completed[],
): Promise<number> {
  const args = new Arguments(argv, {})
  const [name = '', ...others] = args.positionals
  const shell = choice('bash', 'zsh', 'fish')(name)
  if (shell.expected !== undefined || others.length > 0)
    args.problems.push(
      `expected ${shell.expected ?? 'one shell'}, got ${JSON.stringify(args.positionals.join(' '))}`,
    )
  args.expectNoProblems()
  if (shell.expected !== undefined) return 2
  const script = shells[shell.value](commands)
  await answer(script, { shell: shell.value, script })
  return 0
}

function flagsOf({ help }: Completed): readonly string[] {
  const told = [...help.matchAll(/^ +(--[a-z][a-z-]*)/gm)].map(([, flag = '']) => flag)
  return [...new Set([...told, '--json', '--quiet', '--help'])]
}

function wordsOf({ name }: Completed, commands: readonly Completed[]): readonly string[] {
  return name === 'help' ? commands.map((one) => one.name) : (words[name] ?? [])
}

function cases(commands: readonly Completed[], indent: string): string {
  const lines = commands.map((one) => {
    const all = [...wordsOf(one, commands), ...flagsOf(one)].join(' ')
    return `${indent}${one.name}) words='${all}' ;;`
  })
  return lines.join('\n')
}

function bash(commands: readonly Completed[]): string {
  return `_cinnabar() {
  local words='' word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')} --help --version'
  elif [ "$before" = --config ]; then
    COMPREPLY=($(compgen -f -- "$word"))
    return
  else
    case "\${COMP_WORDS[1]}" in
${cases(commands, '      ')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _cinnabar cinnabar
`
}

function zsh(commands: readonly Completed[]): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`)
  return `#compdef cinnabar
_cinnabar() {
  local words_of_command flags
  if (( CURRENT == 2 )); then
    words_of_command=(
${described.join('\n')}
    )
    _describe command words_of_command
    return
  fi
  if [[ \${words[CURRENT-1]} == --config ]]; then _files; return; fi
  case \${words[2]} in
${cases(commands, '    ').replaceAll(") words='", ") flags='")}
  esac
  compadd -- \${=flags}
  _files
}
compdef _cinnabar cinnabar
`
}

function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap((one) => [
    `complete -c cinnabar -n __fish_use_subcommand -f -a ${one.name} -d ${quoted(one.summary)}`,
    ...wordsOf(one, commands).map((word) => `${seen(one)} -f -a ${word}`),
    ...flagsOf(one).map(
      (flag) => `${seen(one)} -l ${flag.slice(2)}${flag === '--config' ? ' -r' : ''}`,
    ),
  ])
  return `${lines.join('\n')}\n`
}

function seen({ name }: Completed): string {
  return `complete -c cinnabar -n '__fish_seen_subcommand_from ${name}'`
}

/** For a shell: between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
