import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { hubPath } from '../protocol/reserved.ts'

/** What the debugger page is told about the hub. */
export interface PageOptions {
  readonly isPlayground: boolean
  readonly anonymous: boolean
  readonly subscriptions: boolean
  readonly cookieName: string
}

/** The page's files, relative to src/page/assets, by the name they are served under. */
const assets = [
  { name: '', file: 'index.html', type: 'text/html; charset=utf-8' },
  { name: 'page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  { name: 'page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { name: 'icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
]

/** The debugger page, at `…/debug/`, with everything it loads beneath it; `/` leads there. */
export async function page(app: FastifyInstance, options: PageOptions): Promise<void> {
  const folder = new URL('../page/assets/', import.meta.url)
  app.addHook('onRequest', async (_request, reply) => {
    void reply.headers({
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'self'",
      'cache-control': 'no-cache',
    })
  })
  app.get('/', async (_request, reply) => reply.redirect(`${hubPath}/debug/`))
  for (const { name, file, type } of assets) {
    const content = await readFile(new URL(file, folder))
    app.get(`${hubPath}/debug/${name}`, async (_request, reply) => reply.type(type).send(content))
  }
  app.get(`${hubPath}/debug/config.json`, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(options),
  )
}
