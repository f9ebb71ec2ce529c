import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import t from 'tap'
import { ask } from '../fixtures/http.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
import { startHub } from '../fixtures/hub.ts'

const folder = '/.well-known/mercure/debug/'
const assets = new URL('../../dist/src/page/assets/', import.meta.url)

const hub = await HubProcess.start(t, { args: ['--playground'] })
const { origin } = hub

t.test(
  'the page and everything it loads has its type, a strict policy, and nothing is for other origins',
  async (t) => {
    const types: Readonly<Record<string, string>> = {
      '.html': 'text/html; charset=utf-8',
      '.css': 'text/css; charset=utf-8',
      '.js': 'text/javascript; charset=utf-8',
      '.svg': 'image/svg+xml',
      '.txt': 'text/plain; charset=utf-8',
    }
    const files = readdirSync(assets).filter((file) => !file.startsWith('console.'))
    t.ok(files.includes('playground.html'))

    for (const file of files) {
      const name = file === 'playground.html' ? '' : file
      const { status, headers, text } = await ask(origin + folder + name, {
        headers: { origin: 'http://localhost:8080' },
      })
      const head = await ask(origin + folder + name, { method: 'HEAD' })

      t.match(
        { status, headers },
        {
          status: 200,
          headers: {
            'content-type': types[extname(file)],
            'content-length': String(Buffer.byteLength(text)),
            'cache-control': 'no-cache',
            'content-security-policy':
              "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            'x-content-type-options': 'nosniff',
            'x-frame-options': 'DENY',
            'x-robots-tag': 'noindex',
            'referrer-policy': 'no-referrer',
          },
        },
        name,
      )
      t.notOk(headers['access-control-allow-origin'], name)
      t.strictSame([head.status, head.text], [200, ''], name)
    }
  },
)

t.test('the page has neither scripts nor styles inline', async (t) => {
  const { text } = await ask(origin + folder)

  t.notMatch(text, /<style| style=| on[a-z]+=|<script(?![^>]* src=)/i)
})

t.test('the root and the folder without its slash lead to the page', async (t) => {
  for (const path of ['/', folder.slice(0, -1)]) {
    const { status, headers } = await ask(origin + path)
    t.strictSame([status, headers['location']], [302, folder], path)
  }
})

t.test('names that are not there are 404', async (t) => {
  for (const name of [
    'nothing.js',
    'index.html',
    'playground.html',
    'console.js',
    'theme.js/',
    '../page.ts',
    '%2e%2e/page.ts',
  ])
    t.equal((await ask(`${origin}${folder}${name}`)).status, 404, name)
})

t.test('config.json says what the hub is for', async (t) => {
  const { headers, text } = await ask(`${origin}${folder}config.json`)

  t.equal(headers['cache-control'], 'no-store')
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  t.strictSame(JSON.parse(text), {
    playground: true,
    anonymous: true,
    subscriptions: true,
    cookieName: 'mercure_access_token',
    version,
    isOneOfSeveral: false,
    speaksLegacy: false,
    hubUrl: hub.url,
    audience: hub.url,
  })
})

t.test('status says whether the hub is ready, and how many are connected', async (t) => {
  const { headers, text } = await ask(`${origin}${folder}status`)

  t.equal(headers['cache-control'], 'no-store')
  const { nowMs, ...rest } = JSON.parse(text) as Readonly<Record<string, unknown>>
  t.strictSame(rest, { isReady: true, connected: 0 })
  t.type(nowMs, 'number')
})

