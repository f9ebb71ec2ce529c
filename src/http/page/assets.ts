import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import type { FastifyInstance } from 'fastify'

/** The two pages that are made of src/page/. */
export type Door = 'playground' | 'console'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** Everything comes from the hub itself, nothing stands inline, and no form is sent but by the script. */
const contentSecurityPolicy =
  "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Nothing here is for other origins: there are no CORS fields, and the page is in nobody's frame or index. */
export const pageHeaders = {
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/**
 * Serves a page at `folder`, with what the build made of it beneath: `dist/src/page/assets`.
 *
 * @param folder ends with a slash
 */
export async function serveDoor(app: FastifyInstance, folder: string, door: Door): Promise<void> {
  const assets = assetsFolder()
  const other = door === 'playground' ? 'console' : 'playground'
  for (const file of await readdir(assets)) {
    const type = types[extname(file)]
    if (type === undefined || file.startsWith(`${other}.`)) continue
    const content = await readFile(new URL(file, assets))
    const path = file === `${door}.html` ? folder : folder + file
    app.get(path, async (_request, reply) => reply.headers(pageHeaders).type(type).send(content))
  }
}

/** Beside this file when it was built; in `dist/` when it runs as it is. */
function assetsFolder(): URL {
  const built = new URL('../../page/assets/', import.meta.url)
  return existsSync(built) ? built : new URL('../../../dist/src/page/assets/', import.meta.url)
}
