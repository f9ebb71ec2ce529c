import type { FastifyReply, FastifyRequest } from 'fastify'

/** The origins that may read answers; `OriginList` of auth/ is one. */
export interface AllowedOrigins {
  readonly allowsAny: boolean
  allows(origin: string): boolean
}

export interface CorsOptions {
  /** Origins that may read answers across origins; absent: none, and no CORS fields at all. */
  readonly corsOrigins?: AllowedOrigins | undefined
  /** Requests of protocol 0.x are served too. */
  readonly speaksLegacy: boolean
}

type Fields = Record<string, string>

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

  /** Cross-origin reading as the options have it; undefined when nobody may. */
  static of({ corsOrigins, speaksLegacy }: CorsOptions): Cors | undefined {
    return corsOrigins === undefined ? undefined : new Cors(corsOrigins, speaksLegacy)
  }

  /** The fields of an actual response. */
  fieldsFor(origin: string | undefined): Fields {
    if (origin === undefined || !this.#origins.allows(origin)) return { vary: 'Origin' }
    return {
      vary: 'Origin',
      ...this.#permit(origin),
      'access-control-expose-headers': this.#exposed,
    }
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
      void reply.headers(this.#permit(origin))
      void reply.header('access-control-allow-methods', method)
      if (wanted.length > 0) void reply.header('access-control-allow-headers', wanted.join(', '))
    }
    void reply.send()
  }

  #permit(origin: string): Fields {
    return this.#origins.allowsAny
      ? { 'access-control-allow-origin': '*' }
      : {
          'access-control-allow-origin': origin,
          'access-control-allow-credentials': 'true',
        }
  }
}

function listOf(field: string | undefined): string[] {
  return (field ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}
