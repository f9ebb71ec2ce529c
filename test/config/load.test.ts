import t from 'tap'
import { ConfigError, loadClientSettings } from '../../src/config/load.ts'
import { optionNames } from '../../src/config/options/table.ts'
import { load, minimal, problemsOf } from './sources.ts'

t.test('without more than keys, every option has the default of the documentation', async (t) => {
  const { settings, warnings } = load({ env: minimal })

  const key = {
    kind: 'static',
    key: minimal.MERCURE_PUBLISHER_JWT_KEY,
    algorithm: 'HS256',
  } as const
  t.strictSame(settings, {
    host: '127.0.0.1',
    port: 3000,
    adminHost: '127.0.0.1',
    adminPort: 3019,
    transportUrl: 'lmdb:./data/mercure',
    issuers: [
      { id: 'https://app.example', publisher: key, subscriber: key, authorizationServer: false },
    ],
    legacyKeys: {},
    resourceIdentifier: undefined,
    publicUrls: [],
    protocolVersionCompatibility: 0,
    anonymous: false,
    subscriptions: false,
    debugger: false,
    playground: false,
    corsOrigins: [],
    publishOrigins: [],
    localOrigins: false,
    cookieName: '__Secure-mercure_access_token',
    heartbeatMs: 40_000,
    writeTimeoutMs: 600_000,
    dispatchTimeoutMs: 5_000,
    drainTimeoutMs: 30_000,
    maxRequestBodyBytes: 1_048_576,
    maxHeaderBytes: 65_536,
    subscriberBufferBytes: 1_048_576,
    maxSubscribers: 0,
    maxSubscribersPerToken: 0,
    maxSubscribersPerAddress: 0,
    maxPatternCostPerSubscriber: 2000,
    maxPatternCostPerAddress: 10_000,
    maxPatternStepsPerRequest: 50_000_000,
    maxPublishesPerSecondPerToken: 0,
    headerTimeoutMs: 30_000,
    requestTimeoutMs: 300_000,
    keepAliveTimeoutMs: 72_000,
    historySize: 0,
    historyMaxAgeMs: 0,
    historyMaxBytes: 1_073_741_824,
    topicMatcherCacheEntries: 100_000,
    registryShards: 1,
    workers: 1,
    trustedProxies: ['127.0.0.1', '::1'],
    subscriptionGraceMs: 0,
    idempotencyWindowMs: 600_000,
    maxIdempotencyKeys: 100_000,
    cursorLines: 'auto',
    adminToken: undefined,
    adminNames: [],
    logLevel: 'info',
    logFormat: 'auto',
  })
  t.strictSame(warnings, [])
})

t.test('flags beat the environment, which beats the file, which beats the default', async (t) => {
  const file = 'heartbeat: 1s\nwrite_timeout: 1s\ndispatch_timeout: 1s\n'
  const env = { ...minimal, MERCURE_HEARTBEAT: '2s', MERCURE_WRITE_TIMEOUT: '2s' }
  const { settings } = load({ argv: ['--heartbeat', '3s'], env, file })

  t.strictSame(
    [
      settings.heartbeatMs,
      settings.writeTimeoutMs,
      settings.dispatchTimeoutMs,
      settings.drainTimeoutMs,
    ],
    [3000, 2000, 1000, 30_000],
  )
})

t.test('a flag takes its value from the next word or after =', async (t) => {
  const { settings } = load({
    argv: ['--write-timeout=5s', '--port', '0', '--admin-port', 'off', '--admin-token=-x'],
    env: minimal,
  })

  t.strictSame(
    [settings.writeTimeoutMs, settings.port, settings.adminPort, settings.adminToken],
    [5000, 0, 'off', '-x'],
  )
})

t.test('a bare switch is on, and = turns it off', async (t) => {
  const { settings } = load({
    argv: ['--anonymous', '--subscriptions=1', '--debugger=0', '--cursor-lines=false'],
    env: { ...minimal, MERCURE_DEBUGGER: 'true' },
  })

  t.strictSame(
    [settings.anonymous, settings.subscriptions, settings.debugger, settings.cursorLines],
    [true, true, false, false],
  )
})

t.test(
  'lists may be repeated as flags, separated in variables, and lists in the file',
  async (t) => {
    const origins = ['https://a.example', 'https://b.example']
    const asFlags = origins.flatMap((one) => ['--cors-origins', one])

    t.strictSame(load({ argv: asFlags, env: minimal }).settings.corsOrigins, origins)
    t.strictSame(
      load({ env: { ...minimal, MERCURE_CORS_ORIGINS: origins.join(', ') } }).settings.corsOrigins,
      origins,
    )
    t.strictSame(
      load({ env: minimal, file: `cors_origins: [${origins.join(', ')}]` }).settings.corsOrigins,
      origins,
    )
    t.strictSame(load({ env: minimal, file: 'cors_origins: [null]' }).settings.corsOrigins, [
      'null',
    ])
  },
)

