import t from 'tap'
import { load, minimal, problemsOf } from './sources.ts'

const developmentKey = {
  kind: 'static',
  key: '!ChangeThisMercureHubJWTSecretKey!',
  algorithm: 'HS256',
} as const

t.test('the playground has everything on, and a key that everybody knows', async (t) => {
  const { settings, warnings } = load({ argv: ['--playground'] })

  t.match(settings, {
    playground: true,
    anonymous: true,
    debugger: true,
    subscriptions: true,
    localOrigins: true,
    corsOrigins: [],
    publishOrigins: [],
    cookieName: 'mercure_access_token',
    transportUrl: 'lmdb:./data/mercure',
    legacyKeys: {},
  })
  t.strictSame(settings.issuers, [
    {
      id: 'https://localhost',
      publisher: developmentKey,
      subscriber: developmentKey,
      authorizationServer: false,
    },
  ])
  t.strictSame(warnings, [])
})

t.test('what is said explicitly stays as it was said', async (t) => {
  const { settings } = load({
    argv: ['--playground', '--cookie-name=mine', '--cors-origins=https://app.example'],
    env: { MERCURE_ANONYMOUS: '0', MERCURE_TRUSTED_ISSUERS: 'https://app.example' },
  })

  t.strictSame(
    [settings.anonymous, settings.debugger, settings.cookieName, settings.corsOrigins],
    [false, true, 'mine', ['https://app.example']],
  )
  t.strictSame(settings.issuers[0]?.id, 'https://app.example')
})

t.test('keys of one’s own replace the development key, for both roles', async (t) => {
  const own = { kind: 'static', key: 'mine', algorithm: 'HS256' } as const
  const flat = load({ argv: ['--playground'], env: { MERCURE_PUBLISHER_JWT_KEY: 'mine' } })
  const file = 'issuers: [{ id: a, publisher: { key: mine } }]'

  t.strictSame(flat.settings.issuers, [
    { id: 'https://localhost', publisher: own, authorizationServer: false },
  ])
  t.strictSame(load({ argv: ['--playground'], file }).settings.issuers, [
    { id: 'a', publisher: own, authorizationServer: false },
  ])
})

t.test('a key with a mistake is not replaced by the public one', async (t) => {
  const env = { MERCURE_PUBLISHER_JWT_KEY: 'mine', MERCURE_PUBLISHER_JWT_ALG: 'ES256' }

  t.strictSame(problemsOf({ argv: ['--playground'], env }), [
    'publisher_jwt_key: expected a public key as PEM text, for ES256, got a value of 4 characters (from MERCURE_PUBLISHER_JWT_KEY)',
  ])
})

t.test('with compatibility the development key opens 0.x too', async (t) => {
  const argv = ['--playground', '--protocol-version-compatibility=8']

  t.strictSame(load({ argv }).settings.legacyKeys, {
    publisher: developmentKey,
    subscriber: developmentKey,
  })
})

t.test('it listens on loopback only', async (t) => {
  const refusal = (name: string, host: string) =>
    `${name}: expected a loopback address, because the playground is insecure (--yes-expose overrides), got "${host}"`

  t.strictSame(problemsOf({ argv: ['--playground', '--host=0.0.0.0'] }), [
    refusal('host', '0.0.0.0'),
  ])
  t.strictSame(problemsOf({ argv: ['--playground', '--admin-host=::'] }), [
    refusal('admin_host', '::'),
  ])
  t.strictSame(problemsOf({ argv: ['--playground', '--host=::1', '--admin-host=localhost'] }), [])
  t.strictSame(problemsOf({ argv: ['--playground', '--admin-host=::', '--admin-port=off'] }), [])
  t.strictSame(problemsOf({ env: { ...minimal, MERCURE_HOST: '0.0.0.0' } }), [])
})

t.test('--yes-expose overrides, and no variable or file does', async (t) => {
  const argv = ['--playground', '--host=0.0.0.0', '--public-urls=http://hub.example']

  t.strictSame(load({ argv: [...argv, '--yes-expose'] }).warnings, [
    'INSECURE: the playground listens on 0.0.0.0; whoever reaches it can publish',
  ])
  t.equal(problemsOf({ argv: [...argv, '--yes-expose=0'] }).length, 1)
  t.strictSame(problemsOf({ env: { ...minimal, MERCURE_YES_EXPOSE: '1' } }), [
    'MERCURE_YES_EXPOSE: unknown variable',
  ])
  t.strictSame(problemsOf({ env: minimal, file: 'yes_expose: 1' }), [
    'hub.yaml:yes_expose: unknown key',
  ])
})
