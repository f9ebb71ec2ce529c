import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator, Identity } from '../auth/authenticator.ts'
import type { Hub } from '../hub/hub.ts'
import { HubError } from '../protocol/errors.ts'
import { hubPath } from '../protocol/reserved.ts'
import { Cors, type CorsOptions } from './request/cors.ts'
import type { CursorLines } from './subscribe/cursor-lines.ts'
import { asHubError, hasLeft, maxQueryBytes, sendError } from './errors.ts'
import type { FileLimit } from './connection/connection-limit.ts'
import {
  type HubUrlOptions,
  HubUrlResolver,
  type HubUrls,
  metadataPath,
} from './request/hub-urls.ts'
import type { IdempotencyOptions } from './publish/idempotency.ts'
import { isLegacyRequest } from './request/legacy.ts'
import { legacySubscriptions } from './subscriptions/legacy-list.ts'
import { metadataDocument } from './resource-metadata.ts'
import type { RequestKind } from './metrics/metrics.ts'
import { gatesOf } from './gates.ts'
import { linesOf, presentedBy } from './request/credentials.ts'
import { publish } from './publish/publish.ts'
import type { RateKeeper } from '../hub/limits/publish-rate.ts'
import type { SelfCheck } from './operators/self-check.ts'
import { subscribe } from './subscribe/subscribe.ts'
import { subscriptions } from './subscriptions/list.ts'
import { subscriptionsPath } from '../protocol/subscription.ts'

export interface PluginOptions extends HubUrlOptions, CorsOptions {
  readonly hub: Hub
  readonly authenticator: Authenticator
  readonly anonymous: boolean
  readonly subscriptions: boolean
  /** Which streams carry blocks without data. */
  readonly cursorLines: CursorLines
  readonly cookieName: string
  readonly authorizationServers: readonly string[]
  /** Bytes that a publish or QUERY body may have. */
  readonly maxRequestBodyBytes: number
  readonly idempotency: IdempotencyOptions
  /** Whether some limit or log line asks for the client's address; finding it costs 15 µs. */
  readonly needsAddress: boolean
  /** What the patterns of one stream may cost; 0 or absent for no limit. */
  readonly maxPatternCostPerSubscriber?: number
  /** What the public listener may take of the process's files; absent where that is somebody else's business. */
  readonly files?: FileLimit | undefined
  /** What is known of the hub's own listeners; absent where they are somebody else's business. */
  readonly selfCheck?: SelfCheck | undefined
  /** How often each token may publish. */
  readonly rates: RateKeeper
  /** Told about every refusal, those among them that are the hub's own fault. */
  readonly onRefusal: (kind: RequestKind, error: HubError) => void
}

/** What the plugin found out about a request, kept on it: a WeakMap costs a tenth of a publish. */
interface Known {
  readonly urls: HubUrls
  identity: Identity | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    mercure: Known | null
  }
}

/** Fields of every answer, refusals included. */
export const securityHeaders = {
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '1; mode=block',
  'content-security-policy': "default-src 'self'",
}

/**
 * The protocol's routes, as a Fastify plugin: register it on the standalone server or on your own.
 *
 * The order of checks is the specification's: who was meant (421), what exists (404, 405), who asks
 * (400, 401), how much (413), what (400), whether they may (403).
 */
