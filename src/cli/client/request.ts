import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

/** TCP asks an idle peer whether it still lives, so that a vanished hub is noticed. */
const keepAliveMs = 30_000
/** A refusal's reason is a sentence; more than this is not read. */
const maxReasonBytes = 4096

/**
 * Sends a request on a connection of its own and resolves with the response's head.
 *
 * Unlike `fetch`, whose client gives a silent body up after five minutes, nothing here limits how
 * long a stream may be idle.
 */
export async function send(
  url: string,
  { method, headers, body, signal }: Request,
): Promise<IncomingMessage> {
  const open = url.toLowerCase().startsWith('https:') ? requestHttps : requestHttp
  const options = { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) }
  return new Promise((resolve, reject) => {
    const request = open(url, options, resolve)
    request.on('error', reject) // after the head, errors are the response's
    request.once('socket', (socket) => socket.setKeepAlive(true, keepAliveMs))
    request.end(body)
  })
}

/** A response that is no success, in one line: `403 Forbidden: this token does not grant …`. */
export async function reasonOf(response: IncomingMessage): Promise<string> {
  const status = `${response.statusCode} ${response.statusMessage ?? ''}`.trim()
  const text = (await beginningOf(response)).trim().split('\n')[0] ?? ''
  if (text === '' || text === response.statusMessage) return status
  return text.startsWith(`${response.statusMessage}: `)
    ? `${response.statusCode} ${text}`
    : `${status}: ${text}`
}

/** Why no answer came, in a word that can be looked up. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  const cause =
    error instanceof AggregateError ? String(error.errors[0]?.message ?? '') : error.message
  return cause.includes(code) ? cause : `${code} ${cause}`
}

/** What a server says that does not speak TLS, in the words of OpenSSL. */
const noTls = /wrong.version.number|packet.length.too.long|http.request|unknown.protocol/i

/** For an https URL at which nobody speaks TLS, the URL that was probably meant. */
export function plainUrlInstead(url: string, failure: string): string | undefined {
  const isTls = /^https:/i.test(url)
  return isTls && noTls.test(failure) ? url.replace(/^https:/i, 'http:') : undefined
}

/** Why there was no answer from `url`, for the caller of a command. */
export function unreachable(url: string, error: unknown): string {
  const failure = failureOf(error)
  const meant = plainUrlInstead(url, failure)
  if (meant !== undefined) return `${url} does not speak TLS; did you mean ${meant}?`
  return `cannot reach ${url}: ${failure}`
}

/** The whole body as text. */
export async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= maxReasonBytes) break // leaving the loop destroys the response
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, maxReasonBytes)
}
