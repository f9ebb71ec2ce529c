import { createHmac, type KeyObject } from 'node:crypto'
import { CompactSign } from 'jose'
import {
  Authenticator,
  type AuthOptions,
  type Identity,
  type Presented,
} from '../../src/auth/authenticator.ts'
import type { IssuerSettings, KeySettings } from '../../src/config/settings.ts'
import { HubError } from '../../src/protocol/errors.ts'

export const secret = '!ChangeThisMercureHubJWTSecretKey!'
export const issuer = 'https://issuer.example'
export const audience = 'https://hub.example/.well-known/mercure'
export const detailType = 'https://mercure.rocks/authorization-detail'
export const staticKey: KeySettings = { kind: 'static', key: secret, algorithm: 'HS256' }

/** A moment, in ms; tests that need a clock start here. */
export const noonMs = Date.UTC(2026, 10, 3, 12)

/** Claims of a good token; `more` replaces some, and `undefined` takes one away. */
export function goodClaims(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer,
    sub: 'urn:example:alice',
    aud: audience,
    exp: Math.floor(Date.now() / 1000) + 3600,
    authorization_details: [grant({})],
    ...more,
  }
}

/** A Mercure authorization detail that grants everything, with `more` in place of some members. */
export function grant(more: Record<string, unknown>): Record<string, unknown> {
  return { type: detailType, actions: ['publish', 'subscribe'], topics: [{ match: '*' }], ...more }
}

const longHashes = new Map([
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])

/** Signs by hand, so that headers and payloads can be as wrong as a test wants. */
export function hmacToken(
  claims: unknown,
  header: Record<string, unknown> = {},
  key = secret,
): string {
  const signed = `${encode({ typ: 'at+jwt', alg: 'HS256', ...header })}.${encode(claims)}`
  const hashName = longHashes.get(String(header['alg'])) ?? 'sha256'
  return `${signed}.${createHmac(hashName, key).update(signed).digest('base64url')}`
}

export function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  )
}

/** Signs with a private key. */
export async function signedToken(
  claims: unknown,
  key: KeyObject,
  header: { alg: string; kid?: string; typ?: string },
): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims))
  return new CompactSign(payload).setProtectedHeader({ typ: 'at+jwt', ...header }).sign(key)
}

/** A GET of the stream with this token in the Authorization header. */
export function withHeader(token: string, more: Partial<Presented> = {}): Presented {
  return presented({ authorization: [`Bearer ${token}`], ...more })
}

export function presented(more: Partial<Presented> = {}): Presented {
  return {
    role: 'subscriber',
    authorization: [],
    cookie: undefined,
    isUnsafe: false,
    origin: undefined,
    referer: undefined,
    ownOrigin: 'https://hub.example',
    hubUrl: audience,
    audience,
    ...more,
  }
}

export function trusted(keys: KeySettings, id = issuer): IssuerSettings {
  return { id, authorizationServer: false, publisher: keys, subscriber: keys }
}

/** An authenticator that trusts one issuer with one secret, unless told otherwise; closed with the test. */
export async function openAuth(
  t: { teardown(fn: () => void): void },
  more: Partial<AuthOptions> = {},
): Promise<Authenticator> {
  const auth = await Authenticator.open({
    issuers: [trusted(staticKey)],
    anonymous: false,
    cookieName: '__Secure-mercure_access_token',
    publishOrigins: [],
    ...more,
  })
  t.teardown(() => auth.close())
  return auth
}

export interface Refusal {
  readonly code: string
  readonly status: number
  readonly message: string
}

/** How the request is refused; an identity when it is not. Anything thrown but a HubError fails the test. */
export async function outcome(
  auth: Authenticator,
  request: Presented,
): Promise<Refusal | Identity> {
  try {
    return await auth.authenticate(request)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    return { code: error.code, status: error.status, message: error.message }
  }
}

/** Who the request is taken for; a refusal fails the test. */
export async function identified(auth: Authenticator, request: Presented): Promise<Identity> {
  return auth.authenticate(request)
}

export const badToken = (message: string): Refusal => ({
  code: 'invalid_token',
  status: 401,
  message,
})
export const badCredentials = (message: string): Refusal => ({
  code: 'invalid_credentials',
  status: 400,
  message,
})
export const noToken: Refusal = {
  code: 'missing_token',
  status: 401,
  message: 'this needs a token',
}
export const unverified = badToken(
  'the token must be signed by its issuer, with an algorithm and a key that the hub knows for it',
)
