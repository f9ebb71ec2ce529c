import { readFileIssuers } from './keys/issuers-file.ts'
import { keyOptions, type Keyring, readKeyring } from './keys/trusted-keys.ts'
import type { OptionName, Values } from './options/table.ts'
import { ConfigError } from './problem.ts'
import { rules, startRules } from './rules.ts'
import type { Settings } from './settings.ts'
import { type Readings, readSources, type Sources } from './sources/sources.ts'
import { readValues } from './values.ts'
import { warningsAbout } from './warnings.ts'

export { ConfigError } from './problem.ts'
export type { Sources } from './sources/sources.ts'

export interface Loaded {
  readonly settings: Settings
  /** The same, option by option, as they were read. */
  readonly values: Values
  /** Sentences for the operator, to be logged once the log is open. */
  readonly warnings: readonly string[]
}

/**
 * The settings of a hub that is about to start, from flags, environment, file and defaults, in this
 * order.
 *
 * @throws ConfigError with every problem there is
 */
export function loadSettings(sources: Sources): Loaded {
  const readings = readSources(sources)
  return understand(readings, [...rules, ...startRules], readings.strangers)
}

/**
 * The same settings for commands that only talk to a hub. Where a hub would not start (no keys, an
 * exposed playground, variables of the application beside it), a command may well run.
 *
 * @throws ConfigError with every problem there is
 */
export function loadClientSettings(sources: Sources): Loaded {
  return understand(readSources(sources), rules, [])
}

/** What a configuration comes to, right or wrong. */
export interface Examined extends Loaded {
  /** Why a hub would not start with it. */
  readonly problems: readonly string[]
  /** Options whose value is not in `settings`, because it is wrong. */
  readonly failed: ReadonlySet<OptionName>
}

/**
 * The same for whoever wants to know everything about a configuration, not to use it: what a start
 * would refuse is refused here, in the same words.
 */
export function examineSettings(sources: Sources): Examined {
  const readings = readSources(sources)
  return examine(readings, [...rules, ...startRules], readings.strangers)
}

function understand(
  readings: Readings,
  rulesToKeep: typeof rules,
  strangers: readonly string[],
): Loaded {
  const { problems, failed: _, ...loaded } = examine(readings, rulesToKeep, strangers)
  if (problems.length > 0) throw new ConfigError(problems, readings.warnings)
  return loaded
}

function examine(
  readings: Readings,
  rulesToKeep: typeof rules,
  strangers: readonly string[],
): Examined {
  const read = readValues(readings.given)
  const keyring = readKeyring(read, readings, readFileIssuers(readings))
  const settings = settle(read.values, readings, keyring)
  const isSound = (names: readonly OptionName[]) => !names.some((name) => read.failed.has(name))
  const areKeysSound = keyring.problems.length === 0 && isSound(keyOptions)
  const broken = rulesToKeep
    .filter((rule) => isSound(rule.options) && (areKeysSound || rule.isAboutKeys !== true))
    .map((rule) => rule.check(settings, readings.yesExpose))
    .filter((problem) => problem !== undefined)
  return {
    settings,
    values: read.values,
    problems: [readings.problems, strangers, read.problems, keyring.problems, broken].flat(),
    failed: read.failed,
    warnings: [
      ...readings.warnings,
      ...keyring.warnings,
      ...warningsAbout(settings, readings.isEmbedded),
    ],
  }
}

/** Nobody waits half a minute for a hub that is tried out. */
const playgroundDrainMs = 1_000

function settle(values: Values, { given }: Readings, keyring: Keyring): Settings {
  const { playground } = values
  const inPlayground = (name: 'anonymous' | 'debugger' | 'subscriptions') =>
    given.has(name) ? values[name] : playground
  return {
    host: values.host,
    port: values.port,
    adminHost: values.admin_host,
    adminPort: values.admin_port,
    transportUrl: values.transport_url,
    issuers: keyring.issuers,
    legacyKeys: keyring.legacyKeys,
    resourceIdentifier: values.resource_identifier,
    publicUrls: [...new Set(values.public_urls)],
    protocolVersionCompatibility: values.protocol_version_compatibility,
    anonymous: inPlayground('anonymous'),
    subscriptions: inPlayground('subscriptions'),
    debugger: inPlayground('debugger'),
    playground,
    corsOrigins: values.cors_origins,
    publishOrigins: values.publish_origins,
    localOrigins: playground,
    cookieName:
      playground && !given.has('cookie_name') ? 'mercure_access_token' : values.cookie_name,
    heartbeatMs: values.heartbeat,
    writeTimeoutMs: values.write_timeout,
    dispatchTimeoutMs: values.dispatch_timeout,
    drainTimeoutMs:
      playground && !given.has('drain_timeout') ? playgroundDrainMs : values.drain_timeout,
    maxRequestBodyBytes: values.max_request_body_size,
    maxHeaderBytes: values.max_header_size,
    subscriberBufferBytes: values.subscriber_buffer,
    maxSubscribers: values.max_subscribers,
    maxSubscribersPerToken: values.max_subscribers_per_token,
    maxSubscribersPerAddress: values.max_subscribers_per_address,
    maxPatternCostPerSubscriber: values.max_pattern_cost_per_subscriber,
    maxPatternCostPerAddress: values.max_pattern_cost_per_address,
    maxPatternStepsPerRequest: values.max_pattern_steps_per_request,
    maxPublishesPerSecondPerToken: values.max_publishes_per_second_per_token,
    headerTimeoutMs: values.header_timeout,
    requestTimeoutMs: values.request_timeout,
    keepAliveTimeoutMs: values.keep_alive_timeout,
    historySize: values.history_size,
    historyMaxAgeMs: values.history_max_age,
    historyMaxBytes: values.history_max_bytes,
    topicMatcherCacheEntries: values.topic_matcher_cache,
    registryShards: values.registry_shards,
    workers: values.workers,
    trustedProxies: values.trusted_proxies,
    subscriptionGraceMs: values.subscription_grace,
    idempotencyWindowMs: values.idempotency_window,
    maxIdempotencyKeys: values.max_idempotency_keys,
    cursorLines: values.cursor_lines,
    adminToken: values.admin_token,
    adminNames: values.admin_names,
    logLevel: values.log_level,
    logFormat: values.log_format,
  }
}
