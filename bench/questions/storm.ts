import { connect } from 'node:net'
import type { Bench } from '../harness/bench.ts'
import { load } from '../harness/load.ts'
import { durableHub, type Server } from '../harness/server.ts'

const count = 12_000

export const storm: Bench = {
  question:
    'After kill -9, 12,000 subscribers come back at their own `retry:`. When is everybody back, and how long do publishers wait meanwhile?',
  axis: 'subscribers',
  figures: [
    { key: 'back_s', title: 'all back after', unit: 's' },
    { key: 'pub_p99_us', title: 'publish p99 meanwhile', unit: 'ms', factor: 0.001 },
    { key: 'refused', title: 'refused', unit: '' },
  ],
  points: [
    {
      x: count,
      contestants: [durableHub()],
      measure: async (server) => {
        const crowd = Array.from({ length: count }, (_, number) => new Returning(server, number))
        await all(crowd)
        await server.kill()
        const started = performance.now()
        await server.restart()
        const publishing = load(server, { subscribers: 0, rate: 100, seconds: 16, publishers: 16 })
        await all(crowd)
        const back_s = (performance.now() - started) / 1000
        const figures = await publishing
        const refused = crowd.filter((client) => client.isRefused).length
        for (const client of crowd) client.leave()
        return { ...figures, back_s, refused }
      },
    },
  ],
  remark:
    'The clients live in the same process as the clock of this bench, on the load generator’s core.',
}

async function all(crowd: readonly Returning[]): Promise<void> {
  while (crowd.some((client) => !client.isOpen && !client.isRefused))
    await new Promise((resolve) => setTimeout(resolve, 50))
}

/** A client that comes back as `EventSource` does: at its `retry:`, unless it was refused. */
class Returning {
  isOpen = false
  isRefused = false
  #retryMs = 1000
  #isLeaving = false
  #end = () => {}

  constructor(server: Server, number: number) {
    setTimeout(() => this.#open(server, number), number / 3)
  }

  leave(): void {
    this.#isLeaving = true
    this.#end()
  }

  #open(server: Server, number: number): void {
    const socket = connect({
      port: server.port,
      host: '127.0.0.1',
      localAddress: `127.0.0.${1 + (number % 8)}`,
    })
    this.#end = () => socket.destroy()
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1')
      if (text.startsWith('HTTP/1.1 200')) this.isOpen = true
      else if (text.startsWith('HTTP/')) this.isRefused = true
      this.#retryMs = Number(/^retry: (\d+)$/m.exec(text)?.[1] ?? this.#retryMs)
    })
    socket.on('close', () => {
      this.isOpen = false
      if (!this.#isLeaving && !this.isRefused)
        setTimeout(() => this.#open(server, number), this.#retryMs)
    })
    const path = server.dialect.path.replace('%t', '0')
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: text/event-stream\r\n\r\n`,
    )
  }
}
