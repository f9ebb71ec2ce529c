import type { ServerResponse } from 'node:http'

/**
 * A pipelined request waits until those before it are answered. Behind a stream that is never: then
 * this is never resumed, and goes with its connection.
 */
export function itsTurn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('socket', () => resolve()))
}

export function isQueued(response: ServerResponse): boolean {
  return response.socket === null && !response.destroyed
}
