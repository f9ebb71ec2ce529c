import { METHODS, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { HubError } from '../protocol/errors.ts'
import { asHubError, sendError } from './errors.ts'
import { health, healthOf } from './operators/health.ts'
import { HotPublish } from './hot-publish.ts'
import { HotSubscribe } from './hot-subscribe.ts'
import { HubUrlResolver } from './request/hub-urls.ts'
import { isLetGo } from './connection/detach-parser.ts'
import { type PageOptions, page } from './page/page.ts'
import { mercure, type PluginOptions, securityHeaders } from './plugin.ts'

/** Connections that may wait for the hub to accept them. */
export const backlog = 4096
/** An idle connection is probed after this long, so that a peer that vanished is noticed. */
export const keepAliveProbeMs = 30_000
/** How often connections are looked at whose request takes too long. */
const mostCheckMs = 5_000

/** How long a connection may take over what it has to say, in milliseconds. */
export interface ConnectionOptions {
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** Told about requests that are refused before they are one. */
  readonly onLimit?: (limit: 'max_header_size' | 'header_timeout') => void
}

export interface BareServerOptions extends ConnectionOptions {
  readonly maxHeaderBytes: number
}

export interface ServerOptions extends PluginOptions, BareServerOptions {
  readonly host: string
  readonly port: number
  /** The debugger page; absent when it is off. */
  readonly page?: PageOptions | undefined
}

/** The public surface of a hub of its own: the protocol, health, and the debugger page. */
export function hubServer(options: ServerOptions): FastifyInstance {
  const app = bareServer(options)
  for (const method of METHODS)
    if (!app.supportedMethods.includes(method) && method !== 'CONNECT') app.addHttpMethod(method)
  health(app, healthOf(options.hub, options.files, options.selfCheck))
  options.files?.guard(app.server)
  void app.register(mercure, options)
  const urls = new HubUrlResolver(options)
  takeFirst(app, (framework) => [
    new HotPublish(options, urls),
    new HotSubscribe(options, urls, framework),
  ])
  const { hub, authenticator, speaksLegacy } = options
  if (options.page !== undefined)
    void app.register(page, { ...options.page, urls, hub, authenticator, speaksLegacy })
  return app
}

/** Usual publishes and subscribers are taken before the framework looks at them. */
function takeFirst(
  app: FastifyInstance,
  shortWays: (framework: RequestListener) => readonly (HotPublish | HotSubscribe)[],
): void {
  const listeners = app.server.listeners('request') as RequestListener[]
  const framework: RequestListener = (request, response) => {
    for (const listener of listeners) listener(request, response)
  }
  const short = shortWays(framework)
  app.server.removeAllListeners('request')
  app.server.on('request', (request, response) => {
    for (const way of short) if (way.take(request, response)) return
    framework(request, response)
  })
  app.addHook('preClose', (done) => {
    for (const way of short) way.close()
    done()
  })
}

/** Starts listening and tells the URL. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  await app.listen({ host, port, backlog })
  return originOf(app.server.address() as AddressInfo)
}

/** The URL of a listener. */
export function originOf({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** A server with neither routes nor hooks: what all listeners of the hub have in common. */
export function bareServer({
  maxHeaderBytes,
  onLimit,
  ...times
}: BareServerOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: true,
    forceCloseConnections: true,
    return503OnClosing: false, // to an EventSource a status is final; who comes now is told by the routes
    requestTimeout: times.requestTimeoutMs,
    keepAliveTimeout: times.keepAliveTimeoutMs,
    http: {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: times.headerTimeoutMs,
      connectionsCheckingInterval: Math.min(mostCheckMs, Math.ceil(times.headerTimeoutMs / 4)),
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
    },
    clientErrorHandler(error, socket) {
      if (isLetGo(socket)) return
      if (error.code === 'HPE_HEADER_OVERFLOW') onLimit?.('max_header_size')
      if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') onLimit?.('header_timeout')
      refuseUnparsable(error, socket)
    },
    frameworkErrors: (error, request, reply) =>
      sendError(request as never, reply as never, asHubError(error), undefined),
  })
  app.setErrorHandler((error, request, reply) =>
    sendError(request, reply, asHubError(error), undefined),
  )
  app.setNotFoundHandler((request, reply) =>
    sendError(
      request,
      reply.headers(securityHeaders),
      new HubError('not_found', 'there is nothing at this path'),
      undefined,
    ),
  )
  return app
}

/** What is no HTTP gets the status that says why, and the connection is closed. */
function refuseUnparsable(error: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return
  const [status, sentence] = unparsable(error.code)
  const body = `${sentence}\n`
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
  socket.destroySoon()
}

function unparsable(code: string | undefined): [status: string, sentence: string] {
  if (code === 'HPE_HEADER_OVERFLOW')
    return ['431 Request Header Fields Too Large', 'the header is larger than max_header_size']
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return ['408 Request Timeout', 'the request took too long to arrive']
  return ['400 Bad Request', 'the request is no valid HTTP']
}
