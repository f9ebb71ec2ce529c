import { useRef, useState } from 'preact/hooks'
import type { Field } from '../../http/operators/console/samples.ts'
import { bytes, clock } from '../shared/format.ts'
import { Icon } from '../shared/icon.tsx'
import { Panel } from '../shared/panel.tsx'
import { Plot, type PlotData, type Series } from '../shared/plot.tsx'
import { ms, percent, short } from './units.ts'
import type { Watch } from './watch.ts'

interface Line extends Series {
  readonly field: Field
  /** Sums of half a minute. */
  readonly isSummed?: boolean
}

interface Drawing {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
}

const spread = (p50: Field, p99: Field): readonly Line[] => [
  { field: p50, label: 'p50', colour: 's1', format: ms },
  { field: p99, label: 'p99', colour: 's2', format: ms },
]

const closedLine = (field: Field, label: string, colour: Series['colour']): Line => ({
  field,
  label,
  colour,
  format: short,
  isSummed: true,
})

const drawings: readonly Drawing[] = [
  {
    title: 'Streams',
    unit: 'open',
    lines: [{ field: 'streams', label: 'open', colour: 's1', format: short, kind: 'area' }],
  },
  {
    title: 'Publishes and deliveries',
    unit: 'per second',
    lines: [
      { field: 'deliveries', label: 'deliveries', colour: 's1', format: short },
      { field: 'publishes', label: 'publishes', colour: 's3', format: short },
    ],
  },
  { title: 'Acknowledge', unit: 'p50 to p99', lines: spread('ackP50', 'ackP99') },
  { title: 'Write to streams', unit: 'p50 to p99', lines: spread('writeP50', 'writeP99') },
  {
    title: 'Bytes pending',
    unit: 'all streams',
    lines: [{ field: 'pendingBytes', label: 'sum', colour: 's1', format: bytes, kind: 'area' }],
  },
  {
    title: 'Closed',
    unit: 'in 30 s',
    lines: [
      closedLine('peer', 'peer', 's6'),
      closedLine('expired', 'expired', 's4'),
      closedLine('slow', 'slow', 's2'),
      closedLine('stalledClosed', 'stalled', 's5'),
    ],
  },
  {
    title: 'Log',
    unit: 'flush and lag',
    lines: [
      { field: 'flushP99', label: 'flush p99', colour: 's3', format: ms },
      { field: 'lag', label: 'lag', colour: 's2', format: ms },
    ],
  },
  {
    title: 'Log size',
    unit: 'kept',
    lines: [{ field: 'logBytes', label: 'bytes', colour: 's1', format: bytes, kind: 'area' }],
  },
  { title: 'Event loop', unit: 'p50 to p99', lines: spread('loopP50', 'loopP99') },
  {
    title: 'CPU',
    unit: 'of one core',
    lines: [{ field: 'cpu', label: 'all', colour: 's1', format: percent, kind: 'area' }],
  },
  {
    title: 'Memory',
    unit: 'resident',
    lines: [{ field: 'memory', label: 'all', colour: 's1', format: bytes, kind: 'area' }],
  },
  {
    title: 'Refused',
    unit: 'per second',
    lines: [
      { field: 'publishesRefused', label: 'publishes', colour: 's5', format: short },
      { field: 'streamsRefused', label: 'streams', colour: 's2', format: short },
    ],
  },
]

/** The quarter of an hour that the hub keeps, drawn. */
export function Plots({ watch }: { readonly watch: Watch }) {
  const [isPaused, setPaused] = useState(false)
  const drawn = useRef<readonly PlotData[]>([])
  if (!isPaused || drawn.current.length === 0)
    drawn.current = drawings.map(({ lines }) => dataOf(watch, lines))
  const sinceMs = watch.now?.troubledSinceMs
  return (
    <Panel
      title="Last 15 minutes"
      class="plotbox wide"
      id="plots"
      count={sinceMs === undefined ? undefined : `shaded since ${clock(sinceMs)}`}
      end={
        <button type="button" class="ghost" onClick={() => setPaused(!isPaused)}>
          <Icon name={isPaused ? 'play' : 'pause'} />
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      }
    >
      <div class="plots">
        {drawings.map(({ title, unit, lines }, index) => {
          const data = drawn.current[index] as PlotData // one for each
          return (
            <Plot
              key={title}
              title={title}
              unit={unit}
              says={wordsOf(lines, data)}
              series={lines}
              data={data}
              band={lines[0]?.label === 'p50'}
              sinceMs={sinceMs}
            />
          )
        })}
      </div>
    </Panel>
  )
}

function dataOf(watch: Watch, lines: readonly Line[]): PlotData {
  return [
    watch.times,
    ...lines.map(({ field, isSummed }) =>
      isSummed ? running(watch.column(field)) : watch.column(field),
    ),
  ]
}

function running(values: readonly (number | null)[]): readonly number[] {
  let sum = 0
  return values.map((value, index) => (sum += (value ?? 0) - (values[index - 30] ?? 0)))
}

function wordsOf(lines: readonly Line[], [, ...columns]: PlotData): string {
  return lines
    .map(({ label, format }, index) => {
      const value = columns[index]?.at(-1)
      return `${label} ${typeof value === 'number' ? format(value) : 'nothing'}`
    })
    .join(', ')
}
