import type { FastifyInstance, FastifyRequest } from 'fastify'

/** A request of the operators' listener, on its way to another process. */
export interface AdminRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** Whose request it is. */
  readonly address: string
}

export interface AdminAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What the listener has no route for is answered by somebody else. */
export function forwardRest(
  app: FastifyInstance,
  ask: (request: AdminRequest) => Promise<AdminAnswer>,
): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.route({
    method: [...app.supportedMethods],
    url: '/*',
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { status, headers, body } = await ask(requestOf(request))
      return reply.code(status).headers(headers).send(body)
    },
  })
}

function requestOf({ method, url, headers, body, raw }: FastifyRequest): AdminRequest {
  const text = typeof body === 'string' ? body : ''
  return { method, url, headers, body: text, address: raw.socket.remoteAddress ?? '' }
}

const ofTheConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

/** Answers a request that came to another process, as if it had come to `app`. */
export async function answerForwarded(
  app: FastifyInstance,
  { method, url, headers, body, address }: AdminRequest,
): Promise<AdminAnswer> {
  const answer = await app.inject({
    method: method as 'GET', // whatever it is, the router knows it or answers 404
    url,
    headers,
    remoteAddress: address,
    ...(body === '' ? {} : { payload: body }),
  })
  const fields = Object.entries(answer.headers).filter(([name]) => !ofTheConnection.has(name))
  return {
    status: answer.statusCode,
    headers: Object.fromEntries(fields.map(([name, value]) => [name, String(value)])),
    body: answer.body,
  }
}