t.test('the file may be JSON, with tabs, numbers and switches', async (t) => {
  const file = '{\n\t"max_subscribers": 1e5,\n\t"anonymous": true,\n\t"history_size": "1e3"\n}'
  const { settings } = load({ env: minimal, file })

  t.strictSame(
    [settings.maxSubscribers, settings.anonymous, settings.historySize],
    [100_000, true, 1000],
  )
})

t.test('numbers in the file are read to the letter', async (t) => {
  t.strictSame(problemsOf({ env: minimal, file: 'max_subscribers: 0x10\nhistory_size: 1_000' }), [
    'max_subscribers: expected a count >= 0 such as "100000" or "1e5", got "0x10" (from hub.yaml:max_subscribers)',
    'history_size: expected a count >= 0 such as "100000" or "1e5", got "1_000" (from hub.yaml:history_size)',
  ])
})

t.test('the file may be named by the environment, and the flag wins', async (t) => {
  const paths: string[] = []
  const readFile = (path: string) => {
    paths.push(path)
    return ''
  }

  loadClientSettings({ argv: [], env: { MERCURE_CONFIG: 'a.yaml' }, readFile })
  loadClientSettings({ argv: ['--config=b.yaml'], env: { MERCURE_CONFIG: 'a.yaml' }, readFile })

  t.strictSame(paths, ['a.yaml', 'b.yaml'])
})

t.test('an empty variable, and an empty key of the file, count as unset', async (t) => {
  const env = { ...minimal, MERCURE_HEARTBEAT: '', MERCURE_CONFIG: '', MERCURE_NO_SUCH: '' }
  const { settings } = load({ env, file: 'heartbeat:\nwrite_timeout: ~\nadmin_token: null' })

  t.strictSame(
    [settings.heartbeatMs, settings.writeTimeoutMs, settings.adminToken],
    [40_000, 600_000, undefined],
  )
})

t.test('every problem of every source is told, once and in one message', async (t) => {
  const sources = {
    argv: ['--heartbeat', '4O s', '--port=65536', '--hartbeat=1s', 'now', '--debugger=maybe'],
    env: {
      ...minimal,
      MERCURE_WRITE_TIMEOUT: '5',
      MERCURE_WRITE_TIMOUT: '5s',
      MERCURE_HISTORY_SIZE: '1e10',
    },
    file: 'subscriber_buffer: 1GiB\nwrokers: 2\nlog_level: [info]\ncors_origins: {a: b}\n',
  }

  const problems = problemsOf(sources)

  t.strictSame(problems, [
    '--hartbeat: unknown flag (did you mean --heartbeat?)',
    'unexpected argument "now"',
    'hub.yaml:wrokers: unknown key (did you mean workers?)',
    'log_level: expected one value, not a list or a map (from hub.yaml:log_level)',
    'cors_origins: expected a list (from hub.yaml:cors_origins)',
    'MERCURE_WRITE_TIMOUT: unknown variable (did you mean MERCURE_WRITE_TIMEOUT?)',
    'port: expected a port from 0 to 65535, got "65536" (from --port)',
    'debugger: expected 1 or 0, got "maybe" (from --debugger)',
    'heartbeat: expected a duration >= 0 such as "40s", got "4O s" (from --heartbeat)',
    'write_timeout: expected a duration >= 0 such as "40s", got "5" (from MERCURE_WRITE_TIMEOUT)',
    'subscriber_buffer: expected a size of at most 256MiB, got "1GiB" (from hub.yaml:subscriber_buffer)',
    'history_size: expected a count of at most 1e9, got "1e10" (from MERCURE_HISTORY_SIZE)',
  ])
  t.throws(() => load(sources), new ConfigError(problems))
  t.equal(new ConfigError(problems).message, problems.join('\n'))
})

t.test('a cache of 7e8 entries is refused, one of the ceiling is not', async (t) => {
  const env = (entries: string) => ({ ...minimal, MERCURE_TOPIC_MATCHER_CACHE: entries })

  t.equal(load({ env: env('1e7') }).settings.topicMatcherCacheEntries, 1e7)
  t.strictSame(problemsOf({ env: env('7e8') }), [
    'topic_matcher_cache: expected a count of at most 1e7, got "7e8" (from MERCURE_TOPIC_MATCHER_CACHE)',
  ])
})

t.test('a list names the entry that is wrong', async (t) => {
  const env = { ...minimal, MERCURE_PUBLISH_ORIGINS: 'https://a.example,https://b.example/' }

  t.strictSame(problemsOf({ env }), [
    'publish_origins: expected an origin such as "https://app.example" (no path, no trailing slash), "https://*.app.example", "null" or "*", got "https://b.example/" (from MERCURE_PUBLISH_ORIGINS)',
  ])
})

t.test('flags without a value, given twice, or short, are problems', async (t) => {
  const argv = ['--port', '1', '--port', '2', '-p', '--heartbeat', '--anonymous', '--write-timeout']

  t.strictSame(problemsOf({ argv, env: minimal }), [
    '--port: given more than once',
    '-p: unknown flag',
    '--heartbeat: expected a value, got "--anonymous"',
    '--write-timeout: expected a value, got nothing',
  ])
})

