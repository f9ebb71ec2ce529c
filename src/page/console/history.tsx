import { useEffect, useState } from 'preact/hooks'
import { CommandLine } from '../shared/copy.tsx'
import { bytes, count, moment, preciseClock } from '../shared/format.ts'
import { Json } from '../shared/json.tsx'
import { Answer, Badge, Notice } from '../shared/marks.tsx'
import { Panel } from '../shared/panel.tsx'
import { Table } from '../shared/table.tsx'
import { history, type HistoryPage, type HistoryRow, payload, republish } from './hub.ts'

/** What is kept, a page at a time; payloads only when somebody asks for one. */
export function History() {
  const [page, setPage] = useState<HistoryPage>()
  const [problem, setProblem] = useState<string>()
  const [from, setFrom] = useState('')
  const [shown, setShown] = useState<readonly [position: number, data: string]>()
  const [said, say] = useState<readonly [isGood: boolean, text: string]>()
  const [asked, setAsked] = useState<number>()
  const [command, setCommand] = useState<string>()
  const turn = (query: string) =>
    history(query).then(
      (found) => {
        setPage(found)
        setProblem(undefined)
      },
      (error: Error) => setProblem(error.message),
    )
  useEffect(() => void turn(''), [])
  const open = async ({ position }: HistoryRow) => {
    if (shown?.[0] === position) return setShown(undefined)
    await payload(position).then(
      ({ data }) => setShown([position, data]),
      (error: Error) => say([false, error.message]),
    )
  }
  const again = async (position: number) => {
    setAsked(undefined)
    await republish(position).then(
      ({ id }) => say([true, `Published again as ${id}`]),
      (error: Error) => say([false, `Not published: ${error.message}`]),
    )
  }
  return (
    <Panel
      title="History"
      id="history"
      isRegion={false}
      count={page && `positions ${count(page.first)} to ${count(page.head)}`}
    >
      <form
        class="pager"
        onSubmit={(event) => {
          event.preventDefault()
          void turn(queryOf(from))
        }}
      >
        <div>
          <label for="from">From a position, an id or a time</label>
          <input
            id="from"
            class="mono"
            value={from}
            placeholder="newest"
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
        </div>
        <button type="submit">Go</button>
        <button type="button" onClick={() => void turn(`before=${page?.older ?? ''}`)}>
          Older
        </button>
        <button type="button" onClick={() => void turn(`after=${page?.newer ?? ''}`)}>
          Newer
        </button>
        <button type="button" onClick={() => setCommand(commandOf(page?.cursor))}>
          Subscribe from here
        </button>
      </form>
      <div class="body">
        {problem !== undefined && <Notice tone="warn">{problem}</Notice>}
        {command !== undefined && <CommandLine text={command} />}
        {said !== undefined && <Answer tone={said[0] ? 'good' : 'bad'}>{said[1]}</Answer>}
      </div>
      <Table
        caption="History"
        empty="Nothing is kept here."
        rows={page?.entries ?? []}
        keyOf={({ position }) => String(position)}
        after={({ position }) => {
          if (asked === position)
            return (
              <div class="row">
                <span class="grow">Publish this update again, with an id of its own?</span>
                <button type="button" class="small" onClick={() => setAsked(undefined)}>
                  No
                </button>
                <button type="button" class="small" onClick={() => void again(position)}>
                  Publish again
                </button>
              </div>
            )
          return shown?.[0] === position ? <Json text={shown[1]} /> : undefined
        }}
        columns={[
          {
            title: 'Position',
            cell: ({ position }) => <span class="mono">{count(position)}</span>,
          },
          {
            title: 'Time',
            cell: ({ timeMs }) => <time title={moment(timeMs)}>{preciseClock(timeMs)}</time>,
          },
          {
            title: 'Topic',
            cell: ({ topics }) => <code>{topics[0]}</code>,
            cut: ({ topics }) => topics.join('\n'),
          },
          { title: 'Id', cell: ({ id }) => <code>{id}</code>, cut: ({ id }) => id },
          {
            title: 'Private',
            cell: ({ isPrivate, kind }) =>
              kind === 'presence' ? (
                <Badge>subscription</Badge>
              ) : isPrivate ? (
                <Badge icon="lock">private</Badge>
              ) : (
                <span class="quiet">no</span>
              ),
          },
          { title: 'Size', isNumber: true, cell: (row) => bytes(row.bytes) },
          {
            title: 'Actions',
            isSilent: true,
            cell: (row) => (
              <span class="nowrap">
                <button
                  type="button"
                  class="ghost small"
                  aria-label={`Show update ${row.position}`}
                  aria-expanded={shown?.[0] === row.position}
                  onClick={() => void open(row)}
                >
                  Show
                </button>
                {row.kind === 'update' && (
                  <button
                    type="button"
                    class="ghost small"
                    aria-label={`Republish update ${row.position}`}
                    onClick={() => setAsked(row.position)}
                  >
                    Republish
                  </button>
                )}
              </span>
            ),
          },
        ]}
      />
    </Panel>
  )
}

/** A position has digits only; what reads as a date is a time in the reader's zone; the rest is an id. */
function queryOf(from: string): string {
  const text = from.trim()
  if (text === '') return ''
  const position = text.replaceAll(/[ ,]/g, '')
  if (/^\d+$/.test(position)) return `before=${Number(position) + 1}`
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? `id=${encodeURIComponent(text)}` : `time=${ms}`
}

function commandOf(cursor = 'earliest'): string {
  return `cinnabar subscribe --last-event-id '${cursor}' '*'`
}
