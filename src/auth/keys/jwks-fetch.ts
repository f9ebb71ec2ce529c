import { readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** Bytes that a JWK Set may have. */
export const maxSetBytes = 1024 * 1024

const maxRedirects = 5

/**
 * The URL of a JWK Set: `https:`, `http:`, or `file:` on this machine.
 *
 * @throws Error naming the rule and the value
 */
export function parseJwksUri(uri: string): URL {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url === undefined || !['https:', 'http:', 'file:'].includes(url.protocol))
    throw new Error(`expected an https:, http: or file: URL, got ${JSON.stringify(uri)}`)
  if (url.protocol === 'file:' && url.host !== '')
    throw new Error(`a file: URL must have no host, or localhost, got ${JSON.stringify(uri)}`)
  if (url.username !== '' || url.password !== '')
    throw new Error(
      `the URL must hold no user name or password, got ${url.protocol}//…@${url.host}`,
    )
  return url
}

/** What may be said of the URL in a log: its query may hold a secret. */
export function publicName(url: URL): string {
  return url.protocol === 'file:' ? fileURLToPath(url) : `${url.origin}${url.pathname}`
}

/** The text of a JWK Set. Rejects when it is out of reach, over `maxSetBytes`, not UTF-8, or not there in time. */
export async function readJwks(url: URL, signal: AbortSignal): Promise<string> {
  const bytes =
    url.protocol === 'file:' ? await readLocal(url, signal) : await readRemote(url, signal)
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}

async function readLocal(url: URL, signal: AbortSignal): Promise<Buffer> {
  const path = fileURLToPath(url)
  const file = await stat(path)
  if (!file.isFile()) throw new Error('this is not a regular file')
  if (file.size > maxSetBytes) throw tooLarge()
  return readFile(path, { signal })
}

async function readRemote(source: URL, signal: AbortSignal): Promise<Buffer> {
  let url = source
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await get(url, signal)
    const target = redirectTarget(response, url)
    if (target === undefined) return await readBody(response)
    void response.body?.cancel().catch(() => {}) // its connection is of no more use to us
    if (target.protocol !== source.protocol)
      throw new Error(
        `the answer redirects to another protocol, ${target.protocol}//${target.host}`,
      )
    url = target
  }
  throw new Error(`more than ${maxRedirects} redirects`)
}

async function get(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    const headers = { accept: 'application/jwk-set+json, application/json' }
    return await fetch(url, { redirect: 'manual', signal, headers })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error // "fetch failed" says nothing
  }
}

function redirectTarget(response: Response, url: URL): URL | undefined {
  const location = response.headers.get('location')
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined
  return new URL(location, url)
}

async function readBody(response: Response): Promise<Buffer> {
  if (response.status !== 200 || response.body === null) {
    void response.body?.cancel().catch(() => {})
    throw new Error(`expected the status 200, got ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > maxSetBytes) throw tooLarge() // leaving the loop cancels the body
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(): Error {
  return new Error(`the JWK Set is larger than ${maxSetBytes} bytes`)
}
