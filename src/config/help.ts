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
  --json, --quiet
      The same as --log-format json and --log-level warn.

${groups.map(helpOfGroup).join('\n\n')}
`
}

type Name = (typeof optionNames)[number]

/** What belongs together, by how its names begin or what they are. */
const topics: readonly (readonly [title: string, names: RegExp])[] = [
  [
    'Where it listens',
    /^(?:host|port|admin_\w+|public_urls|resource_identifier|trusted_proxies|tls_\w+)$/,
  ],
  [
    'Whose tokens it believes',
    /^(?:trusted_issuers|\w+_jwt_\w+|\w+_jwks_uri|cookie_name|anonymous)$/,
  ],
  [
    'What it speaks',
    /^(?:protocol_\w+|subscriptions|subscription_grace|debugger|playground|cors_origins|publish_origins|cursor_lines)$/,
  ],
  ['History', /^(?:transport_url|history_\w+|idempotency_window)$/],
  ['Time', /^(?:heartbeat|\w+_timeout)$/],
  ['Bounds', /^(?:max_\w+|subscriber_buffer)$/],
  ['Machine', /^(?:workers|topic_matcher_cache|registry_shards)$/],
  ['Log', /^log_/],
]

const groups = [...topics.map(([title]) => title), 'Others']
  .map((title) => ({ title, names: optionNames.filter((name) => groupOf(name) === title) }))
  .filter(({ names }) => names.length > 0)

export function groupOf(name: Name): string {
  return topics.find(([, names]) => names.test(name))?.[0] ?? 'Others'
}

function helpOfGroup({ title, names }: { title: string; names: readonly Name[] }): string {
  return `${title}:\n\n${names.map(helpOf).join('\n')}`
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
