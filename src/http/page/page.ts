import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Presented, Role } from '../../auth/authenticator.ts'
import { hubPath } from '../../protocol/reserved.ts'
import { presentedBy } from '../request/credentials.ts'
import { pageHeaders, serveDoor } from './assets.ts'
import { answerQuestions, type PageHub } from './questions.ts'

/** What the debugger page is told about the hub. */
export interface PageOptions {
  readonly isPlayground: boolean
  readonly anonymous: boolean
  readonly subscriptions: boolean
  readonly cookieName: string
  readonly version: string
  /** Other processes serve streams of the same hub: what is counted here is not all. */
  readonly isOneOfSeveral: boolean
  /** Signs a token that may do everything, for this audience; absent: nobody is given one. */
  readonly tokenFor?: ((audience: string) => Promise<string>) | undefined
}

const folder = `${hubPath}/debug/`

/**
 * The debugger page, at `…/debug/`, with everything it loads and reads beneath it; `/` leads there.
 *
 * The page asks `config.json` what it is for, `status` how the hub is, and the rest of `questions.ts`.
 * In the playground `playground-token` gives it a token that is made for the URL under which it was
 * called, which a page of another origin cannot read, and a name that merely resolves to this machine
 * (DNS rebinding) is answered 421.
 */
export async function page(app: FastifyInstance, options: PageOptions & PageHub): Promise<void> {
  const { hub, urls, speaksLegacy } = options
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(pageHeaders)
    done(urls.resolve(request.raw).isMisdirected ? urls.misdirected(request.raw) : undefined)
  })

  for (const path of ['/', `${hubPath}/debug`])
    app.get(path, async (_request, reply) => reply.redirect(folder))
  await serveDoor(app, folder, 'playground')

  app.get(`${folder}config.json`, async (request, reply) => {
    const { isPlayground, anonymous, subscriptions, cookieName, version, isOneOfSeveral } = options
    const { hubUrl, audience } = urls.resolve(request.raw)
    const about = { playground: isPlayground, anonymous, subscriptions, cookieName, version }
    const more = { isOneOfSeveral, speaksLegacy, hubUrl, audience }
    return reply.header('cache-control', 'no-store').send({ ...about, ...more })
  })

  app.get(`${folder}status`, async (_request, reply) => {
    const { isReady, reason } = await hub.readiness()
    void reply.header('cache-control', 'no-store')
    return { isReady, reason, connected: hub.subscriberCount, nowMs: Date.now() }
  })

  const presentedAs = (request: FastifyRequest, role: Role): Presented => ({
    ...presentedBy(request.raw, urls.resolve(request.raw), speaksLegacy),
    role,
  })
  answerQuestions(app, folder, { ...options, presentedAs })

  const { isPlayground, tokenFor } = options
  if (isPlayground && tokenFor !== undefined)
    app.get(`${folder}playground-token`, async (request, reply) => {
      const { audience, hubUrl } = urls.resolve(request.raw)
      void reply.type('text/plain; charset=utf-8').header('cache-control', 'no-store')
      return tokenFor(audience ?? hubUrl)
    })
}
