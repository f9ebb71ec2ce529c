import * as address from './address-parsers.ts'
import { bytes, flag, number, oneOf, type Option, secret, several, text, time } from './kinds.ts'
import { boolean, choice, count, optional, type Parser } from './parsers.ts'

/** Static keys verify with one of these; a PEM with any but the first three. */
export const algorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/**
 * Every option of the hub. `write_timeout` here is `write_timeout` in the file,
 * `MERCURE_WRITE_TIMEOUT` in the environment and `--write-timeout` on the command line.
 */
export const options = {
  host: text(address.host, 'address', '127.0.0.1', 'Where the hub listens.'),
  port: text(address.port, 'port', '3000', 'Its port; 0 picks a free one.'),
  admin_host: text(
    address.host,
    'address',
    '127.0.0.1',
    'Where metrics, health and debug endpoints listen.',
  ),
  admin_port: text(
    address.portOrOff,
    'port',
    '3019',
    'Their port; 0 picks a free one, off disables them.',
  ),
  transport_url: text(
    address.transportUrl,
    'url',
    'lmdb:./data/mercure',
    'Where the history is kept: memory:, lmdb:PATH, redis://host:port/db.',
  ),
  trusted_issuers: several(
    address.issuerId,
    'issuer ids',
    '',
    'Token issuers that the keys below belong to; several issuers with keys of their own: issuers: in the file.',
  ),
  publisher_jwt_key: secret('Secret, or public key as PEM, that verifies publishers.'),
  publisher_jwt_alg: oneOf(
    optional(choice(...algorithms)),
    'algorithm',
    '',
    'Its algorithm; HS256 for a secret, required for a PEM.',
  ),
  publisher_jwks_uri: text(
    optional(address.jwksUri),
    'url',
    '',
    'JWK Set that verifies publishers, instead of a key.',
  ),
  subscriber_jwt_key: secret('Secret, or public key as PEM, that verifies subscribers.'),
  subscriber_jwt_alg: oneOf(
    optional(choice(...algorithms)),
    'algorithm',
    '',
    'Its algorithm; HS256 for a secret, required for a PEM.',
  ),
  subscriber_jwks_uri: text(
    optional(address.jwksUri),
    'url',
    '',
    'JWK Set that verifies subscribers, instead of a key.',
  ),
  resource_identifier: text(
    optional(address.resourceIdentifier),
    'url',
    '',
    'Audience of tokens; derived per request on loopback hosts.',
  ),
  public_urls: several(
    address.publicUrl,
    'urls',
    '',
    'Origins that the hub answers for; others get 421. Derived on loopback hosts.',
  ),
  protocol_version_compatibility: oneOf(
    compatibility,
    'off, 7 or 8',
    'off',
    '8: also speak protocol 0.x; 7: and what 0.14 kept from before.',
  ),
  anonymous: flag('Subscribers need no token to receive public updates.'),
  subscriptions: flag('Tell who subscribes: events and the subscription API.'),
  debugger: flag('Serve the debugger page at /.well-known/mercure/debug/.'),
  playground: flag('INSECURE: everything on, with a public development key.'),
  cors_origins: several(
    address.origin,
    'origins',
    '',
    'Origins whose pages may read from the hub; one * inside is a wildcard.',
  ),
  publish_origins: several(
    address.origin,
    'origins',
    '',
    'Origins whose pages may publish with a cookie.',
  ),
  cookie_name: text(
    address.cookieName,
    'name',
    '__Secure-mercure_access_token',
    'Cookie that carries the token; mercure_access_token in the playground.',
  ),
  heartbeat: time('40s', { ceiling: '1d' }, 'Silence before a comment is sent; 0 for none.'),
  write_timeout: time('600s', { ceiling: '24d' }, 'Longest life of a stream; 0 for no limit.'),
  dispatch_timeout: time(
    '5s',
    { ceiling: '1h' },
    'A peer that takes none of its pending bytes for that long is closed; 0 for never.',
  ),
  drain_timeout: time(
    '30s',
    { ceiling: '1h' },
    'Time over which streams are closed at shutdown; 1s in the playground.',
  ),
  max_request_body_size: bytes(
    '1MiB',
    { floor: '1', ceiling: '256MiB' },
    'Largest request body; over it: 413.',
  ),
  max_header_size: bytes(
    '64KiB',
    { floor: '1KiB', ceiling: '1MiB' },
    'Largest request head; over it: 431.',
  ),
  subscriber_buffer: bytes(
    '1MiB',
    { floor: '1', ceiling: '256MiB' },
    'Bytes that may wait for one subscriber; over it, it is closed as slow.',
  ),
  max_subscribers: number('subscribers', '0', '1e7', 'Most at once; 0 for no limit.'),
  max_subscribers_per_token: number('subscribers', '0', '1e7', 'Most per token; 0 for no limit.'),
  max_subscribers_per_address: number(
    'subscribers',
    '0',
    '1e7',
    'Most per client address; 0 for no limit.',
  ),
  max_pattern_cost_per_subscriber: number(
    'steps per character',
    '2000',
    '1e6',
    'Most that the patterns of one stream may cost; over it: 400; 0 for no limit.',
  ),
  max_pattern_cost_per_address: number(
    'steps per character',
    '10000',
    '1e9',
    'Most that the patterns of one client address may cost beyond 8 each; over it: 429; 0 for no limit.',
  ),
  max_pattern_steps_per_request: number(
    'steps',
    '5e7',
    '1e12',
    'Most that one publish, or subscription, may take of the patterns of its token; over it: 413; 0 for no limit.',
  ),
  max_publishes_per_second_per_token: number(
    'updates',
    '0',
    '1e6',
    'Most updates that one token may publish per second, over all workers; 0 for no limit.',
  ),
  header_timeout: time(
    '30s',
    { floor: '1s', ceiling: '1h' },
    'Time that a request head may take to arrive; over it: 408.',
  ),
  request_timeout: time(
    '300s',
    { floor: '1s', ceiling: '1d' },
    'Time that a whole request may take to arrive; over it: 408.',
  ),
  keep_alive_timeout: time(
    '72s',
    { floor: '1s', ceiling: '1h' },
    'Idle time after which a connection without a stream is closed.',
  ),
  history_size: number('updates', '0', '1e9', 'Most updates kept; 0 for no limit.'),
  history_max_age: time('0', { ceiling: '3650d' }, 'How long updates are kept; 0 for ever.'),
  history_max_bytes: bytes(
    '1GiB',
    { ceiling: '16TiB' },
    'Most bytes of history kept; 0 for no limit.',
  ),
  topic_matcher_cache: number(
    'entries',
    '100000',
    '1e7',
    'Match results remembered, in total; 0 for none.',
  ),
  registry_shards: number('shards', '1', '1024', 'Parts of the subscriber registry.', '1'),
  workers: oneOf(
    workers,
    'count or auto',
    '1',
    'Processes sharing the port; auto for one per core.',
    '256',
  ),
  trusted_proxies: several(
    address.addressBlock,
    'addresses',
    '127.0.0.1 ::1',
    'Addresses or CIDR blocks whose X-Forwarded-* headers count.',
  ),
  subscription_grace: time(
    '0',
    { ceiling: '1d' },
    'Time in which a subscriber may come back before its subscriptions end.',
  ),
  idempotency_window: time(
    '10m',
    { ceiling: '7d' },
    'How long an Idempotency-Key is remembered; 0 for off.',
  ),
  max_idempotency_keys: number(
    'keys',
    '100000',
    '1e7',
    'Most Idempotency-Keys remembered; a publisher has at most half of what others left.',
    '1',
  ),
  cursor_lines: oneOf(
    cursorLines,
    'auto, 1 or 0',
    'auto',
    'Tell streams their position in blocks without data: auto for EventSource of browsers and for who asks by cursor_lines=1.',
  ),
  admin_token: secret(
    'Token that opens kick and debug to others than loopback.',
    address.bearerToken,
  ),
  admin_names: several(
    address.host,
    'host names',
    '',
    'Names with a dot under which the admin listener may be addressed, besides loopback names.',
  ),
  log_level: oneOf(choice(...logLevels), logLevels.join(', '), 'info', 'Least severe line logged.'),
  log_format: oneOf(
    choice('auto', 'json', 'pretty'),
    'auto, json, pretty',
    'auto',
    'JSON lines, or for people; auto: for people on a terminal.',
  ),
} as const satisfies Record<string, Option<unknown>>

