import { useEffect, useState } from 'preact/hooks'
import { clock, count } from '../shared/format.ts'
import { Notice, Pill } from '../shared/marks.tsx'
import { Panel } from '../shared/panel.tsx'
import { useStore } from '../shared/store.ts'
import { type Column, Table } from '../shared/table.tsx'
import type { Listener, Listeners } from './listeners.ts'
import type { Session } from './session.ts'

/** Rows that the table shows; the numbers count all. */
const mostRows = 200

/** Who listens, from the hub's list and its events. */
export function WhoPanel({
  session,
  listeners,
  isShown,
}: {
  readonly session: Session
  readonly listeners: Listeners
  /** The list is watched only while somebody sees it: its stream is one of few, and is in the list itself. */
  readonly isShown: boolean
}) {
  const { active, state, refusal, startedMs } = useStore(listeners)
  const [wanted, setWanted] = useState('')
  const isOn = session.config?.subscriptions === true
  const isKnown = session.verdict !== undefined
  const isAway = session.awaySinceMs !== undefined
  useEffect(() => {
    if (!isOn || !isKnown || !isShown || isAway) return
    void listeners.watchWith(session.token)
    return () => listeners.stop()
  }, [isOn, isKnown, isShown, isAway, session.token])

  const rows = [...active.values()].filter((one) => isWanted(one, wanted.toLowerCase()))
  const streams = new Set([...active.values()].map(({ subscriber }) => subscriber)).size
  return (
    <Panel
      title="Who listens"
      class="p-who"
      head="dup"
      count={isOn ? `${count(streams)} streams, ${count(active.size)} rules` : 'off'}
    >
      {!isOn && (
        <p class="empty">
          Subscriptions are off. <code>MERCURE_SUBSCRIPTIONS=1</code> turns them on.
        </p>
      )}
      {isOn && (
        <>
          <div class="body">
            <div class="row">
              <label class="sr" for="whoq">
                Search
              </label>
              <input
                id="whoq"
                placeholder="Search matcher or subscriber"
                value={wanted}
                onInput={(event) => setWanted(event.currentTarget.value)}
              />
              <StatePill state={isAway ? 'waiting' : state} />
            </div>
          </div>
          {refusal !== undefined && (
            <Notice tone="bad">
              <p>
                <b>The hub does not show who listens.</b>
              </p>
              <p>
                <q>{refusal.says}</q>
              </p>
            </Notice>
          )}
          <Table
            caption="Subscriptions"
            columns={columnsSince(startedMs)}
            rows={rows.slice(0, mostRows)}
            keyOf={({ id }) => id}
            empty={state === 'live' ? 'Nobody listens.' : 'The list is not there yet.'}
          />
          {rows.length > mostRows && (
            <p class="note-row">
              {mostRows} of {count(rows.length)} are shown. Search for others.
            </p>
          )}
        </>
      )}
    </Panel>
  )
}

function StatePill({ state }: { readonly state: Listeners['state'] }) {
  if (state === 'live')
    return (
      <Pill tone="good" icon="dot" live>
        Live
      </Pill>
    )
  if (state === 'refused')
    return (
      <Pill tone="bad" icon="refused" live>
        Refused
      </Pill>
    )
  return (
    <Pill icon="again" live>
      {state === 'waiting' ? 'Reconnecting' : 'Reading'}
    </Pill>
  )
}

const kinds: Readonly<Record<string, string>> = { exact: 'Exact', urlpattern: 'URL Pattern' }

function columnsSince(startedMs: number): readonly Column<Listener>[] {
  return [
    { title: 'Match', cell: ({ match }) => <code>{match}</code>, cut: ({ match }) => match },
    {
      title: 'Kind',
      cell: ({ match_type: type }) => <span class="nowrap">{kinds[type] ?? type}</span>,
    },
    {
      title: 'Subscriber',
      cell: ({ subscriber }) => <code>{subscriber}</code>,
      cut: ({ subscriber, payload }) =>
        payload === undefined ? subscriber : `${subscriber} ${JSON.stringify(payload)}`,
    },
    {
      title: 'Since',
      isNumber: true,
      cell: ({ sinceMs }) =>
        sinceMs === undefined ? `before ${clock(startedMs)}` : clock(sinceMs),
    },
  ]
}

function isWanted({ match, subscriber }: Listener, wanted: string): boolean {
  return (
    wanted === '' ||
    match.toLowerCase().includes(wanted) ||
    subscriber.toLowerCase().includes(wanted)
  )
}
