import t from 'tap'
import { load, minimal, problemsOf } from '../sources.ts'

const whose =
  'it belongs to the application that publishes, not to the hub; take it out of the environment of the hub'
const say = (variable: string, advice: string) => `${variable}: unknown variable; ${advice}`

t.test('variables of a Kubernetes Service are ignored with a warning', async (t) => {
  const kubernetes = {
    MERCURE_SERVICE_HOST: '10.0.0.1',
    MERCURE_SERVICE_PORT: '80',
    MERCURE_SERVICE_PORT_HTTP: '80',
    MERCURE_PORT: 'tcp://10.0.0.1:80',
    MERCURE_PORT_80_TCP: 'tcp://10.0.0.1:80',
    MERCURE_PORT_80_TCP_PROTO: 'tcp',
    MERCURE_PORT_80_TCP_PORT: '80',
    MERCURE_PORT_80_TCP_ADDR: '10.0.0.1',
    MERCURE_ADMIN_PORT: 'tcp://10.0.0.2:80',
    MERCURE_REDIS_SERVICE_HOST: '10.0.0.3',
    MERCURE_REDIS_PORT_6379_TCP: 'tcp://10.0.0.3:6379',
  }
  const { settings, warnings } = load({ env: { ...minimal, ...kubernetes } })

  t.strictSame([settings.port, settings.adminPort], [3000, 3019])
  t.strictSame(
    warnings,
    Object.keys(kubernetes).map(
      (name) => `${name}: ignored, it looks like one that Kubernetes sets for a Service`,
    ),
  )
})

t.test('a port that is no Kubernetes address is still read, and checked', async (t) => {
  t.equal(load({ env: { ...minimal, MERCURE_PORT: '4000' } }).settings.port, 4000)
  t.strictSame(problemsOf({ env: { ...minimal, MERCURE_PORT: 'http://hub:80' } }), [
    'port: expected a port from 0 to 65535, got "http://hub:80" (from MERCURE_PORT)',
  ])
})

t.test('the options of the reference hub name ours', async (t) => {
  const env = {
    MERCURE_JWT_KEY: 'hunter2',
    MERCURE_ALLOW_ANONYMOUS: '1',
    MERCURE_CORS_ALLOWED_ORIGINS: '*',
    MERCURE_PUBLISH_ALLOWED_ORIGINS: '*',
    MERCURE_ADDR: ':80',
    MERCURE_DEMO: '1',
    MERCURE_DEBUG: '1',
    MERCURE_HEARTBEAT_INTERVAL: '15s',
    MERCURE_USE_FORWARDED_HEADERS: '1',
    MERCURE_DISPATCH_SUBSCRIPTIONS: '1',
    MERCURE_ACME_HOSTS: 'hub.example',
    MERCURE_LICENSE: 'x',
    MERCURE_URL: 'http://hub/.well-known/mercure',
    MERCURE_PUBLIC_URL: 'https://hub.example/.well-known/mercure',
    MERCURE_JWT_SECRET: 'hunter2',
    MERCURE_SUBSCRIBER_JWT_ALGORITHM: 'HS256',
  }

  t.strictSame(problemsOf({ env: { ...minimal, ...env } }), [
    say('MERCURE_JWT_KEY', 'use MERCURE_PUBLISHER_JWT_KEY, MERCURE_SUBSCRIBER_JWT_KEY instead'),
    say('MERCURE_ALLOW_ANONYMOUS', 'use MERCURE_ANONYMOUS instead'),
    say('MERCURE_CORS_ALLOWED_ORIGINS', 'use MERCURE_CORS_ORIGINS instead'),
    say('MERCURE_PUBLISH_ALLOWED_ORIGINS', 'use MERCURE_PUBLISH_ORIGINS instead'),
    say('MERCURE_ADDR', 'use MERCURE_HOST, MERCURE_PORT instead'),
    say('MERCURE_DEMO', 'use MERCURE_DEBUGGER, MERCURE_PLAYGROUND instead'),
    say('MERCURE_DEBUG', 'use MERCURE_LOG_LEVEL instead'),
    say('MERCURE_HEARTBEAT_INTERVAL', 'use MERCURE_HEARTBEAT instead'),
    say('MERCURE_USE_FORWARDED_HEADERS', 'use MERCURE_TRUSTED_PROXIES instead'),
    say('MERCURE_DISPATCH_SUBSCRIPTIONS', 'use MERCURE_SUBSCRIPTIONS instead'),
    say('MERCURE_ACME_HOSTS', 'TLS is for the proxy in front of the hub'),
    say('MERCURE_LICENSE', 'this hub needs no license key; remove it'),
    ...['MERCURE_URL', 'MERCURE_PUBLIC_URL', 'MERCURE_JWT_SECRET'].map((name) => say(name, whose)),
    say('MERCURE_SUBSCRIBER_JWT_ALGORITHM', 'use MERCURE_SUBSCRIBER_JWT_ALG instead'),
  ])
})