export type OptionName = keyof typeof options

/** The value of every option, by name. */
export type Values = {
  readonly [Name in OptionName]: (typeof options)[Name] extends Option<infer Value> ? Value : never
}

export const optionNames = Object.keys(options) as readonly OptionName[] // the table's own keys

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(options, name)
}

/** `write_timeout` as the environment spells it. */
export function variableOf(name: string): string {
  return `MERCURE_${name.toUpperCase()}`
}

/** `write_timeout` as the command line spells it. */
export function flagOf(name: string): string {
  return `--${name.replaceAll('_', '-')}`
}

function compatibility(value: string): ReturnType<Parser<0 | 7 | 8>> {
  if (value === 'off' || value === '0') return { value: 0 }
  if (value === '7') return { value: 7 }
  return value === '8' ? { value: 8 } : { expected: 'off, 7 or 8' }
}

function cursorLines(value: string): ReturnType<Parser<boolean | 'auto'>> {
  if (value === 'auto') return { value }
  const parsed = boolean(value)
  return parsed.expected === undefined ? parsed : { expected: 'auto, 1 or 0' }
}

function workers(value: string): ReturnType<Parser<number | 'auto'>> {
  if (value === 'auto') return { value }
  const parsed = count({ floor: '1', ceiling: '256' })(value)
  return parsed.expected === undefined
    ? parsed
    : { expected: `${parsed.expected}, or auto for one per core` }
}
