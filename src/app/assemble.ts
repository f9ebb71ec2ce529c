import { Authenticator, type KeySourceEvent } from '../auth/authenticator.ts'
import { OriginList } from '../net/origin-list.ts'
import { hasKey, haveSameKeys } from '../config/keys/trusted-keys.ts'
import { isLocalOrigin } from '../net/loopback.ts'
import type { Settings } from '../config/settings.ts'
import type { AllowedOrigins } from '../http/request/cors.ts'
import { FileLimit, reservedFiles } from '../http/connection/connection-limit.ts'
import type { AdminOptions } from '../http/operators/admin.ts'
import type { AdminGuard } from '../http/operators/guard.ts'
import { healthOf, type HealthSource } from '../http/operators/health.ts'
import { Metrics } from '../http/metrics/metrics.ts'
import type { PluginOptions } from '../http/plugin.ts'
import { PublishRates, type RateKeeper } from '../hub/limits/publish-rate.ts'
import { SelfCheck } from '../http/operators/self-check.ts'
import type { ConnectionOptions } from '../http/server.ts'
import { Hub } from '../hub/hub.ts'
import type { SeatKeeper } from '../hub/limits/stream-limits.ts'
import type { Log } from '../log/log.ts'
import { openLog } from '../log/open.ts'
import { isRedisUrl } from '../net/redis-url.ts'
import { tellBoth } from '../protocol/legacy/subscription.ts'
import { authOptionsOf } from './auth-options.ts'
import { Journal } from './event-log.ts'
import { openFiles, openFilesLimit } from './host-limits.ts'
import type { Teller } from './tell.ts'
import { HubSource } from '../http/operators/console/hub-source.ts'
import { Recorder } from '../http/operators/console/recorder.ts'
import { troubleOf } from './redis-trouble.ts'
import { seldom } from './seldom.ts'

/** A hub with everything it needs, assembled from settings, but not listening yet. */
export interface Assembly {
  readonly hub: Hub
  readonly log: Log
  readonly metrics: Metrics
  readonly health: HealthSource
  /** Is told which listeners to try. */
  readonly selfCheck: SelfCheck
  /** What the HTTP plugin wants to know. */
  readonly plugin: PluginOptions & ConnectionOptions
  /** What the admin listener wants to know. */
  readonly admin: AdminOptions
  /**
   * Takes over what of other settings needs no restart: keys, issuers, publish origins, seats. No stream
   * is dropped, and tokens are verified anew.
   *
   * @throws Error naming option, rule and value; nothing has changed then
   */
  renew(settings: Settings): Promise<void>
  /** Lets streams go over `drainMs`, then closes log and key sources. */
  close(drainMs?: number): Promise<void>
}

/** What a worker is given by the process that started it; nothing when the hub stands alone. */
export interface Surroundings {
  /** Who counts the streams of all workers. */
  readonly seats?: SeatKeeper
  /** Who counts their publishes. */
  readonly rates?: RateKeeper
  /** How many there are. The history was looked at before, and limits are somebody else's to compare. */
  readonly workers?: number
}

/**
 * Opens log and keys and builds the hub on them.
 *
 * @throws Error with a sentence for the operator when the log or a key cannot be opened
 */
