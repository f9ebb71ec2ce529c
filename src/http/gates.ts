import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Authenticator, Presented } from '../auth/authenticator.ts'
import type { Hub } from '../hub/hub.ts'
import { HubError } from '../protocol/errors.ts'
import type { RateKeeper } from '../hub/limits/publish-rate.ts'

type Done = (error?: Error) => void
type Gate = (request: FastifyRequest, reply: FastifyReply, done: Done) => void

export interface Gates {
  /** New streams come at a pace; HEAD opens none. */
  readonly paced: Gate
  /** Who asks is known from here on. */
  readonly authenticated: Gate
  /** Who publishes too fast is told so first. */
  readonly unhurried: Gate
}

interface GateKeepers {
  readonly hub: Hub
  readonly authenticator: Authenticator
  readonly rates: RateKeeper
}

/** What a request passes before its body is read: who may not speak is not listened to. */
export function gatesOf(
  { hub, authenticator, rates }: GateKeepers,
  shownBy: (request: FastifyRequest) => Presented,
): Gates {
  return {
    paced(request, reply, done) {
      if (request.method === 'HEAD') return done()
      const isTaken = hub.pacing.enter(done, () => reply.raw.destroyed)
      if (isTaken) return
      const text = 'too many subscribers wait for their turn'
      done(new HubError('unavailable', text, { limit: 'waiting_streams' }))
    },

    authenticated(request, _reply, done) {
      try {
        const identity = authenticator.authenticate(shownBy(request))
        if (!(identity instanceof Promise)) {
          if (request.mercure !== null) request.mercure.identity = identity
          return done()
        }
        identity.then(
          (verified) => {
            if (request.mercure !== null) request.mercure.identity = verified
            done()
          },
          (error: Error) => done(error),
        )
      } catch (error) {
        done(error as Error)
      }
    },

    unhurried(request, _reply, done) {
      const refusal = rates.take(request.mercure?.identity?.tokenHash, performance.now())
      if (refusal instanceof Promise) refusal.then(done, done)
      else done(refusal)
    },
  }
}
