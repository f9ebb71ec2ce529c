import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from './server.ts'

const updates = 500
/** Between updates, so that none finds another one on its way. */
const pauseMs = 4

/**
 * How many microseconds an update arrives later on one of two streams than on the other, at p50.
 *
 * A connection goes to the worker with the fewest, so with several workers two streams that are opened
 * one after the other are on two of them, and the publisher's connection is on one of those or on a third.
 */
export async function delayBetween(server: Server): Promise<number> {
  const publisher = await open(server)
  const streams = [await openStream(server), await openStream(server)]
  const delays: number[] = []
  for (let sent = 0; sent < updates; sent++) {
    const arrived = Promise.all(streams.map((stream) => arrival(stream)))
    publisher.write(request(server))
    const times = await arrived
    delays.push(Math.max(...times) - Math.min(...times))
    await sleep(pauseMs)
  }
  for (const socket of [publisher, ...streams]) socket.destroy()
  delays.sort((one, other) => one - other)
  return 1000 * (delays[updates / 2] ?? Number.NaN)
}

async function open({ port }: Server): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.resume()
  return socket
}

/** A stream that has got its first bytes. */
async function openStream(server: Server): Promise<Socket> {
  const socket = await open(server)
  const path = server.dialect.path.replaceAll('%t', '0')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n\r\n`)
  await once(socket, 'data')
  await sleep(200) // the rest of its beginning
  return socket
}

async function arrival(socket: Socket): Promise<number> {
  await once(socket, 'data')
  return performance.now()
}

function request({ port, dialect }: Server): string {
  const body = dialect.body.replaceAll('%t', '0').replaceAll('%s', 'hello')
  return [
    `POST ${dialect.publishPath} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Content-Type: ${dialect.contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...dialect.publishHeaders,
    '',
    body,
  ].join('\r\n')
}
