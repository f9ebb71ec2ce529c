import { hash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { HubError } from '../../protocol/errors.ts'
import { isLoopbackName } from '../request/hub-urls.ts'

export interface AdminGuard {
  /** Names under which the listener may be addressed, besides loopback names. */
  readonly names: readonly string[]
  /** Opens what is for operators to others than loopback; absent: to nobody else. */
  readonly token: string | undefined
}

/**
 * Refuses what a page in somebody's browser could send to the admin listener.
 *
 * A name that resolves to this machine (DNS rebinding) is told by its `Host`, another site by its
 * `Origin`, a form by its content type: none of them may so much as read a metric.
 */
export function refuseBrowsers(guard: AdminGuard): onRequestHookHandler {
  const names = new Set(guard.names.map((name) => name.toLowerCase()))
  return (request, _reply, done) => {
    if (!isOwnHost(request, names))
      return done(
        new HubError(
          'misdirected',
          'the admin listener is not addressed by this name (admin_names adds some)',
        ),
      )
    if (isFromPage(request))
      return done(new HubError('forbidden', 'the admin listener answers no pages (Origin)'))
    if (hasBody(request) && !isJson(request))
      return done(
        new HubError('unsupported_media_type', 'expected a body of type application/json'),
      )
    done()
  }
}

/** Lets in who is on this machine, or has the admin token. A wrong token is refused from anywhere. */
export function operatorsOnly({ token }: AdminGuard): onRequestHookHandler {
  return (request, _reply, done) => {
    const presented = /^bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (presented === undefined || token === undefined)
      return done(
        isFromThisMachine(request)
          ? undefined
          : new HubError(
              'missing_token',
              'this is for requests from the hub’s own machine, or with the admin token (admin_token)',
            ),
      )
    done(
      isSameSecret(presented, token)
        ? undefined
        : new HubError('invalid_token', 'this is not the admin token'),
    )
  }
}

/**
 * Whether `Host` can only come from somebody who meant this listener. Over loopback that is a loopback
 * name; from elsewhere also an address, or a name without a dot, which no site on the web has
 * (containers and machines of one network call each other so).
 */
function isOwnHost(request: FastifyRequest, names: ReadonlySet<string>): boolean {
  const host = request.headers.host ?? ''
  if (!URL.canParse(`http://${host}`)) return false
  const { hostname, username, pathname } = new URL(`http://${host}`)
  if (username !== '' || pathname !== '/') return false
  if (isLoopbackName(hostname) || names.has(hostname.replace(/\.$/, ''))) return true
  if (isLoopbackAddress(request.socket.localAddress)) return false
  return /^(?:[\d.]+|\[.*\])$/.test(hostname) || !hostname.includes('.')
}

/**
 * Browsers send `Origin` with all but simple GETs, and with those which site they come from. The console
 * is a page of this very listener: its origin is the name under which the listener was let be addressed,
 * and the browser itself says that it asks the same one.
 */
function isFromPage({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  const isOwn =
    headers.origin === undefined || /^https?:\/\/(.*)$/.exec(headers.origin)?.[1] === headers.host
  if (site === 'same-origin' && isOwn) return false
  return headers.origin !== undefined || (site !== undefined && site !== 'none')
}

/** Loopback counts only when nothing stands between: a proxy on this machine brings strangers. */
function isFromThisMachine({ socket, headers }: FastifyRequest): boolean {
  const isForwarded = ['x-forwarded-for', 'x-forwarded-host', 'forwarded', 'via'].some(
    (name) => headers[name] !== undefined,
  )
  return !isForwarded && isLoopbackAddress(socket.remoteAddress)
}

function isLoopbackAddress(address = ''): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  return plain === '::1' || plain.startsWith('127.')
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function isJson({ headers }: FastifyRequest): boolean {
  return /^application\/json *(?:;|$)/i.test(headers['content-type'] ?? '')
}

/** Compares digests, so that the time it takes tells neither content nor length. */
function isSameSecret(presented: string, token: string): boolean {
  return timingSafeEqual(hash('sha256', presented, 'buffer'), hash('sha256', token, 'buffer'))
}
