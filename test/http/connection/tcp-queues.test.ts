import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { kernelQueues, keyOf } from '../../../src/http/connection/tcp-queues.ts'
import { until } from '../../fixtures/until.ts'

/** A connection whose peer has stopped reading, with the kernel's buffers full. */
async function fullConnection(t: Test, listenOn: string, connectTo: string) {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, listenOn)
  await once(server, 'listening')
  const peer = connect((server.address() as AddressInfo).port, connectTo)
  peer.pause()
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    peer.destroy()
    socket.destroy()
    server.close()
  })
  socket.on('error', () => {})
  const piece = Buffer.alloc(64 * 1024)
  await until(() => {
    if (socket.writableLength === 0) socket.write(piece)
    return socket.writableLength > 0
  })
  return { peer, socket }
}

/** Resolves with what the kernel holds; the last of several questions about a connection is answered. */
const look = (socket: Socket) =>
  new Promise<number>((resolve) => kernelQueues.look(keyOf(socket), (bytes) => resolve(bytes)))

for (const [listenOn, connectTo, remote] of [
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['::1', '::1', '::1'],
  ['::', '127.0.0.1', '::ffff:127.0.0.1'],
] as const)
  t.test(`the kernel's queue towards ${remote} is seen, and seen to shrink`, async (t) => {
    const { peer, socket } = await fullConnection(t, listenOn, connectTo)
    t.equal(socket.remoteAddress, remote)

    const before = await look(socket)
    t.ok(before > 0, `${before} bytes`)
    peer.resume()
    await until(async () => (await look(socket)) < before)
  })
