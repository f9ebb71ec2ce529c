import { Component } from 'preact'
import { clock, bytes, moment, preciseClock, withoutScheme } from '../shared/format.ts'
import { Icon } from '../shared/icon.tsx'
import { Json } from '../shared/json.tsx'
import { Badge } from '../shared/marks.tsx'
import type { EventRow, GapRow, Row } from './event-log.ts'
import type { Feed } from './feed.ts'

/** Characters of the data that a closed row shows. */
const shownInRow = 300
/** Rows drawn while more arrives than anybody can read. */
const drawnInBurst = 40

/** Rows, newest first. */
export function EventList({
  rows,
  feeds,
  isBurst,
  dropped,
  picked,
  onPick,
  label,
}: {
  readonly rows: readonly Row[]
  readonly feeds: readonly Feed[]
  readonly isBurst: boolean
  readonly dropped: string
  readonly picked: number | undefined
  readonly onPick: (row: EventRow) => void
  readonly label: string
}) {
  const drawn = isBurst ? rows.slice(-drawnInBurst) : rows
  const feedOf = (row: Row) => feeds.find(({ number }) => number === row.feed)
  return (
    <div class="list" tabIndex={0} role="region" aria-label={label}>
      <ol class="events">
        {[...drawn].reverse().map((row) => {
          const feed = feedOf(row)
          if (row.kind === 'gap') return <GapLine key={row.key} row={row} />
          if (row.kind === 'divider')
            return (
              <li key={row.key} class="divider">
                {row.says} at {clock(row.atMs)}
              </li>
            )
          return (
            <EventLine
              key={row.key}
              row={row}
              about={row.about}
              name={feed?.wish.name ?? 'closed'}
              colour={feed?.colour ?? 's6'}
              isPicked={row.key === picked}
              onPick={onPick}
            />
          )
        })}
        {isBurst && (
          <li class="note-row">
            Over 200/s the list is drawn four times a second. Counts stay exact.
          </li>
        )}
        {dropped !== '' && <li class="note-row">{dropped}</li>}
      </ol>
    </div>
  )
}

interface LineProps {
  readonly row: EventRow
  /** Beside the row, which keeps its identity when the hub has told about it. */
  readonly about: EventRow['about']
  readonly name: string
  readonly colour: string
  readonly isPicked: boolean
  readonly onPick: (row: EventRow) => void
}

/** Drawn again when something about it changed: with 500 rows and events coming that is most of what drawing costs. */
class EventLine extends Component<LineProps> {
  override shouldComponentUpdate(next: LineProps): boolean {
    return (Object.keys(next) as (keyof LineProps)[]).some(
      (name) => next[name] !== this.props[name],
    )
  }

  override render() {
    return <Line {...this.props} />
  }
}

function Line({ row, about, name, colour, isPicked, onPick }: LineProps) {
  const latencyMs = about ? Math.max(0, row.atMs - about.sentMs) : undefined
  return (
    <li class={`ev ${colour} ${isPicked ? 'picked' : ''}`}>
      <details>
        <summary onClick={() => onPick(row)}>
          <span class="t" title={`Received ${moment(row.atMs)}`}>
            {preciseClock(row.atMs)}
          </span>
          <span class="l1">
            <span class="type">{row.type}</span>
            <span class="cut sub">
              {about ? withoutScheme(about.topics[0] ?? '') : withoutScheme(row.rule)}
            </span>
            {about?.isPrivate === true && (
              <Badge icon="lock">
                <span class="word">private</span>
              </Badge>
            )}
          </span>
          <span class="m">
            {latencyMs !== undefined && <span title="From sent to received">{latencyMs} ms</span>}
            <span>{bytes(row.bytes)}</span>
          </span>
          <span class="from">
            <span class="dot" />
            <span class="cut">{name}</span>
          </span>
          <code class="l2 cut">{row.data.slice(0, shownInRow)}</code>
          <span class="idend" title={row.id}>
            <bdi>{row.id}</bdi>
          </span>
        </summary>
        <div class="more">
          <Json text={row.data} />
          <dl class="pairs">
            <dt>Id</dt>
            <dd>
              <code>{row.id}</code>
            </dd>
            <dt>Asked for</dt>
            <dd>
              <code>{row.rule}</code>
            </dd>
          </dl>
        </div>
      </details>
    </li>
  )
}

function GapLine({ row: { requested, resumedAfter } }: { readonly row: GapRow }) {
  return (
    <li class="gap">
      <Icon name="warning" />
      <div>
        <b>Gap.</b> The hub no longer keeps what came after <code>{requested}</code>. The list goes
        on{' '}
        {resumedAfter === 'earliest' || resumedAfter === '' ? (
          'with the oldest update it has.'
        ) : (
          <>
            after <code>{resumedAfter}</code>.
          </>
        )}
      </div>
    </li>
  )
}
