import type { Field, SampleRow } from '../../http/operators/console/samples.ts'
import type { Stats } from '../../http/operators/console/source.ts'
import type { Usage } from '../../http/operators/console/usage.ts'
import { printable } from '../output.ts'
import {
  bytes,
  clock,
  count,
  duration,
  fitted,
  milliseconds,
  painter,
  sparkline,
} from './figures.ts'

type Paint = ReturnType<typeof painter>

const sparkWidth = 30

/** The head of the screen: state, what is wrong, and the figures of the last seconds. */
export function headLines(stats: Stats, paint: Paint): readonly string[] {
  const { now } = stats
  const parts =
    now.workers === undefined ? '' : `, ${now.workers.ready} of ${now.workers.expected} workers`
  const hubs = now.nodes !== undefined && now.nodes > 1 ? `, ${now.nodes} hubs` : ''
  const facts = `cinnabar ${now.version}, up ${duration(now.atMs - now.startedAtMs)}, history ${now.transport}${hubs}${parts}`
  const state = now.isReady ? paint('good', '✓ ready') : paint('bad', '✗ NOT READY')
  const since =
    now.troubledSinceMs === undefined
      ? []
      : [`  since ${clock(now.troubledSinceMs)}, ${duration(now.atMs - now.troubledSinceMs)}`]
  const troubles = now.troubles.flatMap(({ level, title, text, advice }) => [
    paint(level, `${level === 'bad' ? '✗' : '!'} ${printable(title)}`),
    `  ${printable(text)} ${advice}`,
  ])
  return [`${state}  ${paint('quiet', facts)}`, ...troubles, ...since, '', ...figures(stats, paint)]
}

function figures({ samples, fields }: Stats, paint: Paint): readonly string[] {
  const column = (field: Field) => columnOf(samples, fields, field)
  const last = (field: Field) => column(field).at(-1)
  const row = (name: string, value: string, more: string, field: Field) =>
    `${fitted(name, 15)}${paint('strong', fitted(value, 10, true))}  ${fitted(more, 30)}${paint('quiet', sparkline(column(field), sparkWidth))}`
  return [
    row(
      'streams',
      count(last('streams') ?? 0),
      `${count(last('stalled') ?? 0)} stalled`,
      'streams',
    ),
    row(
      'publishes/s',
      count(last('publishes') ?? 0),
      `ack p50 ${milliseconds(last('ackP50'))} p99 ${milliseconds(last('ackP99'))}`,
      'publishes',
    ),
    row(
      'deliveries/s',
      count(last('deliveries') ?? 0),
      `write p50 ${milliseconds(last('writeP50'))} p99 ${milliseconds(last('writeP99'))}`,
      'deliveries',
    ),
    row('refused/s', count(last('publishesRefused') ?? 0), 'publishes', 'publishesRefused'),
    row(
      'pending',
      bytes(last('pendingBytes') ?? 0),
      `largest ${bytes(last('pendingMost') ?? 0)}`,
      'pendingBytes',
    ),
    row('log lag', milliseconds(last('lag')), `${count(last('logEntries') ?? 0)} updates`, 'lag'),
    row(
      'event loop',
      milliseconds(last('loopP99')),
      `p99; p50 ${milliseconds(last('loopP50'))}`,
      'loopP99',
    ),
    row('cpu', `${Math.round(last('cpu') ?? 0)} %`, 'of one core', 'cpu'),
    row('memory', bytes(last('memory') ?? 0), 'resident', 'memory'),
  ]
}

function columnOf(
  samples: readonly SampleRow[],
  fields: readonly Field[],
  field: Field,
): readonly number[] {
  const index = fields.indexOf(field) + 1
  return samples.map((row) => row[index]).filter((value) => typeof value === 'number')
}

export function limitLines(limits: readonly Usage[], paint: Paint): readonly string[] {
  return limits.map(({ option, used, limit, unit }) => {
    const format = unit === 'bytes' ? bytes : count
    const share = limit === 0 ? 0 : used / limit
    const text = limit === 0 ? 'no limit' : `${format(limit)}  ${Math.round(share * 100)} %`
    const line = `${fitted(option, 38)}${fitted(format(used), 10, true)} / ${text}`
    return share >= 0.9 ? paint('warn', line) : line
  })
}

export function warningLines({ lines }: Stats, most: number, paint: Paint): readonly string[] {
  return lines
    .slice(0, most)
    .map(
      ({ atMs, level, text }) =>
        `${clock(atMs)} ${paint(level === 'error' ? 'bad' : 'warn', level.padEnd(5))} ${printable(text)}`,
    )
}
