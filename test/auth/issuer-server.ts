import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const otherEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ed = generateKeyPairSync('ed25519')

export function jwk(key: KeyObject, more: object = {}): object {
  return { ...key.export({ format: 'jwk' }), ...more }
}

export function setOf(...keys: readonly unknown[]): string {
  return JSON.stringify({ keys })
}

/** A real HTTP server that publishes a JWK Set. A test may change what it answers. */
export interface IssuerServer {
  /** Its query plays a secret, which no log and no message may show. */
  readonly uri: string
  answer: RequestListener
  readonly fetches: () => number
  stop(): Promise<void>
  start(): Promise<void>
}

/** Starts a server on the loopback interface; closed with the test. */
export async function startIssuer(t: Test, body: string): Promise<IssuerServer> {
  let fetches = 0
  const server = createServer((request, response) => {
    fetches++
    issuer.answer(request, response)
  })
  const start = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await start(0)
  const { port } = server.address() as AddressInfo
  const issuer: IssuerServer = {
    uri: `http://127.0.0.1:${port}/jwks?key=hidden`,
    answer: answering(body),
    fetches: () => fetches,
    start: () => start(port),
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return issuer
}

export function answering(
  body: string | Buffer,
  status = 200,
  headers: Record<string, string> = {},
): RequestListener {
  return (_request, response) =>
    response.writeHead(status, { connection: 'close', ...headers }).end(body)
}

/** Collects events, and waits for them to be so many. */
export class Events<Event> {
  readonly all: Event[] = []
  #waiting: (() => void)[] = []

  readonly push = (event: Event): void => {
    this.all.push(event)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async atLeast(count: number): Promise<readonly Event[]> {
    while (this.all.length < count)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.all
  }
}