t.test('flags and file keys of the reference hub name ours, each in its spelling', async (t) => {
  const file = 'topic_selector_cache: 10\npublisher_jwt: secret\n'

  t.strictSame(problemsOf({ argv: ['--cors-allowed-origins=*', '--ui'], env: minimal, file }), [
    '--cors-allowed-origins: unknown flag; use --cors-origins instead',
    '--ui: unknown flag; use --debugger instead',
    'hub.yaml:topic_selector_cache: unknown key; use topic_matcher_cache instead',
    'hub.yaml:publisher_jwt: unknown key; use publisher_jwt_key instead',
  ])
})

t.test('Caddy directives become lines to paste, without their secrets', async (t) => {
  const directives = `
    cors_origins "http://127.0.0.1:8000" http://localhost:8000 # the pages
    # a comment
    anonymous # everybody
    heartbeat 15s
    publisher_jwt hunter2 HS256
    ui
    header X-Foo bar
    transport bolt {
      path /data/mercure.db
      size 1000
    }
    transport_url "bolt:///x.db?size=5"
    publish_origins https://a.example/ https://b.example
  `
  const [problem = '', ...more] = problemsOf({
    env: { ...minimal, MERCURE_EXTRA_DIRECTIVES: directives },
  })

  t.strictSame(more, [])
  t.strictSame(problem.split('\n').slice(1), [
    'MERCURE_CORS_ORIGINS="http://127.0.0.1:8000 http://localhost:8000"',
    'MERCURE_ANONYMOUS=1',
    'MERCURE_HEARTBEAT=15s',
    '# MERCURE_PUBLISHER_JWT_KEY= the key that stands there',
    'MERCURE_PUBLISHER_JWT_ALG=HS256',
    'MERCURE_DEBUGGER=1',
    '# header: no counterpart',
    'MERCURE_TRANSPORT_URL=lmdb:/data/mercure-history',
    'MERCURE_HISTORY_SIZE=1000',
    'MERCURE_TRANSPORT_URL=lmdb:/x-history',
    'MERCURE_HISTORY_SIZE=5',
    '# publish_origins: publish_origins takes an origin such as "https://app.example" (no path, no trailing slash), "https://*.app.example", "null" or "*", not "https://a.example/"',
  ])
})

t.test('variables without our prefix are warned about, when they say something', async (t) => {
  const env = {
    ...minimal,
    SERVER_NAME: ':80',
    GLOBAL_OPTIONS: 'debug',
    CADDY_EXTRA_CONFIG: 'x',
    CADDY_SERVER_EXTRA_DIRECTIVES: '',
    JWT_KEY: 'hunter2',
    HOME: '/root',
  }

  t.strictSame(load({ env }).warnings, [
    'CADDY_EXTRA_CONFIG: not read by this hub; Caddy is not part of this hub',
    'GLOBAL_OPTIONS: not read by this hub; set MERCURE_LOG_LEVEL=debug instead',
    'JWT_KEY: not read by this hub; set MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY instead',
    'SERVER_NAME: not read by this hub; set MERCURE_HOST and MERCURE_PORT, and MERCURE_PUBLIC_URLS for the name that browsers use',
  ])
})

t.test('a compose file of the reference hub starts with nothing but warnings', async (t) => {
  const env = {
    SERVER_NAME: ':80',
    MERCURE_PUBLISHER_JWT_KEY: 'a secret that is long enough for HS256',
    MERCURE_PUBLISHER_JWT_ALG: 'HS256',
    MERCURE_SUBSCRIBER_JWT_KEY: 'a secret that is long enough for HS256',
    MERCURE_SUBSCRIBER_JWT_ALG: 'HS256',
    MERCURE_TRUSTED_ISSUERS: 'https://localhost',
    MERCURE_EXTRA_DIRECTIVES: '',
    MERCURE_LICENSE: '',
  }

  t.equal(load({ env }).warnings.length, 1)
})

t.test('variables of others are named also when they are all there is', async (t) => {
  const env = {
    JWT_KEY: 'hunter2',
    ALLOW_ANONYMOUS: '1',
    CORS_ALLOWED_ORIGINS: '*',
    PUBLISH_ALLOWED_ORIGINS: '*',
    PUBLISHER_JWT_KEY: 'hunter2',
    SUBSCRIBER_JWT_KEY: 'hunter2',
    HEARTBEAT_INTERVAL: '15s',
    ADDR: ':80',
    TRANSPORT_URL: 'bolt://x.db',
  }
  t.throws(
    () => load({ env }),
    new RegExp(
      Object.keys(env)
        .map((name) => `(?=[^]*^${name}: not read)`)
        .join(''),
      'm',
    ),
  )
  t.throws(() => load({ env }), { message: /^(?![^]*hunter2)/ })
})

t.test('what belongs to an application beside the hub is said to, and nothing else', async (t) => {
  for (const name of ['PUBLISH_URL', 'JWT_TOKEN', 'URL', 'PUBLIC_URL', 'JWT_SECRET'])
    t.strictSame(problemsOf({ env: { ...minimal, [`MERCURE_${name}`]: 'x' } }), [
      say(`MERCURE_${name}`, whose),
    ])
  t.match(problemsOf({ env: { ...minimal, MERCURE_SERVER_NAME: 'x' } }), [/the web server beside/])
})
