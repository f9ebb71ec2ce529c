import type { RefObject } from 'preact'
import { count } from '../shared/format.ts'
import { useMedia } from '../shared/hooks.ts'
import { Icon } from '../shared/icon.tsx'
import { Panel } from '../shared/panel.tsx'
import { useStore } from '../shared/store.ts'
import { EventList } from './event-list.tsx'
import { type EventLog, type EventRow, mostRows, type Row } from './event-log.ts'
import type { Feed } from './feed.ts'
import type { Session } from './session.ts'
import { StreamBox, StreamNotice } from './stream-box.tsx'

export interface Filter {
  readonly text: string
  /** Empty: all. */
  readonly type: string
  /** A stream's number; 0: all. */
  readonly feed: number
}

export interface EventsProps {
  readonly session: Session
  readonly filter: Filter
  readonly onFilter: (filter: Filter) => void
  readonly picked: number | undefined
  readonly onPick: (row: EventRow) => void
  readonly onTry: () => void
  readonly onToken: (task: 'build' | 'read') => void
  readonly search: RefObject<HTMLInputElement | null>
}

/** What arrived: beside each other from 1,800 px, one list of all streams below. */
export function EventsPanel(props: EventsProps) {
  const { session, onTry } = props
  const log = useStore(session.log)
  const { feeds } = session
  const isWide = useMedia('(min-width: 1800px)')
  const isEmpty = feeds.length === 0 && log.rows.length === 0
  return (
    <Panel
      title="Events"
      class="p-events"
      count={`${count(log.received)} received`}
      end={<span class="quiet sub2">newest first</span>}
    >
      {isEmpty ? (
        <TryIt onTry={onTry} />
      ) : (
        <>
          {!isWide && <Streams {...props} />}
          <FilterBar {...props} log={log} />
          {isWide && feeds.length > 0 ? (
            <div class="lanes">
              {feeds.map((feed) => (
                <Lane key={feed.number} {...props} feed={feed} log={log} />
              ))}
            </div>
          ) : (
            <Merged {...props} log={log} />
          )}
        </>
      )}
    </Panel>
  )
}

function TryIt({ onTry }: { readonly onTry: () => void }) {
  return (
    <div class="try">
      <h3>See an event arrive</h3>
      <p class="sub">
        Subscribes to <code>https://example.com/hello</code> and publishes one update to it.
      </p>
      <button type="button" class="primary" onClick={onTry}>
        Try it
      </button>
      <ol class="steps">
        <li>Or subscribe to a topic of your own, then publish to it.</li>
      </ol>
    </div>
  )
}

function Streams({ session, onToken }: EventsProps) {
  return (
    <>
      <div class="streams">
        {session.feeds.map((feed) => (
          <StreamBox key={feed.number} session={session} feed={feed} />
        ))}
      </div>
      <div class="notices">
        {session.feeds.map((feed) => (
          <StreamNotice key={feed.number} session={session} feed={feed} onToken={onToken} />
        ))}
      </div>
    </>
  )
}

type WithLog = EventsProps & { readonly log: EventLog }

function Merged({ session, filter, picked, onPick, log }: WithLog) {
  return (
    <EventList
      label="Events of all streams"
      rows={log.rows.filter(passes(filter, session.feeds))}
      feeds={session.feeds}
      isBurst={log.isBurst}
      dropped={droppedOf(log)}
      picked={picked}
      onPick={onPick}
    />
  )
}

function Lane({
  session,
  filter,
  picked,
  onPick,
  onToken,
  log,
  feed,
}: WithLog & { readonly feed: Feed }) {
  const own = { ...filter, feed: feed.number }
  return (
    <section class="lane" aria-label={`Stream ${feed.wish.name}`}>
      <StreamBox session={session} feed={feed} />
      <StreamNotice session={session} feed={feed} onToken={onToken} />
      <EventList
        label={`Events of ${feed.wish.name}`}
        rows={log.rows.filter(passes(own, session.feeds))}
        feeds={session.feeds}
        isBurst={log.isBurst}
        dropped={droppedOf(log)}
        picked={picked}
        onPick={onPick}
      />
    </section>
  )
}

