import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import t from 'tap'
import { HubProcess } from '../fixtures/hub-process.ts'
import { freePort } from '../fixtures/free-port.ts'
import { http2To, startNginx, without } from '../fixtures/proxy.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { until } from '../fixtures/until.ts'

const skip = without('nginx')
const path = '/.well-known/mercure'

t.test('behind deploy/nginx.conf.example', { skip }, async (t) => {
  const port = await freePort()
  const site = `https://localhost:${port}`
  const hub = await HubProcess.start(t, {
    env: {
      MERCURE_ANONYMOUS: '1',
      MERCURE_TRUSTED_ISSUERS: issuer,
      MERCURE_PUBLISHER_JWT_KEY: secret,
      MERCURE_SUBSCRIBER_JWT_KEY: secret,
      MERCURE_PUBLIC_URLS: site,
    },
  })
  await startNginx(t, port, new URL(hub.origin).host)
  const authorization = `Bearer ${signToken(site + path, { publish: ['a'] })}`

  const stream = ask(http2To(t, port), { 'accept-encoding': 'gzip' })
  t.match(await stream.head, { ':status': 200, 'content-type': 'text/event-stream' })
  t.match(await post(http2To(t, port), authorization), { ':status': 200 })
  await until(() => stream.received().includes('data: at once\n'))

  const exp = Math.floor(Date.now() / 1000) + 2
  const token = signToken(site + path, { subscribe: ['a'], claims: { exp } })
  const expiring = ask(http2To(t, port), { authorization: `Bearer ${token}` })
  await expiring.closed
  t.strictSame([expiring.status(), expiring.error()], [200, 0], 'an expiry is an end, and no error')

  await hub.kill()
  await stream.closed
  const meanwhile = ask(http2To(t, port))
  await meanwhile.closed
  t.equal(meanwhile.status(), undefined, 'an EventSource gets no final status')
  t.match(await post(http2To(t, port), authorization), { ':status': 503, 'retry-after': '5' })

  await hub.start()
  t.match(await ask(http2To(t, port)).head, { ':status': 200 })
})

type Head = Readonly<Record<string, unknown>>

function ask(session: ClientHttp2Session, fields: Readonly<Record<string, string>> = {}) {
  const request = session.request({
    ':path': `${path}?match=a`,
    accept: 'text/event-stream',
    ...fields,
  })
  const state = watch(request)
  return state
}

function watch(request: ClientHttp2Stream) {
  let received = ''
  let status: unknown
  request.setEncoding('utf8').on('data', (text: string) => (received += text))
  request.on('error', () => {})
  const head = new Promise<Head>((resolve) =>
    request.once('response', (fields) => {
      status = fields[':status']
      resolve(fields)
    }),
  )
  const closed = new Promise<void>((resolve) => request.once('close', () => resolve()))
  const error = () => request.rstCode
  return { head, closed, received: () => received, status: () => status, error }
}

function post(session: ClientHttp2Session, authorization: string): Promise<Head> {
  const request = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/x-www-form-urlencoded',
    authorization,
  })
  const { head } = watch(request)
  request.end('topic=a&data=at+once')
  return head
}
