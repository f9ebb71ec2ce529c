import type { Usage } from './usage.ts'
import { type Field, type SampleRow, valuesOf } from './samples.ts'

/** Something that is not as it should be: what, what it means, and what to do about it. */
export interface Trouble {
  /** `bad`: clients are refused or cut. */
  readonly level: 'bad' | 'warn'
  readonly title: string
  readonly text: string
  readonly advice: string
}

export interface Circumstances {
  readonly isReady: boolean
  readonly problem: string | undefined
  readonly transport: string
  readonly limits: readonly Usage[]
  /** At least a minute of samples, where there are so many. */
  readonly recent: readonly SampleRow[]
  /** Workers that are ready, of how many. */
  readonly workers?: { readonly ready: number; readonly expected: number } | undefined
}

/** Part of the streams that may stall, or be cut in half a minute, before somebody has to know. */
const notableShare = 0.01
/** Of a limit, before it is reached. */
const nearShare = 0.9
const lateMs = { lag: 1_000, loop: 100 }
const number = new Intl.NumberFormat('en')

/** What is wrong now, in words, what hurts most first: the console and the command say the same. */
export function troublesOf(now: Circumstances): readonly Trouble[] {
  return [
    ...unready(now),
    ...refusals(now),
    ...waiting(now),
    ...stalled(now),
    ...cut(now),
    ...late(now),
    ...near(now),
    ...missing(now),
  ]
}

function unready({ isReady, problem = 'no reason is known', transport }: Circumstances): Trouble[] {
  if (isReady) return []
  if (problem === 'draining')
    return [
      {
        level: 'bad',
        title: 'Draining: the hub is shutting down',
        text: 'Streams are let go one after the other, and no new one is taken.',
        advice: 'Wait until it has ended; clients come back to another hub, or to this one.',
      },
    ]
  const isLimit = /limit|subscribers|streams|files/.test(problem)
  return [
    {
      level: 'bad',
      title: `Not ready: ${problem}`,
      text: isLimit ? 'New streams are refused.' : 'Publishes are refused. Open streams stay open.',
      advice: isLimit
        ? 'Raise the limit, or add a hub.'
        : `Check ${placeOf(transport)}. The hub goes on by itself when it is back.`,
    },
  ]
}

function placeOf(transport: string): string {
  if (transport === 'redis') return 'the Redis server and the way to it'
  return transport === 'lmdb' ? 'the disk of the history' : 'the log'
}

function refusals({ recent }: Circumstances): Trouble[] {
  const last = recent.slice(-10)
  const [refused, taken] = [sum(last, 'publishesRefused'), sum(last, 'publishes')]
  if (refused === 0 || refused < taken / 10) return []
  return [
    {
      level: 'bad',
      title: 'Publishes are refused',
      text: `${number.format(refused)} in 10 s; ${number.format(taken)} were taken.`,
      advice: 'The warnings say why.',
    },
  ]
}

/** The history did not answer yet, and did not fail either. */
function waiting({ recent, transport }: Circumstances): Trouble[] {
  const last = recent.slice(-3)
  const isWaiting =
    last.length === 3 && valuesOf(last, 'logWaitingBytes').every((bytes) => bytes > 0)
  if (!isWaiting || sum(last, 'publishes') > 0) return []
  return [
    {
      level: 'bad',
      title: 'Publishes wait for the history',
      text: 'Nothing was stored for 3 s.',
      advice: `Check ${placeOf(transport)}.`,
    },
  ]
}

function stalled({ recent }: Circumstances): Trouble[] {
  const [count, streams, bytes] = (['stalled', 'streams', 'pendingBytes'] as const).map((name) =>
    last(recent, name),
  ) as [number, number, number]
  if (count === 0 || count < streams * notableShare) return []
  return [
    {
      level: 'warn',
      title: `${number.format(count)} streams stalled, ${percent(count, streams)}`,
      text: `They take no bytes; ${megabytes(bytes)} wait for them.`,
      advice: 'Look at their addresses in the list of streams: often it is one network or proxy.',
    },
  ]
}

function cut({ recent }: Circumstances): Trouble[] {
  const half = recent.slice(-30)
  const count = sum(half, 'slow') + sum(half, 'stalledClosed') + sum(half, 'error')
  if (count === 0 || count < last(recent, 'streams') * notableShare) return []
  return [
    {
      level: 'warn',
      title: `${number.format(count)} streams were cut in 30 s`,
      text: `Slow ${sum(half, 'slow')}, stalled ${sum(half, 'stalledClosed')}, errors ${sum(half, 'error')}.`,
      advice: 'They resume by themselves where they were. Should it last, raise subscriber_buffer.',
    },
  ]
}

function late({ recent }: Circumstances): Trouble[] {
  const troubles: Trouble[] = []
  const [lag, loop] = [last(recent, 'lag'), median(recent.slice(-5), 'loopP99')]
  if (lag > lateMs.lag)
    troubles.push({
      level: 'warn',
      title: `Updates are ${seconds(lag)} late`,
      text: 'They are stored, and were not written to streams yet.',
      advice: 'Add workers or hubs when it lasts.',
    })
  if (loop > lateMs.loop)
    troubles.push({
      level: 'warn',
      title: `The event loop is ${Math.round(loop)} ms late`,
      text: 'Everything waits so long for its turn.',
      advice: 'Add workers; /debug/cpu-profile tells what takes the time.',
    })
  return troubles
}

function near({ limits }: Circumstances): Trouble[] {
  return limits
    .filter(({ used, limit }) => limit > 0 && used >= limit * nearShare)
    .filter(({ option }) => !option.startsWith('MERCURE_HISTORY')) // a full history is the usual one
    .map(({ option, used, limit }) => ({
      level: 'warn',
      title: `${option}: ${percent(used, limit)} used`,
      text: `${number.format(used)} of ${number.format(limit)}.`,
      advice: 'Raise it before it refuses somebody.',
    }))
}

function missing({ workers }: Circumstances): Trouble[] {
  if (workers === undefined || workers.ready >= workers.expected) return []
  return [
    {
      level: 'warn',
      title: `${workers.expected - workers.ready} of ${workers.expected} workers are missing`,
      text: 'Their streams came back to the others.',
      advice: 'They are replaced by themselves; the warnings say how they ended.',
    },
  ]
}

function sum(rows: readonly SampleRow[], name: Field): number {
  return valuesOf(rows, name).reduce((so, value) => so + value, 0)
}

function last(rows: readonly SampleRow[], name: Field): number {
  return valuesOf(rows.slice(-1), name)[0] ?? 0
}

function median(rows: readonly SampleRow[], name: Field): number {
  const values = [...valuesOf(rows, name)].sort((one, other) => one - other)
  return values[Math.floor(values.length / 2)] ?? 0
}

function percent(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)} %`
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${Math.round(bytes / 1e6)} MB`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
