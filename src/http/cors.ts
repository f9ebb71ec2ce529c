import type { FastifyReply, FastifyRequest } from 'fastify'

/** The origins that may read answers; `OriginList` of auth/ is one. */
export interface AllowedOrigins {
  readonly allowsAny: boolean
  allows(origin: string): boolean
}

const methods = new Set(['GET', 'HEAD', 'POST', 'QUERY'])
const requestHeaders = new Set([
  'authorization',
  'cache-control',
  'last-event-id',
  'content-type',
  'idempotency-key',
])
const exposed = ['Link', 'Mercure-Last-Event-ID', 'Mercure-Subscription-Count']
const legacyExposed = ['Last-Event-ID']

/**
 * Cross-origin reading (draft-08 § 1.8): explicit origins get credentials, `*` never does, and who is
 * not listed is served without permission.
 */
export class Cors {
  readonly #origins: AllowedOrigins
  readonly #exposed: string

  constructor(origins: AllowedOrigins, speaksLegacy = false) {
    this.#origins = origins
    this.#exposed = [...exposed, ...(speaksLegacy ? legacyExposed : [])].join(', ')
  }

  /** Sets the fields of an actual response. */
  allow(request: FastifyRequest, reply: FastifyReply): void {
    void reply.header('vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined || !this.#origins.allows(origin)) return
    this.#permit(reply, origin)
    void reply.header('access-control-expose-headers', this.#exposed)
  }

  /** Answers a preflight: 204, with the permission it asked for or without any. */
  preflight(request: FastifyRequest, reply: FastifyReply): void {
    void reply.header(
      'vary',
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    )
    void reply.code(204)
    const { origin } = request.headers
    const method = request.headers['access-control-request-method']
    const wanted = listOf(request.headers['access-control-request-headers'])
    const isGranted =
      origin !== undefined &&
      method !== undefined &&
      this.#origins.allows(origin) &&
      methods.has(method) &&
      wanted.every((name) => requestHeaders.has(name))
    if (isGranted) {
      this.#permit(reply, origin)
      void reply.header('access-control-allow-methods', method)
      if (wanted.length > 0) void reply.header('access-control-allow-headers', wanted.join(', '))
    }
    void reply.send()
  }

  #permit(reply: FastifyReply, origin: string): void {
    if (this.#origins.allowsAny) {
      void reply.header('access-control-allow-origin', '*')
      return
    }
    void reply.header('access-control-allow-origin', origin)
    void reply.header('access-control-allow-credentials', 'true')
  }
}

function listOf(field: string | undefined): string[] {
  return (field ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}