export async function mercure(app: FastifyInstance, options: PluginOptions): Promise<void> {
  const { hub, authenticator } = options
  const urls = new HubUrlResolver(options)
  const cors = Cors.of(options)
  const mayPublish = authenticator.hasKeys('publisher')
  const hasMetadata = authenticator.hasIssuers
  const bodyLimit = options.maxRequestBodyBytes

  const urlsOf = (request: FastifyRequest) => request.mercure?.urls ?? urls.resolve(request.raw)

  if (!app.supportedMethods.includes('QUERY')) app.addHttpMethod('QUERY', { hasBody: true })
  app.removeAllContentTypeParsers()
  app.decorateRequest('mercure', null)
  app.addContentTypeParser(
    ['application/x-www-form-urlencoded', '*'],
    { parseAs: 'buffer' },
    (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) =>
      done(null, body),
  )

  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(securityHeaders)
    if (cors !== undefined) void reply.headers(cors.fieldsFor(request.headers.origin))
    const known = { urls: urls.resolve(request.raw), identity: undefined }
    request.mercure = known
    if (linesOf(request.raw, 'host').length > 1)
      return done(new HubError('invalid_request', 'there must be one Host header'))
    done(known.urls.isMisdirected ? urls.misdirected(request.raw) : undefined)
  })

  const arrived = () => hub.intermission.arrived()
  app.server.on('connection', arrived)
  app.addHook('onClose', async () => void app.server.off('connection', arrived))

  app.setErrorHandler((error, request, reply) => {
    if (hasLeft(error, reply)) return void reply.hijack()
    const refusal = asHubError(error, bodyLimitOf(request))
    options.onRefusal(kindOf(request), refusal)
    const metadataUrl = hasMetadata ? urlsOf(request).metadataUrl : undefined
    sendError(request, reply, refusal, metadataUrl, isLegacy(request))
  })

  const shownBy = (request: FastifyRequest) =>
    presentedBy(request.raw, urlsOf(request), options.speaksLegacy)
  const { paced, authenticated, unhurried } = gatesOf(options, shownBy)

  /** Also asked of requests that were refused, so by a token that nobody has verified. */
  function isLegacy(request: FastifyRequest): boolean {
    if (!options.speaksLegacy) return false
    const presented = shownBy(request)
    const protocol = request.mercure?.identity?.protocol ?? authenticator.protocolOf(presented)
    return isLegacyRequest(protocol, presented.isLegacy === true)
  }

  function identityOf(request: FastifyRequest): Identity {
    const identity = request.mercure?.identity
    if (identity === undefined) throw new HubError('missing_token')
    return identity
  }

  const hubMethods = [
    ...(maySubscribe(options) ? ['GET', 'HEAD', 'QUERY'] : []),
    ...(mayPublish ? ['POST'] : []),
  ]

  if (maySubscribe(options))
    app.route({
      method: ['GET', 'HEAD', 'QUERY'],
      url: hubPath,
      exposeHeadRoute: false,
      bodyLimit: Math.min(bodyLimit, maxQueryBytes),
      onRequest: [readAsForm, paced, authenticated],
      handler: (request, reply) =>
        subscribe(hub, request, reply, {
          identity: identityOf(request),
          hubUrl: urlsOf(request).hubUrl,
          address:
            options.needsAddress || bringsCursor(request) ? urls.addressOf(request.raw) : undefined,
          speaksLegacy: options.speaksLegacy,
          cursorLines: options.cursorLines,
          mostCost: options.maxPatternCostPerSubscriber ?? 0,
        }),
    })

  if (mayPublish)
    app.route({
      method: 'POST',
      url: hubPath,
      bodyLimit,
      onRequest: [authenticated, unhurried],
      handler: (request, reply) =>
        publish(hub, request, reply, {
          identity: identityOf(request),
          hubUrl: urlsOf(request).hubUrl,
          idempotency: options.idempotency,
          rates: options.rates,
        }),
    })

  if (hasMetadata)
    app.route({
      method: ['GET', 'HEAD'],
      url: metadataPath,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const { audience, hubUrl } = urlsOf(request)
        void reply.type('application/json').header('cache-control', 'no-cache')
        const document = metadataDocument({
          resource: audience ?? hubUrl,
          authorizationServers: options.authorizationServers,
          cookieName: options.cookieName,
          hasSubscriptions: options.subscriptions,
        })
        return Buffer.from(document) // of a string the framework would name the charset, which JSON has not
      },
    })

  const { presence } = hub
  if (options.subscriptions && presence !== undefined)
    for (const url of [subscriptionsPath, `${subscriptionsPath}/*`]) {
      app.route({
        method: ['GET', 'HEAD'],
        url,
        exposeHeadRoute: false,
        onRequest: authenticated,
        handler: (request, reply) => {
          const identity = identityOf(request)
          if (options.speaksLegacy && identity.protocol === '0.x')
            return legacySubscriptions(hub, presence, request, reply, identity)
          const { hubUrl } = urlsOf(request)
          return subscriptions(hub, presence, request, reply, { identity, hubUrl })
        },
      })
      refuseOtherMethods(url, ['GET', 'HEAD'])
    }

  app.route({
    method: [...app.supportedMethods],
    url: `${hubPath}/*`,
    exposeHeadRoute: false,
    handler: async () => {
      throw new HubError('not_found', 'there is nothing at this path')
    },
  })

  refuseOtherMethods(hubPath, hubMethods)
  if (hasMetadata) refuseOtherMethods(metadataPath, ['GET', 'HEAD'])

  /** Nobody looks for a missing key in a list of methods. */
  function roleThatIsOff(method: string): string {
    if (method === 'POST' && !mayPublish) return 'publishing is off: no publisher_jwt_key; '
    const isSubscribe = ['GET', 'HEAD', 'QUERY'].includes(method)
    return isSubscribe && !maySubscribe(options)
      ? 'subscribing is off: no subscriber_jwt_key, and not anonymous; '
      : ''
  }

  function refuseOtherMethods(url: string, allowed: readonly string[]): void {
    const others = app.supportedMethods.filter((method) => !allowed.includes(method))
    app.route({
      method: others,
      url,
      bodyLimit,
      exposeHeadRoute: false,
      handler: async (request, reply) => {
        const isPreflight =
          request.method === 'OPTIONS' &&
          request.headers['access-control-request-method'] !== undefined
        if (isPreflight && cors !== undefined) return cors.preflight(request, reply)
        void reply.header('allow', [...allowed, ...(cors ? ['OPTIONS'] : [])].join(', '))
        const off = url === hubPath ? roleThatIsOff(request.method) : ''
        throw new HubError('method_not_allowed', `${off}${url} answers ${allowed.join(', ')}`)
      },
    })
  }
}

/** Bytes that the body of a request could have. */
function bodyLimitOf({ method, routeOptions }: FastifyRequest): number | undefined {
  return method === 'QUERY' ? routeOptions.bodyLimit : undefined
}

/** Whether anybody can subscribe at all. */
export function maySubscribe({ anonymous, authenticator }: PluginOptions): boolean {
  return anonymous || authenticator.hasKeys('subscriber')
}

/** What a request on the hub's URL is for, by its method. */
function kindOf({ method, routeOptions }: FastifyRequest): RequestKind {
  if (routeOptions.url !== hubPath) return 'other'
  if (method === 'POST') return 'publish'
  return method === 'GET' || method === 'QUERY' || method === 'HEAD' ? 'subscribe' : 'other'
}

/** Replays of one address take turns with those of others. */
function bringsCursor({ raw }: FastifyRequest): boolean {
  return raw.headers['last-event-id'] !== undefined || /last.?event.?id/i.test(raw.url ?? '')
}

/** The body of a QUERY is read as a form; `requireForm` says later whether it may be one. */
function readAsForm(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  if (request.method === 'QUERY')
    request.raw.headers['content-type'] = 'application/x-www-form-urlencoded'
  done()
}
