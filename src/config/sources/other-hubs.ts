import { parseCaddyfile } from '../migrate/caddyfile.ts'
import { translate } from '../migrate/directives.ts'
import { options, variableOf } from '../options/table.ts'

/** How a source spells the name of an option. */
export type Spelling = (name: string) => string

/** Names that the reference hub used or uses, by ours. */
const renamed: Readonly<Record<string, readonly string[]>> = {
  addr: ['host', 'port'],
  allow_anonymous: ['anonymous'],
  allowed_hosts: ['public_urls'],
  cors_allowed_origins: ['cors_origins'],
  db_path: ['transport_url'],
  debug: ['log_level'],
  demo: ['debugger', 'playground'],
  dispatch_subscriptions: ['subscriptions'],
  heartbeat_interval: ['heartbeat'],
  history_cleanup_frequency: ['history_size', 'history_max_age', 'history_max_bytes'],
  jwt_alg: ['publisher_jwt_alg', 'subscriber_jwt_alg'],
  jwt_algorithm: ['publisher_jwt_alg', 'subscriber_jwt_alg'],
  jwt_key: ['publisher_jwt_key', 'subscriber_jwt_key'],
  metrics: ['admin_port'],
  metrics_addr: ['admin_host', 'admin_port'],
  metrics_enabled: ['admin_port'],
  publish_allowed_origins: ['publish_origins'],
  publisher_jwks_url: ['publisher_jwks_uri'],
  publisher_jwt: ['publisher_jwt_key'],
  publisher_jwt_algorithm: ['publisher_jwt_alg'],
  subscriber_jwks_url: ['subscriber_jwks_uri'],
  subscriber_jwt: ['subscriber_jwt_key'],
  subscriber_jwt_algorithm: ['subscriber_jwt_alg'],
  subscriber_list_cache_size: ['topic_matcher_cache'],
  topic_matcher_cache_size: ['topic_matcher_cache'],
  topic_selector_cache: ['topic_matcher_cache'],
  transport: ['transport_url'],
  ui: ['debugger'],
  update_buffer_size: ['subscriber_buffer'],
  use_forwarded_headers: ['trusted_proxies'],
}

const tls = 'TLS is for the proxy in front of the hub'

const ofTheApplication =
  'it belongs to the application that publishes, not to the hub; take it out of the environment of the hub'

/** Names of others that have no counterpart, and why. */
const without: Readonly<Record<string, string>> = {
  acme_cert_dir: tls,
  acme_hosts: tls,
  acme_http01_addr: tls,
  cert_file: tls,
  compress: 'compression is for the proxy in front of the hub',
  jwt_secret: ofTheApplication,
  jwt_token: ofTheApplication,
  key_file: tls,
  license: 'this hub needs no license key; remove it',
  name: 'a hub has no name of its own',
  public_url: ofTheApplication,
  publish_url: ofTheApplication,
  server_name: "it belongs to the web server beside the hub (Caddy's site address), not to the hub",
  url: ofTheApplication,
}

/** What the reference hub read before it had a prefix, where no other program would read the same. */
const oldNames = [
  'ACME_CERT_DIR',
  'ACME_HOSTS',
  'ACME_HTTP01_ADDR',
  'ADDR',
  'DEMO',
  'DISPATCH_SUBSCRIPTIONS',
  'DISPATCH_TIMEOUT',
  'HEARTBEAT_INTERVAL',
  'HISTORY_CLEANUP_FREQUENCY',
  'HISTORY_SIZE',
  'JWT_ALGORITHM',
  'PUBLISHER_JWT_ALG',
  'PUBLISHER_JWT_ALGORITHM',
  'PUBLISHER_JWT_KEY',
  'SUBSCRIBER_JWT_ALG',
  'SUBSCRIBER_JWT_ALGORITHM',
  'SUBSCRIBER_JWT_KEY',
  'TRANSPORT_URL',
  'TRUSTED_ISSUERS',
  'UPDATE_BUFFER_SIZE',
  'USE_FORWARDED_HEADERS',
]