t.test('names of the prototype are unknown names', async (t) => {
  const argv = ['--constructor=1', '--__proto__=1']

  t.strictSame(problemsOf({ argv, env: minimal, file: '__proto__: 1\ntoString: 1' }), [
    '--constructor: unknown flag',
    '--__proto__: unknown flag',
    'hub.yaml:__proto__: unknown key',
    'hub.yaml:toString: unknown key',
  ])
})

t.test('secrets never appear in a message, nor do passwords of URLs', async (t) => {
  const env = {
    ...minimal,
    MERCURE_ADMIN_TOKEN: 'two words',
    MERCURE_TRANSPORT_URL: 'postgres://hub:hunter2@db/x',
  }

  t.strictSame(problemsOf({ env }), [
    'transport_url: expected "memory:", "lmdb:PATH" or "redis://host:port/db", got "postgres://***@db/x" (from MERCURE_TRANSPORT_URL)',
    'admin_token: expected a token of visible ASCII characters without spaces, got a value of 9 characters (from MERCURE_ADMIN_TOKEN)',
  ])
})

t.test('a long value is shortened in the message', async (t) => {
  const env = { ...minimal, MERCURE_HOST: '-'.repeat(1000) }

  t.strictSame(problemsOf({ env }), [
    `host: expected an IP address or a host name such as "127.0.0.1", got "${'-'.repeat(100)}…" (from MERCURE_HOST)`,
  ])
})

t.test('a file that is not there, or no options, is told with its name', async (t) => {
  t.strictSame(problemsOf({ argv: ['--config', '/no/such/hub.yaml'], env: minimal }), [
    'config: expected a file to read, got "/no/such/hub.yaml" (ENOENT)',
  ])
  t.strictSame(problemsOf({ env: minimal, file: '- heartbeat: 1s' }), [
    'hub.yaml: expected options such as "heartbeat: 40s"',
  ])
})

t.test('a file that cannot be parsed is told with the line, and without its text', async (t) => {
  t.strictSame(problemsOf({ env: minimal, file: 'publisher_jwt_key: "hunter2\n' }), [
    'hub.yaml: Missing closing "quote at line 2, column 1',
  ])
  t.strictSame(problemsOf({ env: minimal, file: 'heartbeat: 1s\nheartbeat: 2s' }), [
    'hub.yaml: Map keys must be unique at line 2, column 1',
  ])
  t.strictSame(problemsOf({ env: minimal, file: 'heartbeat: *missing' }), [
    'hub.yaml: Unresolved alias (the anchor must be set before the alias): missing',
  ])
})

t.test('hub and admin listener need different ports', async (t) => {
  t.strictSame(problemsOf({ argv: ['--port=4000', '--admin-port=4000'], env: minimal }), [
    'admin_port: expected another port than the hub itself has, got 4000',
  ])
  t.strictSame(problemsOf({ argv: ['--port=0', '--admin-port=0'], env: minimal }), [])
})

t.test('several processes cannot share a history in memory', async (t) => {
  const argv = ['--transport-url=memory:']

  t.strictSame(problemsOf({ argv: [...argv, '--workers=1'], env: minimal }), [])
  t.strictSame(problemsOf({ argv: [...argv, '--workers=auto'], env: minimal }), [
    'workers: expected 1 with memory:, which processes cannot share, got auto',
  ])
  t.strictSame(problemsOf({ argv: ['--workers=257'], env: minimal }), [
    'workers: expected a count of at most 256, or auto for one per core, got "257" (from --workers)',
  ])
})

t.test('protocol compatibility is off, 7 or 8', async (t) => {
  const valueOf = (value: string) =>
    load({ argv: [`--protocol-version-compatibility=${value}`], env: minimal }).settings
      .protocolVersionCompatibility

  t.strictSame(['off', '0', '7', '8'].map(valueOf), [0, 0, 7, 8])
  t.strictSame(problemsOf({ argv: ['--protocol-version-compatibility=9'], env: minimal }), [
    'protocol_version_compatibility: expected off, 7 or 8, got "9" (from --protocol-version-compatibility)',
  ])
})

t.test('every option can be given in the file, in the environment and as a flag', async (t) => {
  const unset = '~'
  const file = optionNames.map((name) => `${name}: ${unset}`).join('\n')
  const env = Object.fromEntries(optionNames.map((name) => [`MERCURE_${name.toUpperCase()}`, '']))

  t.strictSame(problemsOf({ argv: ['--anonymous'], env, file }), [])
})

t.test(
  'a command that only talks to a hub needs no keys, and forgives variables of others',
  async (t) => {
    const { settings } = loadClientSettings({
      argv: [],
      env: { MERCURE_URL: 'http://hub/.well-known/mercure', MERCURE_PORT: '4000' },
    })

    t.strictSame([settings.port, settings.issuers], [4000, []])
    t.throws(() => loadClientSettings({ argv: [], env: { MERCURE_PORT: 'x' } }), {
      message: 'port: expected a port from 0 to 65535, got "x" (from MERCURE_PORT)',
    })
  },
)
