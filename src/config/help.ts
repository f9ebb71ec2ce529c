import type { Option } from './options/kinds.ts'
import { flagOf, optionNames, options, variableOf } from './options/table.ts'

const notation = `Durations: 500ms 5s 1m 1d 0 (1m30s); sizes: 512KB (of 1000) 1MiB (of 1024);
counts: 100000 1e5; switches: 1 or 0; lists: separated by spaces or commas.`

/** What `cinnabar serve --help` prints: every option with flag, variable, type, default, ceiling and meaning. */
export function serveHelp(): string {
  return `Usage: cinnabar serve [--config FILE] [--playground] [--port N] [options]

Runs the hub. Flags beat the environment, which beats the file, which beats the defaults.
The file has the same keys in lower case without prefix: write_timeout: 600s. Several
issuers, each with keys of its own, are its issuers: list.

${notation}

  --config FILE (MERCURE_CONFIG)
      YAML or JSON.
  --yes-expose
      Let the playground listen on more than loopback. There is no variable for it.
${optionNames.map(helpOf).join('\n')}
`
}

function helpOf(name: (typeof optionNames)[number]): string {
  const option: Option<unknown> = options[name]
  const facts = [
    option.unit === undefined ? option.type : `${option.type} of ${option.unit}`,
    option.default === '' ? 'not set' : `default ${option.default}`,
    ...(option.ceiling === undefined ? [] : [`at most ${option.ceiling}`]),
  ]
  return `  ${flagOf(name)} (${variableOf(name)})
      ${option.meaning}
      ${facts.join('; ')}`
}