export async function assemble(
  settings: Settings,
  teller: Teller,
  surroundings: Surroundings = {},
): Promise<Assembly> {
  const recorder = new Recorder()
  const metrics = new Metrics(openFiles, (ms) => recorder.lagged(ms))
  const journal = new Journal(teller)
  const tellLegacy = seldom(legacyEveryMs, (times) => teller.warn({ times }, legacySentence))
  const { protocolVersionCompatibility } = settings // the rest of the hub has it from the start
  const authOptions = (of: Settings) => ({
    ...authOptionsOf({ ...of, protocolVersionCompatibility }),
    onFailure: (cause: string) => {
      metrics.tokenRefused(cause)
      if (cause === 'legacy') tellLegacy()
    },
    onKeySource: (event: KeySourceEvent) => journal.keySource(event),
  })
  const authenticator = await Authenticator.open(authOptions(settings))
  const retention = {
    maxEntries: settings.historySize,
    maxAgeMs: settings.historyMaxAgeMs,
    maxBytes: settings.historyMaxBytes,
  }
  const log = await openLog(settings.transportUrl, retention, {
    onFlush: (ms) => {
      metrics.flushed(ms)
      recorder.flushed(ms)
    },
    onCorrupt: (position) => journal.corrupt(position),
    onProblem: (problem) => journal.problem(problem),
    isProbed: surroundings.workers !== undefined,
    onWarning: (sentence) => teller.warn(sentence),
    ...troubleOf(teller),
  })
  const hub = new Hub({
    log,
    heartbeatMs: settings.heartbeatMs,
    writeTimeoutMs: settings.writeTimeoutMs,
    dispatchTimeoutMs: settings.dispatchTimeoutMs,
    subscriberBufferBytes: settings.subscriberBufferBytes,
    maxSubscribers: settings.maxSubscribers,
    maxSubscribersPerToken: settings.maxSubscribersPerToken,
    maxSubscribersPerAddress: settings.maxSubscribersPerAddress,
    maxPatternCostPerAddress: settings.maxPatternCostPerAddress,
    maxPatternStepsPerRequest: settings.maxPatternStepsPerRequest,
    registryShards: settings.registryShards,
    matchCacheEntries: Math.ceil(settings.topicMatcherCacheEntries / (surroundings.workers ?? 1)), // a total
    presence: settings.subscriptions,
    ...(settings.protocolVersionCompatibility === 0 ? {} : { tellSubscription: tellBoth }),
    subscriptionGraceMs: settings.subscriptionGraceMs,
    maxFrameBytes: frameRoom * settings.maxRequestBodyBytes,
    observer: recorder.beside(journal.beside(metrics)),
    seats: surroundings.seats,
    isClustered: isRedisUrl(settings.transportUrl),
  })
  await hub.ready()
  metrics.watch(hub, log)
  if (!settings.transportUrl.startsWith('lmdb:')) journal.watch(log) // that one tells by itself
  const rates = surroundings.rates ?? new PublishRates(settings.maxPublishesPerSecondPerToken)
  metrics.watchAuth(authenticator, rates)
  let limits = limitsOf(settings)
  let issuers = issuersOf(settings)
  metrics.watchLimits(() => limits)
  const most = surroundings.workers === undefined ? settings.maxSubscribers : 0
  const files = fileLimit(most, teller, () => metrics.limitHit('open_files'))
  if (files !== undefined) metrics.watchFiles(files)
  const selfCheck = selfCheckOf(teller)
  const health = healthOf(hub, files, selfCheck)
  return {
    hub,
    log,
    metrics,
    health,
    selfCheck,
    plugin: {
      hub,
      authenticator,
      anonymous: settings.anonymous,
      speaksLegacy: settings.protocolVersionCompatibility !== 0,
      subscriptions: settings.subscriptions,
      cursorLines: settings.cursorLines,
      cookieName: settings.cookieName,
      authorizationServers: settings.issuers
        .filter((issuer) => issuer.authorizationServer)
        .map((issuer) => issuer.id),
      corsOrigins: originsOf(settings),
      maxRequestBodyBytes: settings.maxRequestBodyBytes,
      idempotency: {
        windowMs: settings.idempotencyWindowMs,
        most: settings.maxIdempotencyKeys,
      },
      resourceIdentifier: settings.resourceIdentifier,
      publicUrls: settings.publicUrls,
      trustedProxies: settings.trustedProxies,
      needsAddress:
        settings.maxSubscribersPerAddress > 0 ||
        settings.maxPatternCostPerAddress > 0 ||
        settings.adminPort !== 'off', // operators see it
      maxPatternCostPerSubscriber: settings.maxPatternCostPerSubscriber,
      isLoopbackOnly: settings.playground,
      files,
      selfCheck,
      rates,
      headerTimeoutMs: settings.headerTimeoutMs,
      requestTimeoutMs: settings.requestTimeoutMs,
      keepAliveTimeoutMs: settings.keepAliveTimeoutMs,
      onLimit: (limit) => {
        metrics.limitHit(limit)
        journal.limitHit(limit)
      },
      onRefusal: (kind, error) => {
        metrics.refused(kind, error)
        recorder.refused(kind, error.code)
        journal.refused(kind, error)
      },
    },
    admin: {
      hub,
      kick: { kick: (target) => hub.kicks.kick(target), issuers: () => issuers },
      history: log,
      console: {
        source: new HubSource({
          hub,
          log,
          recorder,
          transport: settings.transportUrl.split(':', 1)[0]?.replace('rediss', 'redis') ?? '',
          limits: () => limits,
          openFiles,
          mostFiles: openFilesLimit(),
        }),
      },
      metrics,
      health,
      ...guardOf(settings),
    },
    async renew(next) {
      const { anonymous, cookieName } = settings // the rest of the hub has these from the start
      await authenticator.renew(authOptions({ ...next, anonymous, cookieName }))
      issuers = issuersOf(next)
      hub.limit(next)
      rates.limit(next.maxPublishesPerSecondPerToken)
      limits = limitsOf({ ...settings, ...seatsOf(next) })
    },
    async close(drainMs) {
      selfCheck.close()
      await hub.close(drainMs)
      authenticator.close()
      journal.close()
      recorder.close()
    },
  }
}

