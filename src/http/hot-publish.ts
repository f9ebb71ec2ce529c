import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Identity } from '../auth/authenticator.ts'
import { hubPath } from '../protocol/reserved.ts'
import { Answers } from './answers.ts'
import { asHubError, refusalOf } from './errors.ts'
import type { HubUrlResolver, HubUrls } from './request/hub-urls.ts'
import { mediaTypeOf } from './publish/idempotency.ts'
import { type PluginOptions, securityHeaders } from './plugin.ts'
import { draftOf, formType } from './publish/publish.ts'
import { parseForm } from './request/form.ts'
import { harmless, isUsual } from './usual.ts'

/** Whose request this is, as far as it is the same as the one before on its connection. */
interface Known {
  readonly line: string
  readonly urls: HubUrls
  readonly key: string
}

const plainText = { 'content-type': 'text/plain; charset=utf-8' }

/** Fields that change nothing about a publish, or that are read here. With any other one the framework takes it. */
const fields: ReadonlySet<string> = new Set([...harmless, 'content-length', 'content-type'])

/**
 * The short way of a publish: a form, sent with a token that was verified before.
 *
 * Nearly all publishes are such, and routing, hooks and replies of the framework are half of what one
 * costs. What is in any way unusual is left to the framework's route, and everything that decides
 * (hosts, tokens, forms, checks, refusals) is the same code there and here.
 */
export class HotPublish {
  readonly #options: PluginOptions
  readonly #urls: HubUrlResolver
  readonly #answers: Answers
  readonly #known = new WeakMap<Socket, Known>()
  #isClosed = false

  constructor(options: PluginOptions, urls: HubUrlResolver) {
    this.#options = options
    this.#urls = urls
    this.#answers = new Answers({
      ...securityHeaders,
      ...(options.corsOrigins === undefined ? {} : { vary: 'Origin' }),
    })
  }

  /** The server closes: its framework says so to who still asks. */
  close(): void {
    this.#isClosed = true
  }

  /** Takes the request if it is a usual publish; false leaves it untouched. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'POST' || request.url !== hubPath || this.#isClosed) return false
    if (response.socket === null) return false // it stands behind another one, which may become a stream
    if (!isUsual(request, fields) || !isForm(request) || !this.#fits(request)) return false
    const urls = this.#urls.resolve(request)
    const identity = urls.isMisdirected ? undefined : this.#recall(request, urls)
    if (identity === undefined || identity.protocol === '0.x') return false // that has other refusals
    if (!this.#options.rates.takeNow(identity.tokenHash, performance.now())) return false
    readBody(request, (body) => void this.#publish(body, identity, urls, request, response))
    return true
  }

  #fits({ headers }: IncomingMessage): boolean {
    const length = headers['content-length']
    return length !== undefined && Number(length) <= this.#options.maxRequestBodyBytes
  }

  /** Hashing a token takes as long as parsing a form, so it is done once for each connection. */
  #recall({ socket, headers }: IncomingMessage, urls: HubUrls): Identity | undefined {
    const line = headers.authorization
    if (line === undefined || urls.audience === undefined) return undefined
    const { authenticator } = this.#options
    let known = this.#known.get(socket)
    if (known?.line !== line || known.urls !== urls) {
      const key = authenticator.keyOf(line, { ...urls, role: 'publisher', audience: urls.audience })
      if (key === undefined) return undefined
      known = { line, urls, key }
      this.#known.set(socket, known)
    }
    return authenticator.recall(known.key)
  }

  async #publish(
    body: string,
    { grants }: Identity,
    { hubUrl, metadataUrl }: HubUrls,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      const id = await this.#options.hub.publish(draftOf(parseForm(body)), { grants, hubUrl })
      this.#answers.give(response, { status: 200, fields: plainText, text: id })
    } catch (error) {
      const refusal = asHubError(error)
      this.#options.onRefusal('publish', refusal)
      this.#answers.give(response, refusalOf(refusal, request.headers.accept, metadataUrl))
    }
  }
}

function isForm({ headers: { 'content-type': type = '' } }: IncomingMessage): boolean {
  return type === formType || mediaTypeOf(type) === formType
}

/** Calls back with the body, one character per byte. A client that goes away in the middle is not called back for. */
function readBody(request: IncomingMessage, done: (body: string) => void): void {
  let body = ''
  request.on('data', (bytes: Buffer) => {
    body += bytes.toString('latin1')
  })
  request.on('end', () => done(body))
}