t.test(
  'the playground hands out a token that may do everything, to its own page only',
  async (t) => {
    const url = `${origin}${folder}playground-token`

    const { status, headers, text } = await ask(url, {
      headers: { origin: 'http://localhost:8080', 'sec-fetch-site': 'cross-site' },
    })
    const published = await ask(hub.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Bearer ${text}`,
      },
      body: 'topic=a&private=on',
    })
    const preflight = await ask(url, {
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:8080', 'access-control-request-method': 'GET' },
    })

    t.match(
      { status, headers },
      {
        status: 200,
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'cache-control': 'no-store',
          'cross-origin-resource-policy': 'same-origin',
        },
      },
    )
    t.strictSame(corsFields(headers), [])
    t.equal(preflight.status, 404, 'which ends a request that needs a preflight')
    t.match(published, { status: 200, text: /^urn:uuid:/ })
  },
)

function corsFields(headers: object): string[] {
  return Object.keys(headers).filter((name) => name.startsWith('access-control-'))
}

t.test('the token is made for the name under which the hub was called', async (t) => {
  const host = `hub.localhost:${new URL(origin).port}`

  const { text } = await ask(`${origin}${folder}playground-token`, { headers: { host } })

  t.equal(claimsOf(text)['aud'], `http://${host}/.well-known/mercure`)
})

function claimsOf(token: string): Record<string, unknown> {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return JSON.parse(claims) as Record<string, unknown>
}

t.test(
  'a name that merely leads to this machine is answered 421, page and token too',
  async (t) => {
    for (const path of ['/', folder, `${folder}playground.js`, `${folder}config.json`]) {
      const { status, text } = await ask(origin + path, { headers: { host: 'evil.example' } })
      t.strictSame([status, text.startsWith('Misdirected Request')], [421, true], path)
    }
    const token = await ask(`${origin}${folder}playground-token`, {
      headers: { host: 'evil.example' },
    })
    t.strictSame([token.status, token.text.includes('eyJ')], [421, false])
  },
)

t.test('the playground believes no forwarded host, from whomever', async (t) => {
  const { host } = new URL(origin)
  const forwarded = { 'x-forwarded-host': host, 'x-forwarded-proto': 'http' }
  const statusOf = async (path: string, headers: Record<string, string>) =>
    (await ask(origin + path, { headers })).status

  for (const path of ['/', folder, `${folder}playground-token`, '/.well-known/mercure?match=a']) {
    t.equal(await statusOf(path, { host: 'evil.example', ...forwarded }), 421, path)
    t.equal(await statusOf(path, { host: '10.0.0.1', ...forwarded }), 421, path)
  }
  const named = await ask(`${origin}${folder}playground-token`, {
    headers: { 'x-forwarded-host': 'hub.localhost' },
  })
  t.equal(claimsOf(named.text)['aud'], hub.url, 'which is what the connection itself says')
})

t.test('a playground with keys of its own lends them to nobody', async (t) => {
  const { origin } = await HubProcess.start(t, {
    args: ['--playground'],
    env: {
      MERCURE_PUBLISHER_JWT_KEY: 'a secret of the operator, 32 bytes',
      MERCURE_SUBSCRIBER_JWT_KEY: 'a secret of the operator, 32 bytes',
    },
  })

  t.equal((await ask(`${origin}${folder}playground-token`)).status, 404)
})

t.test('a debugger that is no playground has the page, and no token', async (t) => {
  const { origin } = await HubProcess.start(t, {
    env: {
      MERCURE_DEBUGGER: '1',
      MERCURE_TRUSTED_ISSUERS: 'https://issuer.example',
      MERCURE_SUBSCRIBER_JWT_KEY: '!ChangeThisMercureHubJWTSecretKey!',
    },
  })

  const config = await ask(`${origin}${folder}config.json`)

  t.equal((await ask(origin + folder)).status, 200)
  t.match(JSON.parse(config.text), { playground: false, anonymous: false })
  t.equal((await ask(`${origin}${folder}playground-token`)).status, 404)
})

t.test('without the debugger there is no page', async (t) => {
  const hub = await startHub(t)

  for (const path of ['/', folder, `${folder}playground.js`, `${folder}playground-token`])
    t.equal((await ask(hub.origin + path)).status, 404, path)
})
