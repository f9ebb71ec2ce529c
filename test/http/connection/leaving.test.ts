import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'

t.test(
  'a client that leaves during its request is no failure of the hub, and no refusal',
  async (t) => {
    const hub = await startHub(t, { subscriptions: true })
    let left = Promise.resolve()
    Object.assign(hub.hub.presence ?? {}, { settled: () => left }) // a log that answers when the client has left
    const leave = ({ socket }: IncomingMessage) => {
      left = new Promise((resolve) => socket.once('close', () => setImmediate(resolve)))
      setImmediate(() => socket.destroy()) // as its reset does
    }
    hub.app.server.prependListener('request', leave)
    const fields = `Host: 127.0.0.1:${hub.port}\r\nAuthorization: Bearer ${hub.token()}\r\n`

    for (const [method, path, more] of [
      ['GET', '/.well-known/mercure/subscriptions', '\r\n'],
      ['GET', '/.well-known/mercure/subscriptions/exact/a', '\r\n'],
      ['HEAD', '/.well-known/mercure/subscriptions', '\r\n'],
      ['GET', '/.well-known/mercure?match=a&last_event_id=earliest', '\r\n'],
      ['POST', '/.well-known/mercure', 'Content-Length: 100\r\n\r\ntopic=a'],
      ['QUERY', '/.well-known/mercure', 'Content-Length: 100\r\n\r\nmatch=a'],
      ['POST', '/.well-known/mercure', 'X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nto'],
    ]) {
      const client = hub.connect()
      client.send(`${method} ${path} HTTP/1.1\r\n${fields}${more}`)
      await client.closed
      await left
    }
    hub.app.server.off('request', leave)
    await hub.subscribe('match=b') // whatever was left undone is done now

    const metrics = await hub.assembly.metrics.text()
    t.strictSame(metrics.match(/^mercure_\w+_refusals_total\{.*/gm), null)
  },
)
