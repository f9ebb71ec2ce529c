import type { Field } from '../../http/operators/console/samples.ts'
import { LimitBar } from '../shared/figure.tsx'
import { bytes, clock, count, moment } from '../shared/format.ts'
import { Badge } from '../shared/marks.tsx'
import { Panel } from '../shared/panel.tsx'
import { Table } from '../shared/table.tsx'
import { useState } from 'preact/hooks'
import { ms, percent } from './units.ts'
import type { Watch } from './watch.ts'

const fewLines = 6

const reasons: readonly (readonly [Field, string, string])[] = [
  ['peer', 'peer', 's6'],
  ['expired', 'expired', 's4'],
  ['rotated', 'rotated', 's6'],
  ['slow', 'slow', 's2'],
  ['stalledClosed', 'stalled', 's5'],
  ['kicked', 'kicked', 's6'],
  ['drained', 'drained', 's6'],
  ['error', 'error', 's5'],
]

export function Rail({ watch }: { readonly watch: Watch }) {
  return (
    <div class="rail">
      <Limits watch={watch} />
      <Warnings watch={watch} />
      <Closed watch={watch} />
      <Parts watch={watch} />
    </div>
  )
}

function Limits({ watch }: { readonly watch: Watch }) {
  return (
    <Panel title="Limits" count="used / limit">
      <div class="body">
        <ul class="limits">
          {watch.now?.limits.map(({ option, used, limit, unit }) => (
            <LimitBar
              key={option}
              name={option}
              used={used}
              limit={limit}
              format={unit === 'bytes' ? bytes : count}
            />
          ))}
        </ul>
      </div>
    </Panel>
  )
}

function Warnings({ watch }: { readonly watch: Watch }) {
  const [isWhole, setWhole] = useState(false)
  const { lines } = watch
  return (
    <Panel
      title="Warnings"
      count={lines.length === 0 ? 'none' : `${lines.length} of the log`}
      end={
        lines.length > fewLines && (
          <button type="button" class="ghost" onClick={() => setWhole(!isWhole)}>
            {isWhole ? 'Fewer' : 'All'}
          </button>
        )
      }
    >
      <ul class="warnings">
        {(isWhole ? lines : lines.slice(0, fewLines)).map(({ number, level, atMs, text }) => (
          <li key={number}>
            <div>
              <Badge tone={level === 'error' ? 'bad' : 'warn'}>{level}</Badge>
              <br />
              <time title={moment(atMs)}>{clock(atMs)}</time>
            </div>
            <p>{text}</p>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function Closed({ watch }: { readonly watch: Watch }) {
  const sums = reasons.map(([field]) => watch.sum(field))
  const most = Math.max(1, ...sums)
  return (
    <Panel title="Closed by reason" count="last 15 min">
      <div class="body">
        <div class="reasons">
          {reasons.map(([field, name, colour], index) => (
            <>
              <span key={field}>{name}</span>
              <svg class={colour} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
                <rect class="bars" width={((sums[index] ?? 0) / most) * 100} height="8" />
              </svg>
              <b class="num">{count(sums[index] ?? 0)}</b>
            </>
          ))}
        </div>
      </div>
    </Panel>
  )
}

function Parts({ watch: { now } }: { readonly watch: Watch }) {
  const hubs =
    now?.nodes === undefined
      ? ''
      : `${now.nodes} ${now.nodes === 1 ? 'hub' : 'hubs'} on this history, `
  const [title, about] =
    now?.workers === undefined
      ? ['Hub', `${hubs}this one is shown`]
      : [
          'Workers',
          `${hubs}${now.workers.ready} of ${now.workers.expected} answer; all are shown as one hub`,
        ]
  return (
    <Panel title={title} count={about}>
      <Table
        caption={title}
        empty="Nobody answers."
        rows={now?.parts ?? []}
        keyOf={({ name }) => name}
        columns={[
          { title: 'Name', cell: ({ name }) => name },
          { title: 'Streams', isNumber: true, cell: ({ streams }) => count(streams) },
          { title: 'CPU', isNumber: true, cell: ({ cpu }) => percent(cpu) },
          { title: 'Memory', isNumber: true, cell: ({ memory }) => bytes(memory) },
          {
            title: 'Loop p99',
            isNumber: true,
            cell: ({ loopP99 }) => (loopP99 === null ? '–' : ms(loopP99)),
          },
        ]}
      />
    </Panel>
  )
}
