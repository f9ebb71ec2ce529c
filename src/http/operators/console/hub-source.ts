import type { Hub } from '../../../hub/hub.ts'
import type { Subscriber } from '../../../hub/stream/subscriber.ts'
import type { Log } from '../../../log/log.ts'
import type { ClosedStream, Recorder } from './recorder.ts'
import { valuesOf } from './samples.ts'
import type { ConsoleSource, Facts, StreamList, StreamQuery, StreamRow } from './source.ts'
import type { Usage } from './usage.ts'

export interface HubSourceOptions {
  readonly hub: Hub
  readonly log: Log
  readonly recorder: Recorder
  /** Kind of the history, without its address. */
  readonly transport: string
  /** The bounds that are configured now, by option; 0 for none. */
  readonly limits: () => Readonly<Record<string, number>>
  readonly openFiles: () => number | undefined
  readonly mostFiles: number | undefined
}

/** What costs a look at the history or a walk over all streams is looked at this often, if anybody asks. */
const seldomMs = 5_000
/** A history that is away does not keep people from seeing the rest. */
const patienceMs = 500

interface Seldom {
  readonly nodes: number | undefined
  readonly perToken: number
  readonly perAddress: number
}

/** What the console shows of the hub in this process. */
export class HubSource implements ConsoleSource {
  readonly #options: HubSourceOptions
  readonly #ids = new WeakMap<object, string>()
  #lastId = 0
  #seldom: Promise<Seldom> | undefined

  constructor(options: HubSourceOptions) {
    this.#options = options
  }

  start(): void {
    const { recorder, hub, log } = this.#options
    recorder.start(hub, log)
  }

  stop(): void {
    this.#options.recorder.close()
  }

  async facts(afterS: number): Promise<Facts> {
    const { hub, recorder, transport } = this.#options
    this.#seldom ??= this.#lookAround()
    const seldom = await this.#seldom
    const samples = recorder.samples.after(afterS)
    const last = samples.slice(-1)
    const part = {
      name: 'hub',
      streams: hub.subscriberCount,
      cpu: valuesOf(last, 'cpu')[0] ?? 0,
      memory: process.memoryUsage.rss(),
      loopP99: valuesOf(samples.slice(-10), 'loopP99').at(-1) ?? null,
    }
    return {
      transport,
      isDraining: hub.isDraining,
      troubledSinceMs: recorder.troubledSinceMs,
      limits: this.#usage(seldom),
      nodes: seldom.nodes,
      parts: [part],
      samples,
    }
  }

  async streams({ most, search }: StreamQuery): Promise<StreamList> {
    const { hub, recorder } = this.#options
    const isAsked = ({ interest, subject, address }: Asked) =>
      search === '' ||
      [...interest.matchers.map(({ pattern }) => pattern), subject ?? '', address ?? ''].some(
        (text) => text.toLowerCase().includes(search),
      )
    const matching = [...hub.streams].filter(isAsked)
    const streams = matching
      .map((stream) => ({ stream, bytes: stream.pendingBytes }))
      .sort((one, other) => other.bytes - one.bytes || one.stream.openedMs - other.stream.openedMs)
      .slice(0, most)
      .map(({ stream }) => this.#rowOf(stream))
    const closed = recorder.closed
      .filter(({ stream, ...rest }) => isAsked({ interest: stream, ...rest }))
      .slice(0, Math.min(most, 20))
      .map((stream) => this.#closedRow(stream))
    return { total: hub.subscriberCount, matching: matching.length, streams, closed }
  }

  #rowOf(stream: Subscriber): StreamRow {
    const [held] = stream.subscriptions
    return {
      ...this.#described(stream, stream.interest),
      state: stream.state,
      subject: stream.subject,
      address: stream.address,
      sinceMs: onTheWall(stream.openedMs),
      pendingBytes: stream.pendingBytes,
      target: held !== undefined ? { subscription: held.url } : targetOf(stream.subject),
    }
  }

  #closedRow(closed: ClosedStream): StreamRow {
    const { stream, subject, address, openedMs, closedMs, reason } = closed
    return {
      ...this.#described(closed, stream),
      state: 'closed',
      subject,
      address,
      sinceMs: onTheWall(openedMs),
      pendingBytes: 0,
      closedMs: onTheWall(closedMs),
      reason,
    }
  }

  #described(named: object, { matchers }: Subscriber['interest']) {
    let id = this.#ids.get(named)
    if (id === undefined) {
      id = String(++this.#lastId)
      this.#ids.set(named, id)
    }
    return { id, matchers: matchers.map(({ type, pattern }) => ({ type, pattern })) }
  }

  /** Never rejects. */
  async #lookAround(): Promise<Seldom> {
    const { hub } = this.#options
    setTimeout(() => (this.#seldom = undefined), seldomMs).unref()
    const [tokens, addresses] = [new Map<string, number>(), new Map<string, number>()]
    for (const { tokenHash, address } of hub.streams) {
      if (tokenHash !== undefined) tokens.set(tokenHash, (tokens.get(tokenHash) ?? 0) + 1)
      if (address !== undefined) addresses.set(address, (addresses.get(address) ?? 0) + 1)
    }
    const late = new Promise<undefined>((resolve) => {
      setTimeout(() => resolve(undefined), patienceMs).unref()
    })
    const nodes = hub.nodes().then(
      (ids) => ids.length,
      () => undefined,
    )
    return {
      nodes: await Promise.race([nodes, late]),
      perToken: largest(tokens),
      perAddress: largest(addresses),
    }
  }

  #usage({ perToken, perAddress }: Seldom): readonly Usage[] {
    const { hub, log, limits, openFiles, mostFiles } = this.#options
    const stats = log.stats()
    const used: Record<string, readonly [number, Usage['unit']]> = {
      max_subscribers: [hub.subscriberCount, 'count'],
      max_subscribers_per_token: [perToken, 'count'],
      max_subscribers_per_address: [perAddress, 'count'],
      subscriber_buffer: [hub.pendingBytes().max, 'bytes'],
      history_max_bytes: [stats.bytes, 'bytes'],
      history_size: [stats.entries, 'count'],
      topic_matcher_cache: [hub.stats().matchCacheEntries, 'count'],
    }
    const usage = Object.entries(used).map(([name, [value, unit]]) => ({
      option: `MERCURE_${name.toUpperCase()}`,
      used: value,
      limit: limits()[name] ?? 0,
      unit,
    }))
    const files = openFiles()
    if (files === undefined || mostFiles === undefined || !Number.isFinite(mostFiles)) return usage
    return [...usage, { option: 'Open files', used: files, limit: mostFiles, unit: 'count' }]
  }
}

interface Asked {
  readonly interest: Subscriber['interest']
  readonly subject: string | undefined
  readonly address: string | undefined
}

function targetOf(subject: string | undefined) {
  return subject === undefined ? undefined : { sub: subject }
}

function largest(counts: ReadonlyMap<string, number>): number {
  let most = 0
  for (const count of counts.values()) if (count > most) most = count
  return most
}

/** From performance.now's clock to milliseconds since 1970. */
function onTheWall(ms: number): number {
  return Math.round(Date.now() - performance.now() + ms)
}