function insteadOf(name: string): string {
  if (Object.hasOwn(without, name)) return without[name] ?? ''
  const ours = Object.hasOwn(renamed, name) ? (renamed[name] ?? []) : [name]
  return `set ${ours.map(variableOf).join(' and ')} instead`
}

/** Variables without our prefix that compose files of the reference hub set: what to say to each. */
const otherVariables: Readonly<Record<string, (value: string) => string>> = {
  ...Object.fromEntries(oldNames.map((name) => [name, () => insteadOf(name.toLowerCase())])),
  ALLOW_ANONYMOUS: () => 'set MERCURE_ANONYMOUS instead',
  CADDY_EXTRA_CONFIG: () => 'Caddy is not part of this hub',
  CADDY_SERVER_EXTRA_DIRECTIVES: () => 'Caddy is not part of this hub',
  CORS_ALLOWED_ORIGINS: () => 'set MERCURE_CORS_ORIGINS instead',
  GLOBAL_OPTIONS: (value) =>
    value.trim() === 'debug'
      ? 'set MERCURE_LOG_LEVEL=debug instead'
      : 'Caddy is not part of this hub',
  JWT_KEY: () => 'set MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY instead',
  PUBLISH_ALLOWED_ORIGINS: () => 'set MERCURE_PUBLISH_ORIGINS instead',
  SERVER_NAME: () =>
    'set MERCURE_HOST and MERCURE_PORT, and MERCURE_PUBLIC_URLS for the name that browsers use',
}

/** Services whose names start with `mercure` leave these in every container of a Kubernetes namespace. */
const kubernetesNames = [
  /^MERCURE_SERVICE_/,
  /^MERCURE_PORT_/,
  /^MERCURE_\w+_SERVICE_(?:HOST|PORT(?:_\w+)?)$/,
  /^MERCURE_\w+_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/,
]

export function isFromKubernetes(variable: string, value: string): boolean {
  if (kubernetesNames.some((shape) => shape.test(variable))) return true
  return /^MERCURE_(?:\w+_)?PORT$/.test(variable) && /^(?:tcp|udp|sctp):\/\//.test(value)
}

/** What to write instead of another hub's option, or undefined when nobody we know uses that name. */
export function adviceFor(name: string, value: string, spell: Spelling): string | undefined {
  if (name === 'extra_directives') return adviceForDirectives(value, spell)
  const ours = Object.hasOwn(renamed, name) ? renamed[name] : undefined
  if (ours !== undefined) return `use ${ours.map(spell).join(', ')} instead`
  if (name === 'issuers' || name === 'legacy')
    return `issuers with keys of their own are set in the file that ${spell('config')} names`
  return Object.hasOwn(without, name) ? without[name] : undefined
}

/** Warnings about variables of others that the operator may believe to be read. */
export function warningsFor(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(otherVariables).flatMap(([variable, advice]) => {
    const value = env[variable] ?? ''
    return value === '' ? [] : [`${variable}: not read by this hub; ${advice(value)}`]
  })
}

/** A line to paste for each directive; what has no counterpart is a comment. */
function adviceForDirectives(text: string, spell: Spelling): string {
  const lines = translate(parseCaddyfile(text)).map((one) => {
    if ('note' in one) return `# ${one.note}`
    if ('issuer' in one)
      return `# issuer ${one.issuer.id}: several issuers stand in the file, under issuers: (cinnabar migrate)`
    if (options[one.option].isSecret === true)
      return `# ${spell(one.option)}= the key that stands there`
    return `${spell(one.option)}=${/[\s"'$#]/.test(one.text) ? JSON.stringify(one.text) : one.text}`
  })
  return `Caddy directives are not read; instead (or with "cinnabar migrate"):\n${lines.join('\n')}`
}
