import t from 'tap'
import { startHub, type TestHub } from '../../fixtures/hub.ts'
import type { SseClient } from '../../fixtures/sse-client.ts'
import { seeded, until } from '../../fixtures/until.ts'

/** `STREAMS` and `STEPS` make it as long as you like; `SEED` makes it another. */
const streams = Number(process.env['STREAMS'] ?? 500)
const steps = Number(process.env['STEPS'] ?? 20)
const seed = Number(process.env['SEED'] ?? 1)
const observers = 5
const api = '/.well-known/mercure/subscriptions'
const everything = `match_urlpattern=${api}/:type/:match/:subscriber`

interface Told {
  readonly id: string
  readonly active: boolean
}

/** Lists, follows from the list's cursor, and keeps what it then knows. */
class Observer {
  readonly client: SseClient
  readonly known: Set<string>
  readonly contradictions: string[] = []
  #read = 0

  private constructor(client: SseClient, known: readonly string[]) {
    this.client = client
    this.known = new Set(known)
  }

  static async start(hub: TestHub): Promise<Observer> {
    const token = hub.token({ subscribe: ['*'], claims: { sub: 'observer' } })
    const { text, headers } = await hub.ask('GET', { path: api, token })
    const { subscriptions } = JSON.parse(text) as { subscriptions: Told[] }
    const lastEventId = /last-event-id="([^"]*)"/.exec(String(headers['link']))?.[1] ?? ''
    const client = await hub.subscribe(everything, { token, lastEventId })
    return new Observer(
      client,
      subscriptions.map(({ id }) => id),
    )
  }

  /** Takes in what came since. A start of what is known, or an end of what is not, contradicts. */
  read(): Observer {
    for (const { data } of this.client.events.slice(this.#read)) {
      const { id, active } = JSON.parse(data) as Told
      if (this.known.has(id) === active) this.contradictions.push(data)
      if (active) this.known.add(id)
      else this.known.delete(id)
    }
    this.#read = this.client.events.length
    return this
  }
}

/** Ids of what is listed now, in order. */
async function registered(hub: TestHub): Promise<readonly string[]> {
  const { text } = await hub.ask('GET', { path: api, token: hub.token() })
  return (JSON.parse(text) as { subscriptions: Told[] }).subscriptions.map(({ id }) => id)
}

for (const grace of ['0', '50ms'])
  t.test(`a storm of comings and goings, grace ${grace}: list and events agree`, async (t) => {
    const hub = await startHub(t, { subscriptions: true, subscription_grace: grace })
    const random = seeded(seed)
    let open: SseClient[] = []
    const mortal: SseClient[] = []
    const come = async () => {
      const isMortal = random() < 0.1
      const exp = Date.now() / 1000 + (isMortal ? 2 : 3_600)
      const sub = `s${Math.floor(random() * 50)}`
      const token = hub.token({ subscribe: ['*'], claims: { sub, exp } })
      const query = `match=a${Math.floor(random() * 20)}&match_urlpattern=/b/:c`
      const client = await hub.subscribe(query, isMortal || random() < 0.8 ? { token } : {})
      open.push(client)
      if (isMortal) mortal.push(client)
    }
    const endings = [
      (client: SseClient) => client.reset(),
      (client: SseClient) => client.close(),
      (client: SseClient) => client.halfClose(),
    ]
    const all: Observer[] = []

    for (let step = 0; step < steps; step++) {
      while (open.length < streams) {
        const missing = Math.min(25, streams - open.length)
        await Promise.all(Array.from({ length: missing }, come))
        if (random() < 0.3) break
      }
      if (step % Math.ceil(steps / observers) === 0) all.push(await Observer.start(hub))
      const leaving = Math.floor(random() * 100)
      for (let i = 0; i < leaving && open.length > 0; i++) {
        const [client] = open.splice(Math.floor(random() * open.length), 1)
        endings[Math.floor(random() * 3)]?.(client as SseClient)
      }
      open = open.filter(({ isClosed }) => !isClosed)
      if (random() < 0.5) await hub.publish({ topic: 'a1', data: `${step}` })
      t.strictSame(hub.hub.verify(), [])
    }
    t.equal(all.length, observers)
    for (const client of open.splice(0, open.length / 2)) client.reset()
    await Promise.all(mortal.map(({ closed }) => closed)) // expired
    const alive = () => open.filter(({ isClosed }) => !isClosed).length
    await until(() => hub.hub.subscriberCount === alive() + observers)
    await until(() => hub.hub.presence?.size === 2 * alive() + observers)

    const now = [...(await registered(hub))].toSorted()
    await until(() => all.every((observer) => observer.read().known.size === now.length))
    for (const observer of all) {
      t.strictSame([...observer.known].toSorted(), now)
      t.strictSame(observer.contradictions, [])
    }
    t.strictSame(hub.hub.verify(), [])
  })
