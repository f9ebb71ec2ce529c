import { together } from './samples.ts'
import type { ConsoleSource, Facts, Part, StreamList, StreamQuery, Usage } from './source.ts'

/** Asks each worker for what `path` answers; those that do not answer are left out. */
export type AskWorkers = (
  path: string,
) => Promise<readonly { readonly worker: number; readonly answer: unknown }[]>

/** What several processes have each for itself, and not together. */
const ofEach = new Set(['Open files', 'MERCURE_SUBSCRIBER_BUFFER'])
const summed = new Set(['MERCURE_MAX_SUBSCRIBERS', 'MERCURE_TOPIC_MATCHER_CACHE'])

/** What the console shows of several workers: as if they were one hub, and a line for each. */
export class WorkersSource implements ConsoleSource {
  readonly #ask: AskWorkers
  readonly #expected: number

  constructor(ask: AskWorkers, expected: number) {
    this.#ask = ask
    this.#expected = expected
  }

  /** Workers keep their samples themselves. */
  start(): void {}

  stop(): void {}

  async facts(afterS: number) {
    const answers = await this.#ask(`/debug/facts?after=${afterS}`)
    const facts = answers.map(({ worker, answer }) => ({ worker, ...(answer as Facts) })) // our own program's
    const [first] = facts
    const sinces = facts.flatMap(({ troubledSinceMs = [] }) => troubledSinceMs)
    return {
      transport: first?.transport ?? '',
      isDraining: facts.some(({ isDraining }) => isDraining),
      troubledSinceMs: sinces.length === 0 ? undefined : Math.min(...sinces),
      limits: first === undefined ? [] : usageOf(facts.map(({ limits }) => limits)),
      nodes: first?.nodes,
      parts: facts.flatMap(({ worker, parts }) => parts.map((part) => named(part, worker))),
      samples: together(facts.map(({ samples }) => samples)),
      workers: { ready: facts.length, expected: this.#expected },
    }
  }

  async streams({ most, search }: StreamQuery): Promise<StreamList> {
    const query = new URLSearchParams({ limit: String(most), search })
    const lists = (await this.#ask(`/debug/streams?${query.toString()}`)).map(
      ({ worker, answer }) => {
        const { streams, closed, ...rest } = answer as StreamList // our own program's
        const ofWorker = <Row extends { readonly id: string }>(row: Row) => ({
          ...row,
          id: `${worker}-${row.id}`,
        })
        return { ...rest, streams: streams.map(ofWorker), closed: closed.map(ofWorker) }
      },
    )
    return {
      total: lists.reduce((sum, { total }) => sum + total, 0),
      matching: lists.reduce((sum, { matching }) => sum + matching, 0),
      streams: lists
        .flatMap(({ streams }) => streams)
        .sort((one, other) => other.pendingBytes - one.pendingBytes)
        .slice(0, most),
      closed: lists
        .flatMap(({ closed }) => closed)
        .sort((one, other) => (other.closedMs ?? 0) - (one.closedMs ?? 0))
        .slice(0, 20),
    }
  }
}

function named(part: Part, worker: number): Part {
  return { ...part, name: `worker ${worker}` }
}

/** Streams are counted over all; a history is the same for all; the rest is the fullest one's. */
function usageOf(workers: readonly (readonly Usage[])[]): readonly Usage[] {
  return (workers[0] ?? []).map((usage, index) => {
    const used = workers.map((limits) => limits[index]?.used ?? 0)
    const sum = used.reduce((so, value) => so + value, 0)
    const option = ofEach.has(usage.option) ? `${usage.option} (fullest worker)` : usage.option
    return { ...usage, option, used: summed.has(usage.option) ? sum : Math.max(...used) }
  })
}