/** Tells the log when a listener falls silent, and when it answers again. */
export function selfCheckOf(teller: Teller): SelfCheck {
  return new SelfCheck({
    onSilent: (listener) =>
      teller.error({ listener }, 'a listener accepts connections and does not answer: restart it'),
    onAnswering: (listener) => teller.info({ listener }, 'a listener answers again'),
  })
}

/** Who names subjects: a kick by subject has to say whose, where there are several. */
function issuersOf({ issuers, legacyKeys }: Settings): readonly string[] {
  const ids = issuers.map(({ id }) => id)
  const isLegacyApart = issuers.every((issuer) => !haveSameKeys(issuer, legacyKeys))
  return hasKey(legacyKeys) && isLegacyApart ? [...ids, ''] : ids
}

/** The limits that a running hub takes over. */
function seatsOf(settings: Settings) {
  const { maxSubscribers, maxSubscribersPerToken, maxSubscribersPerAddress } = settings
  const { maxPublishesPerSecondPerToken, maxPatternCostPerAddress } = settings
  return {
    maxSubscribers,
    maxSubscribersPerToken,
    maxSubscribersPerAddress,
    maxPatternCostPerAddress,
    maxPublishesPerSecondPerToken,
  }
}

/** The bounds that are shown beside the gauges they bound. */
function limitsOf(settings: Settings): Record<string, number> {
  return {
    max_subscribers: settings.maxSubscribers,
    max_subscribers_per_token: settings.maxSubscribersPerToken,
    max_subscribers_per_address: settings.maxSubscribersPerAddress,
    max_pattern_cost_per_subscriber: settings.maxPatternCostPerSubscriber,
    max_pattern_cost_per_address: settings.maxPatternCostPerAddress,
    max_pattern_steps_per_request: settings.maxPatternStepsPerRequest,
    max_publishes_per_second_per_token: settings.maxPublishesPerSecondPerToken,
    max_idempotency_keys: settings.maxIdempotencyKeys,
    subscriber_buffer: settings.subscriberBufferBytes,
    topic_matcher_cache: settings.topicMatcherCacheEntries,
    history_size: settings.historySize,
    history_max_bytes: settings.historyMaxBytes,
    history_max_age_seconds: settings.historyMaxAgeMs / 1000,
  }
}

/** Whom the admin listener answers. */
export function guardOf({ adminToken, adminHost, adminNames }: Settings): AdminGuard {
  return { token: adminToken, names: [adminHost, ...adminNames] }
}

/** A line break costs seven bytes in a frame and one in a form; four times the body is what text needs. */
const frameRoom = 4

const droppedEveryMs = 10_000
const legacyEveryMs = 60_000

const legacySentence =
  'tokens of protocol 0.x were refused; to take them, set protocol_version_compatibility (MERCURE_PROTOCOL_VERSION_COMPATIBILITY=8)'

/**
 * Bounds the public listener by the files that are left once log and keys are open; warns when those are
 * too few for so many subscribers.
 *
 * @param onDrop is called for each connection that is closed at once
 */
export function fileLimit(
  maxSubscribers: number,
  teller: Teller,
  onDrop = () => {},
): FileLimit | undefined {
  const [limit, before] = [openFilesLimit(), openFiles()]
  if (limit === undefined || before === undefined) return undefined
  const tell = seldom(droppedEveryMs, (times) =>
    teller.warn({ times, mostConnections: files.mostConnections }, fullSentence),
  )
  const files: FileLimit = new FileLimit({ limit, before }, () => {
    onDrop()
    tell()
  })
  if (files.mostConnections < maxSubscribers)
    teller.warn(
      `max_subscribers: ${maxSubscribers} need ${maxSubscribers + before + reservedFiles} open files, and the limit is ${limit}; raise it (ulimit -n, LimitNOFILE=)`,
    )
  return files
}

const fullSentence =
  'as many files are open as may be: new connections are closed at once; raise the limit (ulimit -n, LimitNOFILE=)'

function originsOf({ corsOrigins, localOrigins }: Settings): AllowedOrigins | undefined {
  if (corsOrigins.length === 0 && !localOrigins) return undefined
  const listed = OriginList.parse(corsOrigins)
  return {
    allowsAny: listed.allowsAny,
    allows: (origin) => listed.allows(origin) || (localOrigins && isLocalOrigin(origin)),
  }
}
