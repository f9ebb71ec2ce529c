import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { hubPath } from '../protocol/reserved.ts'
import type { HubUrlResolver } from './request/hub-urls.ts'

/** What the debugger page is told about the hub. */
export interface PageOptions {
  readonly isPlayground: boolean
  readonly anonymous: boolean
  readonly subscriptions: boolean
  readonly cookieName: string
  /** Signs a token that may do everything, for this audience; absent: nobody is given one. */
  readonly tokenFor?: ((audience: string) => Promise<string>) | undefined
}

const folder = `${hubPath}/debug/`

/** The page's files in src/page/assets, by the name they are served under. */
const assets = [
  { name: '', file: 'index.html', type: 'text/html; charset=utf-8' },
  { name: 'page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { name: 'icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
  ...[
    'page.js',
    'requests.js',
    'stream.js',
    'event-parser.js',
    'updates.js',
    'grants.js',
    'who.js',
  ].map((file) => ({ name: file, file, type: 'text/javascript; charset=utf-8' })),
]

/** Nothing here is for other origins: there are no CORS fields, and the page is in nobody's frame or index. */
const headers = {
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
  'content-security-policy': "default-src 'self'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/**
 * The debugger page, at `…/debug/`, with everything it loads and reads beneath it; `/` leads there.
 *
 * The page asks `config.json` what it is for. In the playground `playground-token` gives it a token
 * that is made for the URL under which it was called, which a page of another origin cannot read, and
 * a name that merely resolves to this machine (DNS rebinding) is answered 421.
 */
export async function page(
  app: FastifyInstance,
  { urls, ...options }: PageOptions & { readonly urls: HubUrlResolver },
): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(headers)
    done(urls.resolve(request.raw).isMisdirected ? urls.misdirected(request.raw) : undefined)
  })

  for (const path of ['/', `${hubPath}/debug`])
    app.get(path, async (_request, reply) => reply.redirect(folder))

  for (const { name, file, type } of assets) {
    const content = await readFile(new URL(`../page/assets/${file}`, import.meta.url))
    app.get(folder + name, async (_request, reply) => reply.type(type).send(content))
  }

  const { isPlayground, anonymous, subscriptions, cookieName, tokenFor } = options
  app.get(`${folder}config.json`, async (_request, reply) =>
    reply
      .header('cache-control', 'no-store')
      .send({ playground: isPlayground, anonymous, subscriptions, cookieName }),
  )

  if (isPlayground && tokenFor !== undefined)
    app.get(`${folder}playground-token`, async (request, reply) => {
      const { audience, hubUrl } = urls.resolve(request.raw)
      void reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store')
      return tokenFor(audience ?? hubUrl)
    })
}