function droppedOf({ dropped }: EventLog): string {
  return dropped === 0
    ? ''
    : `${count(dropped)} older events dropped from this list. It keeps ${mostRows}.`
}

function FilterBar({ session, filter, onFilter, search, log }: WithLog) {
  const events = log.rows.filter((row) => row.kind === 'event')
  const types = [...new Set(events.map(({ type }) => type))].sort((a, b) => a.localeCompare(b))
  const shown = events.filter(passes(filter, session.feeds)) as readonly EventRow[]
  const set = (part: Partial<Filter>) => onFilter({ ...filter, ...part })
  return (
    <div class="filter" role="group" aria-label="Filter events">
      <div class="search">
        <label class="sr" for="q">
          Filter
        </label>
        <input
          id="q"
          ref={search}
          placeholder="Filter by text, id or topic"
          autocomplete="off"
          value={filter.text}
          onInput={(event) => set({ text: event.currentTarget.value })}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <select
        aria-label="Only type"
        value={filter.type}
        onChange={(event) => set({ type: event.currentTarget.value })}
      >
        <option value="">All types</option>
        {(filter.type === '' || types.includes(filter.type) ? types : [filter.type, ...types]).map(
          (type) => (
            <option key={type}>{type}</option>
          ),
        )}
      </select>
      <select
        aria-label="Only stream"
        value={String(filter.feed)}
        onChange={(event) => set({ feed: Number(event.currentTarget.value) })}
      >
        <option value="0">All streams</option>
        {session.feeds.map(({ number, wish }) => (
          <option key={number} value={String(number)}>
            {wish.name}
          </option>
        ))}
      </select>
      <span class="quiet nowrap">
        {count(shown.length)} of {count(events.length)}
      </span>
      {log.isPaused ? (
        <button type="button" class="primary" onClick={() => log.resume()}>
          <Icon name="play" />
          Resume
        </button>
      ) : (
        <button type="button" onClick={() => log.pause()}>
          <Icon name="pause" />
          Pause
        </button>
      )}
      <button type="button" class="opt-wide" onClick={() => log.clear()}>
        Clear
      </button>
      <button
        type="button"
        title="Export what is shown as NDJSON"
        onClick={() => save(shown, session)}
      >
        <Icon name="save" />
        Export
      </button>
      {log.isPaused && (
        <span class="missed" role="status">
          <b>{count(log.missed)}</b> arrived while paused
        </span>
      )}
    </div>
  )
}

/** Which rows are shown. Dividers and gaps belong to no type and no text: they are always among them. */
function passes({ text, type, feed }: Filter, feeds: readonly Feed[]): (row: Row) => boolean {
  const wanted = text.toLowerCase()
  const isThere = feeds.some(({ number }) => number === feed) // a stream that was closed filters nothing
  return (row) => {
    if (feed !== 0 && isThere && row.feed !== feed) return false
    if (row.kind !== 'event') return true
    if (type !== '' && row.type !== type) return false
    return wanted === '' || textsOf(row).some((one) => one.toLowerCase().includes(wanted))
  }
}

function textsOf(row: EventRow): readonly string[] {
  return [row.data, row.id, row.type, ...(row.about?.topics ?? [row.rule])]
}

/** Downloads what is shown, oldest first, an object per line. */
function save(rows: readonly EventRow[], { feeds }: Session): void {
  const lines = rows.map(({ id, type, data, atMs, feed, about }) => {
    const stream = feeds.find(({ number }) => number === feed)?.wish.name
    const known = about
      ? { topics: about.topics, private: about.isPrivate, sent: iso(about.sentMs) }
      : {}
    return `${JSON.stringify({ id, type, data, stream, received: iso(atMs), ...known })}\n`
  })
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `events-${rows.length}.ndjson`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1_000)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
