import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'
import { formType } from '../../fixtures/http.ts'
import { turns } from '../../fixtures/until.ts'

t.test('a publish behind a stream on the same connection is not executed', async (t) => {
  const hub = await startHub(t)
  const subscribing = hub.requestFor('match=a', { token: hub.token() }) // takes time to verify
  const publisher = hub.token({ publish: ['*'], claims: { jti: 'known' } })
  await hub.publish({ topic: 'a', data: 'before' }, { token: publisher }) // remembered from now on
  const body = 'topic=a&data=unanswerable'
  const publishing =
    `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n` +
    `Authorization: Bearer ${publisher}\r\nContent-Type: ${formType['content-type']}\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`

  const client = hub.connect().send(subscribing + publishing)
  await client.when(({ cursors }) => cursors.length > 0)
  await turns(20)
  await hub.publish({ topic: 'a', data: 'after' }, { token: publisher })
  await client.until(1)

  t.strictSame(client.data, ['after'])
  t.equal(hub.assembly.log.head, 2)
})

t.test('pipelined publishes are executed and answered in order', async (t) => {
  const hub = await startHub(t)
  const post = (id: string) => {
    const body = `topic=a&id=${id}`
    return (
      `POST /.well-known/mercure HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n` +
      `Authorization: Bearer ${hub.token()}\r\nContent-Type: ${formType['content-type']}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`
    )
  }
  const client = hub.connect()
  let text = ''
  client.socket.removeAllListeners('data').on('data', (bytes: Buffer) => (text += bytes.toString()))
  client.send(post('one') + post('two') + post('three'))
  await new Promise<void>((resolve) => {
    client.socket.on('data', () => text.endsWith('three') && resolve())
  })

  t.strictSame(text.match(/(one|two|three)$|^(one|two)(?=HTTP)/gm), ['one', 'two', 'three'])
  t.equal(hub.assembly.log.head, 3)
})
