import t from 'tap'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'
import { seeded } from '../fixtures/until.ts'

const publishers = 16
/** The long form: `UPDATES=1000`. */
const updatesEach = Number(process.env['UPDATES'] ?? 80)
const subscribers = 200

t.test(
  '16 publishers, 200 streams that join at random cursors: one contiguous sequence for all',
  async (t) => {
    const hub = await HubProcess.start(t, {
      env: {
        MERCURE_ANONYMOUS: '1',
        MERCURE_TRUSTED_ISSUERS: issuer,
        MERCURE_PUBLISHER_JWT_KEY: secret,
        MERCURE_TRANSPORT_URL: `lmdb:${temporaryFolder(t)}`,
      },
    })
    const random = seeded(Number(process.env['SEED'] ?? 5))
    const { host, port } = new URL(hub.url)
    const authorization = `Bearer ${signToken(hub.url, { publish: ['*'] })}`
    const acknowledged: string[] = []
    const publish = async (id: string) => {
      const body = new URLSearchParams({ topic: 'a', id, data: 'x'.repeat(random() * 300) })
      const { status } = await fetch(hub.url, { method: 'POST', headers: { authorization }, body })
      if (status !== 200) throw new Error(`status ${status}`)
      acknowledged.push(id)
    }
    const join = (cursor: string | undefined) => {
      const stream = new SseClient(Number(port))
      const field = cursor === undefined ? '' : `Last-Event-ID: ${cursor}\r\n`
      stream.send(`GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: ${host}\r\n${field}\r\n`)
      return { cursor, stream }
    }
    /** One in ten has no cursor, one asks for everything; the others have seen something. */
    const anyCursor = () => {
      const dice = random()
      if (dice < 0.1) return undefined
      return dice < 0.2 ? 'earliest' : acknowledged[Math.floor(random() * acknowledged.length)]
    }

    await publish('first')
    const joined: ReturnType<typeof join>[] = []
    await Promise.all(
      Array.from({ length: publishers }, async (_, publisher) => {
        for (let i = 0; i < updatesEach; i++) {
          await publish(`p${publisher}-${i}`)
          const share = acknowledged.length / (publishers * updatesEach)
          while (joined.length < share * subscribers) joined.push(join(anyCursor()))
        }
      }),
    )
    await Promise.all(joined.map(({ stream }) => stream.untilHead()))
    await publish('end')
    const reference = join('earliest')
    joined.push(reference)
    const idsOf = async ({ stream }: (typeof joined)[number]) => {
      await stream.when(({ events }) => events.at(-1)?.id === 'end')
      stream.close()
      return stream.events.map(({ id }) => id)
    }
    const order = await idsOf(reference)

    t.strictSame(order.toSorted(), acknowledged.toSorted(), 'each update once')
    for (let publisher = 0; publisher < publishers; publisher++) {
      const own = order.filter((id) => id.startsWith(`p${publisher}-`))
      t.ok(
        own.every((id, i) => id === `p${publisher}-${i}`),
        'in the order of its publisher',
      )
    }
    for (const one of joined) {
      const ids = await idsOf(one)
      const from =
        one.cursor === undefined
          ? order.indexOf(ids[0] ?? '')
          : one.cursor === 'earliest'
            ? 0
            : order.indexOf(one.cursor) + 1
      t.ok(from >= 0 && ids.join() === order.slice(from).join(), `after ${one.cursor}`)
    }
    t.ok(joined.length > subscribers, `${joined.length} streams`)
  },
)
