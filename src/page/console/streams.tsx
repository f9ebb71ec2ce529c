import { useEffect, useState } from 'preact/hooks'
import type { StreamList, StreamRow } from '../../http/operators/console/source.ts'
import { bytes, clock, count, moment } from '../shared/format.ts'
import { useInterval } from '../shared/hooks.ts'
import { Answer } from '../shared/marks.tsx'
import { Panel } from '../shared/panel.tsx'
import { isOneOf, useRemembered } from '../shared/storage.ts'
import { Table } from '../shared/table.tsx'
import { kick, streams } from './hub.ts'

const everyMs = 2_000
type Order = 'pending' | 'since'

/** Open streams, those with most pending bytes first, and those that ended lately. */
export function Streams({ buffer }: { readonly buffer: number }) {
  const [list, setList] = useState<StreamList>()
  const [search, setSearch] = useState('')
  const [order, setOrder] = useRemembered<Order>(
    'streams.order',
    'pending',
    isOneOf('pending', 'since'),
  )
  const [asked, setAsked] = useState<string>()
  const [outcome, setOutcome] = useState<readonly [isGood: boolean, text: string]>()
  const look = async () => {
    if (document.hidden) return
    await streams(search).then(setList, () => {}) // the top of the page says that the hub is away
  }
  useEffect(() => void look(), [search])
  useInterval(() => void look(), everyMs)
  const close = async (row: StreamRow) => {
    setAsked(undefined)
    try {
      const { closed } = await kick(row.target)
      setOutcome([true, `${count(closed)} closed: ${nameOf(row)}`])
    } catch (error) {
      setOutcome([false, `Not closed: ${error instanceof Error ? error.message : ''}`])
    }
    void look()
  }
  const open = [...(list?.streams ?? [])]
  if (order === 'since') open.sort((one, other) => one.sinceMs - other.sinceMs)
  return (
    <Panel
      title="Streams"
      id="streams"
      isRegion={false}
      count={
        list &&
        `${count(open.length)} of ${count(list.matching)} shown, ${count(list.total)} connected`
      }
      end={
        <>
          <label class="sr" for="sq">
            Search streams
          </label>
          <input
            id="sq"
            placeholder="Search"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </>
      }
    >
      {outcome !== undefined && (
        <div class="body">
          <Answer tone={outcome[0] ? 'good' : 'bad'}>{outcome[1]}</Answer>
        </div>
      )}
      <Table
        caption="Streams"
        empty={search === '' ? 'No stream is open.' : 'No stream matches.'}
        rows={[...open, ...(list?.closed ?? [])]}
        keyOf={({ id }) => id}
        classOf={({ state, pendingBytes }) =>
          state === 'closed' ? 'closed' : buffer > 0 && pendingBytes > buffer / 2 ? 'hot' : ''
        }
        after={(row) =>
          row.id === asked ? (
            <Question row={row} onKeep={() => setAsked(undefined)} onKick={() => void close(row)} />
          ) : undefined
        }
        columns={[
          {
            title: 'Match',
            cell: (row) => <code>{matchOf(row)}</code>,
            cut: ({ matchers }) =>
              matchers.map(({ type, pattern }) => `${type} ${pattern}`).join('\n'),
          },
          {
            title: 'Subject',
            cell: ({ subject }) =>
              subject === undefined ? <span class="quiet">anonymous</span> : <code>{subject}</code>,
            cut: ({ subject }) => subject ?? 'anonymous',
          },
          { title: 'Address', cell: ({ address }) => <code>{address}</code> },
          {
            title: 'Since',
            isNumber: true,
            isSorted: order === 'since',
            onSort: () => setOrder('since'),
            cell: ({ sinceMs }) => <time title={moment(sinceMs)}>{clock(sinceMs)}</time>,
          },
          {
            title: 'Pending',
            isNumber: true,
            isSorted: order === 'pending',
            onSort: () => setOrder('pending'),
            cell: (row) => <Pending row={row} buffer={buffer} />,
          },
          {
            title: 'Action',
            isSilent: true,
            cell: (row) => <Kick row={row} onAsk={() => setAsked(row.id)} />,
          },
        ]}
      />
    </Panel>
  )
}

function Pending({ row, buffer }: { readonly row: StreamRow; readonly buffer: number }) {
  if (row.closedMs !== undefined) return <>{`${row.reason} ${clock(row.closedMs)}`}</>
  const share = buffer === 0 ? 0 : Math.min(1, row.pendingBytes / buffer)
  return (
    <span class="pend">
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="rail-bg" width="100" height="4" />
        <rect class="use" width={share * 100} height="4" />
      </svg>
      <span>{bytes(row.pendingBytes)}</span>
    </span>
  )
}

function Kick({ row, onAsk }: { readonly row: StreamRow; readonly onAsk: () => void }) {
  if (row.closedMs !== undefined) return null
  const isNameless = row.target === undefined
  return (
    <button
      type="button"
      class="ghost small"
      disabled={isNameless}
      title={
        isNameless ? 'An anonymous stream has a name only with MERCURE_SUBSCRIPTIONS' : undefined
      }
      aria-label={`Kick ${nameOf(row)}`}
      onClick={onAsk}
    >
      Kick
    </button>
  )
}

function Question({
  row,
  onKeep,
  onKick,
}: {
  readonly row: StreamRow
  readonly onKeep: () => void
  readonly onKick: () => void
}) {
  const isSubject = row.target !== undefined && 'sub' in row.target
  return (
    <div class="row">
      <span class="grow">
        {isSubject ? 'Close all streams of this subject' : 'Close this stream'}, and refuse its
        token until it ends? <code>{nameOf(row)}</code>
      </span>
      <button type="button" class="small" onClick={onKeep}>
        Keep
      </button>
      <button type="button" class="small danger" onClick={onKick}>
        {isSubject ? 'Kick subject' : 'Kick stream'}
      </button>
    </div>
  )
}

function nameOf(row: StreamRow): string {
  return row.subject ?? `${matchOf(row)} from ${row.address ?? 'an unknown address'}`
}

function matchOf({ matchers: [first, ...others] }: StreamRow): string {
  return `${first?.pattern ?? ''}${others.length === 0 ? '' : ` and ${others.length} more`}`
}
