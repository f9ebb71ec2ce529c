import { Hub } from '../../src/hub/hub.ts'
import type { Subscription } from '../../src/hub/options.ts'
import { MemoryLog } from '../../src/log/memory/memory-log.ts'
import { Grants } from '../../src/protocol/grants.ts'
import { compileMatcher, type Matcher } from '../../src/protocol/matcher.ts'
import { compileSelector } from '../../src/protocol/legacy/selector.ts'
import type { Wire, WireListener } from '../../src/hub/stream/outbox.ts'

/**
 * How long can strangers' patterns and topics hold one turn of the hub's event loop?
 *
 * The limits are off: what the hub's doors refuse by default is let in, and shows what a turn costs at
 * worst. `node --import @tapjs/typescript/import bench/micro/pattern-attacks.ts [NAME]`; each attack runs in a
 * hub of its own, and the longest turn of it counts.
 */
const hubUrl = 'http://127.0.0.1:3000/.well-known/mercure'
const dearTexts = texts((n) => `*://*/(${'.*'.repeat(340)}.{0,${9 + n}}z{0,1}q)`)
const aboutTexts = texts((n) => `https://example.com/:a(${'x?'.repeat(5)}.*)/${n}`)
const templateTexts = texts((n) => `https://example.com/{+a}x{/b*}${n}{?c,d,e,f,g}z`)
const long = Array.from({ length: 20 }, (_, n) => `https://example.com/${n}${'a'.repeat(4000)}`)
const ordinary = Array.from({ length: 20 }, (_, n) => `https://example.com/books/${n}`)

const grantsOf = (topics: readonly Matcher[]) =>
  new Grants([{ actions: new Set(['publish', 'subscribe'] as const), topics }])
const everything = grantsOf([compileMatcher('exact', '*', hubUrl)])

/** A peer that takes everything at once. */
class Sink implements Wire {
  readonly framing = 'plain'
  readonly pendingBytes = 0
  takenBytes = 0
  write(bytes: Buffer): void {
    this.takenBytes += bytes.length
  }
  finish(): void {}
  destroy(): void {}
  listen(_listener: WireListener): void {}
}

interface Attack {
  readonly name: string
  readonly streams: number
  readonly texts: readonly string[]
  readonly topics: readonly string[]
  readonly isPrivate?: boolean
  readonly isReplayed?: boolean
  readonly isPublishers?: boolean
}

const attacks: readonly Attack[] = [
  { name: 'one stream, 20 topics of 4 KB', streams: 1, texts: dearTexts, topics: long },
  { name: '20 streams, one topic', streams: 20, texts: dearTexts, topics: long.slice(0, 1) },
  { name: '40 streams, ordinary topics', streams: 40, texts: dearTexts, topics: ordinary },
  { name: '100 ordinary streams, 4 KB', streams: 100, texts: aboutTexts, topics: long.slice(0, 5) },
  { name: 'URI Templates', streams: 20, texts: templateTexts, topics: long },
  { name: 'grants', streams: 1, texts: dearTexts, topics: long.slice(0, 5), isPrivate: true },
  { name: 'replay', streams: 2, texts: dearTexts, topics: long.slice(0, 5), isReplayed: true },
  { name: 'publisher', streams: 0, texts: dearTexts, topics: long.slice(0, 5), isPublishers: true },
]

async function measure(attack: Attack): Promise<Record<string, string | number>> {
  const log = new MemoryLog({ maxEntries: 0, maxAgeMs: 0, maxBytes: 0 })
  const hub = new Hub({
    log,
    heartbeatMs: 0,
    writeTimeoutMs: 0,
    dispatchTimeoutMs: 0,
    subscriberBufferBytes: 1024 * 1024,
    maxFrameBytes: 0,
    registryShards: 1,
    matchCacheEntries: 100_000,
    maxSubscribers: 0,
    maxSubscribersPerToken: 0,
    maxSubscribersPerAddress: 0,
  })
  await hub.ready()
  const publish = (topics: readonly string[], grants = everything) =>
    hub
      .publish(
        { topics, data: 'x', isPrivate: attack.isPrivate ?? false, id: '', type: '', retry: '' },
        { grants, hubUrl },
      )
      .catch((error: unknown) => String(error))
  await publish(['https://example.com/books/warm'])
  if (attack.isReplayed) await publish(attack.topics)
  const streams = Array.from({ length: attack.streams }, (_, n) => subscription(attack, n))
  const witness = new Sink()
  hub.subscribe(witness, {
    matchers: [compileMatcher('exact', 'z:end', hubUrl)],
    grants: everything,
  })
  const start = { position: 0, lastEventId: 'earliest' } as const
  for (const one of streams)
    hub.subscribe(new Sink(), attack.isReplayed ? { ...one, start: start as never } : one)
  const publisher = attack.isPublishers ? grantsOf(compiled(attack.texts)) : everything
  if (!attack.isReplayed) await turns(3)

  const meter = new TurnMeter()
  const begunMs = performance.now()
  const taken = witness.takenBytes
  await publish([...attack.topics], publisher)
  await publish(['z:end'])
  while (witness.takenBytes === taken || hub.lag.entries > 0 || hub.replaysWaiting > 0)
    await turns(1)
  const ms = performance.now() - begunMs
  const { longestMs, longestCpuMs } = meter.stop()
  await hub.close()
  return {
    attack: attack.name,
    turnMs: rounded(longestMs),
    turnCpuMs: rounded(longestCpuMs),
    ms: rounded(ms),
  }
}

function subscription(attack: Attack, n: number): Subscription {
  const distinct = attack.texts.map((text) => text.replace('(', `(${'y?'.repeat(n % 7)}`))
  const matchers = attack.isPrivate
    ? [compileMatcher('exact', '*', hubUrl)]
    : compiled(n === 0 ? attack.texts : distinct)
  const grants = attack.isPrivate ? grantsOf(compiled(attack.texts)) : Grants.none
  return { matchers, grants }
}

function compiled(of: readonly string[]): Matcher[] {
  return of.map((text) =>
    text.includes('{+') ? compileSelector(text) : compileMatcher('urlpattern', text, hubUrl),
  )
}

/** The longest time between two turns, and the most of the processor's time: a busy machine lets everybody wait. */
class TurnMeter {
  longestMs = 0
  longestCpuMs = 0
  #lastMs = performance.now()
  #lastCpuMs = cpuMs()
  #isOver = false

  constructor() {
    const turn = () => {
      this.#look()
      if (!this.#isOver) setImmediate(turn)
    }
    setImmediate(turn)
  }

  stop(): this {
    this.#isOver = true
    this.#look()
    return this
  }

  #look(): void {
    const [nowMs, nowCpuMs] = [performance.now(), cpuMs()]
    this.longestMs = Math.max(this.longestMs, nowMs - this.#lastMs)
    this.longestCpuMs = Math.max(this.longestCpuMs, nowCpuMs - this.#lastCpuMs)
    this.#lastMs = nowMs
    this.#lastCpuMs = nowCpuMs
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) =>
    setImmediate(() => (count > 1 ? void turns(count - 1).then(resolve) : resolve())),
  )
}

function texts(make: (n: number) => string): string[] {
  return Array.from({ length: 100 }, (_, n) => make(n))
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}

const wanted = process.argv[2]
const rows = []
for (const attack of attacks)
  if (wanted === undefined || attack.name.includes(wanted)) rows.push(await measure(attack))
console.log(
  `the longest turn, in time and in the processor’s, and the time until all have the update, Node ${process.version}`,
)
console.table(rows)
