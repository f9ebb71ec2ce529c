import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ask, formOf, formType } from '../fixtures/http.ts'
import type { SseClient } from '../fixtures/sse-client.ts'
import { until } from '../fixtures/until.ts'
import { WorkersHub } from '../fixtures/workers.ts'

const subscribers = 200
const publishers = 8
/** A short storm; CINNABAR_LONG=1 has ten times as many updates and deaths. */
const scale = process.env['CINNABAR_LONG'] === '1' ? 10 : 1
const updatesEach = 40 * scale
const deaths = 3 * scale

/** Goes on where it was whenever its stream ends, as an `EventSource` does. */
class Resuming {
  readonly data: string[] = []
  stream: SseClient | undefined
  #lastEventId = ''

  async run(hub: WorkersHub): Promise<void> {
    while (this.data.at(-1) !== 'end') {
      const stream = hub.connect({ lastEventId: this.#lastEventId })
      this.stream = stream
      await Promise.race([stream.closed, stream.untilData('end').catch(() => {})])
      this.data.push(...stream.data)
      this.#lastEventId = stream.lastEventId || this.#lastEventId
    }
  }
}

/** Publishes until it is acknowledged; the key makes sure that it happens once. */
async function publish(hub: WorkersHub, data: string): Promise<void> {
  const headers = {
    ...formType,
    authorization: `Bearer ${hub.token}`,
    'idempotency-key': randomUUID(),
  }
  const body = formOf({ topic: 'news', data })
  await until(async () => {
    const answer = await ask(hub.hub.url, { method: 'POST', headers, body }).catch(() => undefined)
    return answer?.status === 200
  })
}

t.test(
  'workers are killed in a storm of publishes: nobody misses an update or gets one twice',
  { timeout: 600_000 },
  async (t) => {
    const hub = await WorkersHub.start(t, 2, { MERCURE_MAX_SUBSCRIBERS: '10000' })
    const clients = Array.from({ length: subscribers }, () => new Resuming())
    const running = clients.map((client) => client.run(hub))
    await until(() => clients.every(({ stream }) => (stream?.cursors.length ?? 0) > 0))

    const storm = Array.from({ length: publishers }, async (_, publisher) => {
      for (let number = 0; number < updatesEach; number++)
        await publish(hub, `${publisher}:${number}`)
    })
    for (let death = 0; death < deaths; death++) {
      const [oldest = 0] = hub.workers()
      await hub.replace(oldest)
    }
    await Promise.all(storm)
    await publish(hub, 'end')
    await Promise.all(running)

    const [first = new Resuming(), ...others] = clients
    const numbers = (publisher: number) =>
      first.data
        .filter((data) => data.startsWith(`${publisher}:`))
        .map((data) => data.split(':')[1])
    for (let publisher = 0; publisher < publishers; publisher++)
      t.strictSame(
        numbers(publisher),
        Array.from({ length: updatesEach }, (_, number) => `${number}`),
        'each update once, in the order of its publisher',
      )
    t.ok(
      others.every(({ data }) => data.join() === first.data.join()),
      'and the same for every subscriber',
    )
  },
)
