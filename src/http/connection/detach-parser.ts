import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** The part of Node's HTTP parser that this file touches. */
interface Parser {
  unconsume(): void
  remove(): void
  close(): void
  incoming: unknown
  socket: unknown
  onIncoming: unknown
  [callback: number]: unknown
}

/** The listeners that Node's HTTP server puts on a connection, by name. Anybody else's stay. */
const serverListeners = new Set(
  [
    ...['socketOnData', 'socketOnEnd', 'socketOnClose', 'socketOnDrain', 'socketOnError'],
    ...['socketOnTimeout', 'onParserExecute', 'updateOutgoingData', 'resumeSocket'],
  ].flatMap((name) => [name, `bound ${name}`]),
)

/**
 * Lets go of parser, request and response of a connection that has become a stream.
 *
 * A stream lives for minutes and needs none of them; they are a quarter of what an idle connection
 * costs (11.0 KB with them, measured by the `connections` bench). This is what Node itself does for
 * an upgraded connection, on the same members, which Node 20, 22 and 24 share; where one of them is
 * missing nothing is touched, and the connection merely costs more.
 */
export function letGo(socket: Socket, response: ServerResponse): void {
  const parser = parserOf(socket)
  if (parser === undefined) return
  response.detachSocket(socket)
  parser.onIncoming = ignore // requests in the same packet: a stream is the last answer of its connection
  for (const event of ['data', 'end', 'close', 'drain', 'error', 'timeout'])
    for (const listener of socket.listeners(event))
      if (serverListeners.has(listener.name)) socket.off(event, listener as () => void)
  socket.on('error', ignore) // until the stream has a listener of its own
  if (leaving.push({ socket, parser }) === 1) setImmediate(releaseAll)
}

/** Connections whose parser is let go at the end of the turn: not within one of its own callbacks. */
let leaving: { readonly socket: Socket; readonly parser: Parser }[] = []

function releaseAll(): void {
  const those = leaving
  leaving = []
  for (const { socket, parser } of those) release(socket, parser)
}

function release(socket: Socket, parser: Parser): void {
  parser.unconsume()
  parser.remove()
  parser.incoming = null
  parser.socket = null
  parser.close()
  const members = socket as unknown as {
    parser: unknown
    on?: unknown
    addListener?: unknown
    prependListener?: unknown
  }
  members.parser = null
  // Assigned, not deleted: an object that lost a member is slower to write to ever after.
  for (const name of ['on', 'addListener', 'prependListener'] as const)
    if (Object.hasOwn(members, name)) members[name] = Socket.prototype[name]
  if (socket.destroyed) return
  socket.on('end', destroy) // the client has finished: nothing will be read any more
  socket.resume() // what it still sends is dropped
}

function parserOf(socket: Socket): Parser | undefined {
  const { parser } = socket as unknown as { parser?: Partial<Parser> | null }
  const isComplete = [parser?.unconsume, parser?.remove, parser?.close].every(
    (method) => typeof method === 'function',
  )
  return isComplete ? (parser as Parser) : undefined
}

function destroy(this: Socket): void {
  this.destroy()
}

function ignore(): void {}
